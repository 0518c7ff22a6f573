//! Who the exporter is to its clients: a certificate with its chain, and the key of it.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_cert::certificate::Version;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

use super::pem::Pem;
use crate::clock::WallTime;
use crate::config::section::Section;

/// A certificate with its chain and key.
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    /// When the certificate itself ends, whatever stands behind it in the chain.
    pub(super) ends: WallTime,
}

impl Identity {
    /// Of two texts that belong together, or a fault.
    pub(super) fn of(certificate: &Pem, key: &Pem, now: WallTime, section: &Section<'_>) -> Option<Self> {
        let chain = certificate.certificates(section);
        let private_key = key.private_key(section);
        let (chain, private_key) = (chain?, private_key?);
        let ends = check_time(certificate.key, chain.first()?, now, section)?;
        let Ok(private_key) = any_supported_type(&private_key) else {
            let right = "give a key of RSA (2048 to 8192 bits), ECDSA (P-256, P-384, P-521) or Ed25519";
            section.fault(key.key, "a private key that cannot be used", right);
            return None;
        };
        let certified = CertifiedKey::new(chain, private_key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Some(Self { certified: Arc::new(certified), ends })
            }
            Err(Error::InconsistentKeys(_)) => {
                let right = format_args!("give the key of the first certificate in `{}`", certificate.key);
                section.fault(key.key, "the key of another certificate", right);
                None
            }
            Err(_) => unreadable(certificate.key, section),
        }
    }
}

/// When the certificate ends. Warns of one that clients refuse for its time.
fn check_time(
    key: &'static str,
    certificate: &CertificateDer<'_>,
    now: WallTime,
    section: &Section<'_>,
) -> Option<WallTime> {
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate) else {
        return unreadable(key, section);
    };
    let parsed = parsed.tbs_certificate();
    if parsed.version() != Version::V3 {
        let right = "make one with the extension subjectAltName, which names the exporter's hosts";
        section.fault(key, "a certificate of an old version of X.509", right);
        return None;
    }
    let wall = |time: Time| {
        let millis = i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX);
        WallTime::from_millis(millis)
    };
    let begins = wall(parsed.validity().not_before);
    let ends = wall(parsed.validity().not_after);
    if now < begins {
        let doubtful = format_args!("a certificate that begins at {}", date(begins));
        section.warn(key, doubtful, "look at the clock of this machine: clients refuse it until then");
    }
    if ends < now {
        let doubtful = format_args!("a certificate that ended at {}", date(ends));
        section.warn(key, doubtful, "renew it: clients refuse it");
    }
    Some(ends)
}

fn unreadable<T>(key: &'static str, section: &Section<'_>) -> Option<T> {
    section.fault(key, "a certificate that cannot be read", "make it anew");
    None
}

/// A moment as people write it.
pub(super) fn date(time: WallTime) -> String {
    Timestamp::from_millisecond(time.millis()).map(|time| time.to_string()).unwrap_or_default()
}
