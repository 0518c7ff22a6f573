//! `tls_server_config`: how connections are secured.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;

use super::Files;
use super::clients::Clients;
use super::identity::{self, Identity};
use super::pem::PemKeys;
use super::protocol::Protocol;
use crate::clock::WallTime;
use crate::config::section::Section;

const CERTIFICATE: PemKeys = PemKeys { inline: "cert", file: "cert_file", is_secret: false };
const KEY: PemKeys = PemKeys { inline: "key", file: "key_file", is_secret: true };

/// How connections are secured.
#[derive(Clone)]
pub struct ServerTls {
    /// For rustls.
    pub server: Arc<ServerConfig>,
    /// When the certificate ends.
    pub ends: WallTime,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// When the certificate ends, as people write it.
    pub fn end_date(&self) -> String {
        identity::date(self.ends)
    }
}

/// Reads the section, or reports what is wrong with it.
pub(super) fn read(mut section: Section<'_>, files: &mut Files<'_>, now: WallTime) -> Option<ServerTls> {
    CERTIFICATE.require(&section);
    KEY.require(&section);
    let certificate = CERTIFICATE.read(&mut section, files);
    let key = KEY.read(&mut section, files);
    let clients = Clients::read(&mut section, files);
    let protocol = Protocol::read(&mut section);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Identity::of(&certificate, &key, now, &section),
        _ => None,
    };
    section.finish();
    let Identity { certified, ends } = identity?;
    let Protocol { versions, provider, prefer_ours } = protocol?;
    let provider = Arc::new(provider);
    let verifier = clients?.verifier(&provider)?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .ok()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    server.ignore_client_order = prefer_ours;
    // Prometheus offers h2 too, and takes this.
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(ServerTls { server: Arc::new(server), ends })
}
