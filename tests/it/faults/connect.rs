//! Servers to which no connection comes about: names, ports and certificates.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wechat_material_exporter::config::ApiConfig;

use crate::faults::drill::{Drill, INTERVAL, failure, is_well, polled, quick_api};
use crate::faults::peer::{Call, End, Fault, Peer, Stage};
use crate::reading::make_certificates;

#[tokio::test]
async fn a_name_that_does_not_exist_and_a_port_that_nobody_listens_on_are_network_failures() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    // RFC 6761: `.invalid` never exists.
    let urls = ["http://api.wechat.invalid".to_owned(), format!("http://{address}")];
    let accounts = urls.iter().enumerate().map(|(n, url)| polled(n, url));
    let drill = Drill::start(accounts.collect()).await;
    drill.fails_as("network").await;
    drill.end().await;
}

/// Ends TLS before a server.
async fn tls_before(server: SocketAddr, certificates: &Path) -> (SocketAddr, JoinSet<()>) {
    let chain = CertificateDer::pem_file_iter(certificates.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = JoinSet::new();
    running.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move { forward(acceptor, stream, server).await.ok() });
        }
    });
    (address, running)
}

async fn forward(acceptor: TlsAcceptor, stream: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}

#[tokio::test]
async fn a_connection_without_trusted_tls_sends_no_request() {
    let (ours, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_certificates(ours.path()).await;
    make_certificates(foreign.path()).await;
    let (trusted, hidden, plain) = (Peer::start().await, Peer::start().await, Peer::start().await);
    let cut = Peer::struck(Fault::Cut(Stage::Accepted, End::Reset), None).await;
    let silent = Peer::struck(Fault::Silence, None).await;
    let (good, _good_runs) = tls_before(trusted.address, ours.path()).await;
    let (bad, _bad_runs) = tls_before(hidden.address, foreign.path()).await;
    let urls = [
        format!("https://localhost:{}", good.port()),
        // Another CA's certificate, and ours for a name that it does not have.
        format!("https://localhost:{}", bad.port()),
        format!("https://127.0.0.2:{}", good.port()),
        format!("https://localhost:{}", plain.address.port()),
        format!("https://localhost:{}", cut.address.port()),
        format!("https://localhost:{}", silent.address.port()),
    ];
    let accounts: Vec<_> = urls.iter().enumerate().map(|(n, url)| polled(n, url)).collect();
    let trusting = accounts[0].name.clone();
    let api = ApiConfig { ca_file: Some(ours.path().join("ca.pem")), ..quick_api() };
    let drill = Drill::with_api(api, INTERVAL, accounts).await;
    drill
        .comes_to(|readings| {
            if readings.account.name == trusting {
                is_well(readings)
            } else {
                failure(readings) == Some(("network", None))
            }
        })
        .await;
    assert_eq!(hidden.all_calls().len(), 0, "no secret goes to a stranger");
    assert_eq!(trusted.calls(Call::Token).len(), 1);
    drill.end().await;
}
