//! Which client certificates are asked for and who verifies them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Files;
use super::pem::{Pem, PemKeys};
use crate::config::section::Section;

const CA: PemKeys = PemKeys { inline: "client_ca", file: "client_ca_file", is_secret: false };
const TYPE: &str = "client_auth_type";
const SANS: &str = "client_allowed_sans";

/// The types of Go's crypto/tls. The last is an older name that the toolkit still takes.
const TYPES: [(&str, Asking); 6] = [
    ("NoClientCert", Asking::No),
    ("RequestClientCert", Asking::Unverified { is_mandatory: false }),
    ("RequireAnyClientCert", Asking::Unverified { is_mandatory: true }),
    ("VerifyClientCertIfGiven", Asking::Verified { is_mandatory: false }),
    ("RequireAndVerifyClientCert", Asking::Verified { is_mandatory: true }),
    ("RequireClientCert", Asking::Unverified { is_mandatory: true }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    No,
    Unverified { is_mandatory: bool },
    Verified { is_mandatory: bool },
}

impl Asking {
    fn is_mandatory(self) -> bool {
        matches!(self, Self::Unverified { is_mandatory: true } | Self::Verified { is_mandatory: true })
    }
}

/// What is asked of clients.
#[derive(Debug)]
pub(super) struct Clients {
    asking: Asking,
    roots: Option<RootCertStore>,
    allowed_sans: Option<Vec<String>>,
}

impl Clients {
    /// Reads the keys about client certificates, or reports what is wrong with them.
    pub(super) fn read(section: &mut Section<'_>, files: &mut Files<'_>) -> Option<Self> {
        let given = [CA.is_in(section), section.has(TYPE), section.has(SANS)];
        let roots = CA.read(section, files).and_then(|ca| roots(&ca, section));
        let asking = section.choice(TYPE, "a type of client authentication", &TYPES);
        let allowed_sans = section.texts(SANS, "write a list of names, such as `[prometheus.internal]`");
        // What is wrong with one of them says nothing about how they go together.
        if given != [roots.is_some(), asking.is_some(), allowed_sans.is_some()] {
            return None;
        }
        let clients = Self { asking: asking.unwrap_or(Asking::No), roots, allowed_sans };
        clients.check(section);
        Some(clients)
    }

    /// Reports what does not go together.
    fn check(&self, section: &Section<'_>) {
        let verify = "set it to RequireAndVerifyClientCert";
        match (self.asking, &self.roots) {
            (Asking::No, Some(_)) => {
                section.fault(TYPE, "a CA for client certificates, and none is asked for", verify);
            }
            (Asking::Verified { .. }, None) => {
                section.fault(CA.file, "missing", "name the CA that client certificates are of");
            }
            (Asking::Unverified { .. }, _) => {
                section.warn(TYPE, "client certificates that nobody verifies", verify);
            }
            (Asking::No, None) | (Asking::Verified { .. }, Some(_)) => {}
        }
        match &self.allowed_sans {
            Some(sans) if sans.is_empty() => {
                section.fault(SANS, "an empty list, which no client is on", "name a client, or remove it");
            }
            Some(_) if !self.asking.is_mandatory() => {
                let right = format_args!("set `{TYPE}` to RequireAndVerifyClientCert");
                section.fault(SANS, "names of clients that need not show a certificate", right);
            }
            Some(_) | None => {}
        }
    }

    /// What rustls is to ask.
    pub(super) fn verifier(self, provider: &Arc<CryptoProvider>) -> Option<Arc<dyn ClientCertVerifier>> {
        let Self { asking, roots, allowed_sans } = self;
        let verified = match asking {
            Asking::No => return Some(WebPkiClientVerifier::no_client_auth()),
            Asking::Unverified { .. } => None,
            Asking::Verified { is_mandatory } => {
                let builder =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots?), Arc::clone(provider));
                let builder = if is_mandatory { builder } else { builder.allow_unauthenticated() };
                Some(builder.build().ok()?)
            }
        };
        let is_mandatory = asking.is_mandatory();
        let provider = Arc::clone(provider);
        Some(Arc::new(Asked { verified, is_mandatory, allowed_sans, provider }))
    }
}

fn roots(ca: &Pem, section: &Section<'_>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in ca.certificates(section)? {
        if roots.add(certificate).is_err() {
            section.fault(ca.key, "a certificate that cannot be read", "give the certificates of CAs");
            return None;
        }
    }
    Some(roots)
}

/// Asks for a certificate, has it verified if there is somebody who does, and looks at the names in it.
#[derive(Debug)]
struct Asked {
    verified: Option<Arc<dyn ClientCertVerifier>>,
    is_mandatory: bool,
    allowed_sans: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Asked {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verified.as_ref().map_or(&[], |verified| verified.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(verified) = &self.verified {
            verified.verify_client_cert(end_entity, intermediates, now)?;
        }
        if let Some(allowed) = &self.allowed_sans {
            let names = alternative_names(end_entity)
                .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
            if !names.iter().any(|name| allowed.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The names that a certificate has beside its subject, as the toolkit spells them. Nothing if it cannot
/// be read.
fn alternative_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let Some((_, SubjectAltName(names))) = certificate.tbs_certificate().get_extension().ok()? else {
        return Some(Vec::new());
    };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|address| address.to_string()),
        _ => None,
    };
    Some(names.iter().filter_map(text).collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    v4.or(v6).ok().map(|address| address.to_canonical())
}
