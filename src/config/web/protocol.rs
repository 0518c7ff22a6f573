//! Versions, cipher suites and curves by their names in Go, as far as rustls has them. What it does not
//! have because it is weak is left out and said; what would leave nothing is refused.

use rustls::SupportedCipherSuite;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};

use super::http::BOOLEANS;
use crate::config::section::{Section, did_you_mean, nearest};

const MIN: &str = "min_version";
const MAX: &str = "max_version";
const SUITES: &str = "cipher_suites";
const CURVES: &str = "curve_preferences";

const VERSIONS: [(&str, Version); 4] = [
    ("TLS13", Version::Tls13),
    ("TLS12", Version::Tls12),
    ("TLS11", Version::Older),
    ("TLS10", Version::Older),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Older,
    Tls12,
    Tls13,
}

/// How clients may speak.
#[derive(Debug)]
pub(super) struct Protocol {
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) provider: CryptoProvider,
    /// Whether our order of cipher suites goes before the client's.
    pub(super) prefer_ours: bool,
}

impl Protocol {
    /// Reads the keys about it, or reports what cannot be.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let mut versions = read_versions(section);
        let mut provider = aws_lc_rs::default_provider();
        let suites = listed(section, SUITES, "a cipher suite", &suites());
        let curves = listed(section, CURVES, "a curve", &curves());
        let prefer_ours = section.choice("prefer_server_cipher_suites", "a boolean", &BOOLEANS);
        if let Some(suites) = suites {
            provider.cipher_suites.retain(is_of_13);
            provider.cipher_suites.extend(suites.iter().filter(|suite| !is_of_13(suite)));
            let has_12 = provider.cipher_suites.iter().any(|suite| !is_of_13(suite));
            if !has_12 && versions == [&TLS12] {
                section.fault(SUITES, "none of them is served with TLS 1.2", "name one of those that are");
                return None;
            }
            if !has_12 && versions.contains(&&TLS12) {
                versions.retain(|version| **version != TLS12);
                let better = "name one, or set `min_version` to TLS13";
                section.warn(SUITES, "none of TLS 1.2 that is served, so only TLS 1.3 is", better);
            }
        }
        if let Some(curves) = curves {
            if curves.is_empty() {
                section.fault(CURVES, "none of them is served", "name X25519, CurveP256 or CurveP384");
                return None;
            }
            provider.kx_groups = curves;
        }
        let prefer_ours = prefer_ours.unwrap_or(true);
        (!versions.is_empty()).then_some(Self { versions, provider, prefer_ours })
    }
}

/// The versions that are allowed; none after a fault.
fn read_versions(section: &mut Section<'_>) -> Vec<&'static SupportedProtocolVersion> {
    let given = [section.has(MIN), section.has(MAX)];
    let min = section.choice(MIN, "a version of TLS", &VERSIONS);
    let max = section.choice(MAX, "a version of TLS", &VERSIONS);
    if given != [min.is_some(), max.is_some()] {
        return Vec::new();
    }
    let (min, max) = (min.unwrap_or(Version::Tls12), max.unwrap_or(Version::Tls13));
    if min == Version::Older {
        let better = "write TLS12, which is the oldest that is served";
        section.warn(MIN, "a version of TLS that is not served", better);
    }
    if max == Version::Older {
        section.fault(MAX, "a version of TLS that is not served", "write TLS12 or TLS13");
    } else if min > max {
        section.fault(MIN, "above `max_version`", "write the same or an older one");
    }
    let allowed = |version| min <= version && version <= max;
    let mut versions = Vec::new();
    versions.extend(allowed(Version::Tls13).then_some(&TLS13));
    versions.extend(allowed(Version::Tls12).then_some(&TLS12));
    versions
}

/// The list under `key` without what is known and not served; nothing if there is none, or one that is
/// empty, which stands for the usual.
fn listed<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    what: &str,
    table: &[(&str, Option<T>)],
) -> Option<Vec<T>> {
    let served = table.iter().filter(|(_, served)| served.is_some()).map(|(name, _)| *name);
    let served = served.collect::<Vec<_>>().join(", ");
    let items = section.texts(key, &format!("write a list of these: {served}"))?;
    let mut chosen = Vec::new();
    let mut is_sound = true;
    for (number, item) in (1..).zip(&items) {
        match table.iter().find(|(name, _)| name == item) {
            Some((_, Some(one))) => chosen.push(*one),
            Some((name, None)) => section.warn(key, format_args!("`{name}` is not served"), "remove it"),
            None => {
                is_sound = false;
                let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
                let meant = nearest(item, &names).map_or_else(String::new, did_you_mean);
                let right = format_args!("{meant}served here: {served}");
                section.fault(key, format_args!("item {number} is not {what}"), right);
            }
        }
    }
    (is_sound && !items.is_empty()).then_some(chosen)
}

fn is_of_13(suite: &SupportedCipherSuite) -> bool {
    suite.tls13().is_some()
}

/// What Go's `tls.CipherSuites` has named since 1.14, and those of them that rustls has. As in Go, the
/// three of TLS 1.3 are always served.
fn suites() -> [(&'static str, Option<SupportedCipherSuite>); 17] {
    use cipher_suite as rustls;
    [
        ("TLS_AES_128_GCM_SHA256", Some(rustls::TLS13_AES_128_GCM_SHA256)),
        ("TLS_AES_256_GCM_SHA384", Some(rustls::TLS13_AES_256_GCM_SHA384)),
        ("TLS_CHACHA20_POLY1305_SHA256", Some(rustls::TLS13_CHACHA20_POLY1305_SHA256)),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Some(rustls::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Some(rustls::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Some(rustls::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        ),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Some(rustls::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Some(rustls::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)),
        (
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            Some(rustls::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_RSA_WITH_AES_256_CBC_SHA", None),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", None),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", None),
    ]
}

/// The curves that the toolkit knows, and those of them that rustls has.
fn curves() -> [(&'static str, Option<&'static dyn SupportedKxGroup>); 4] {
    [
        ("X25519", Some(kx_group::X25519)),
        ("CurveP256", Some(kx_group::SECP256R1)),
        ("CurveP384", Some(kx_group::SECP384R1)),
        ("CurveP521", None),
    ]
}
