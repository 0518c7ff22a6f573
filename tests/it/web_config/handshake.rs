//! The handshake as part of a connection: bounded in time and number, and helpful to who speaks HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::web::load_web;
use wechat_material_exporter::web::accept::serve;
use wechat_material_exporter::web::connection::ConnectionLimits;
use wechat_material_exporter::web::guard::Guard;

use super::*;

/// A server in this process; it ends with the set.
async fn start(site: &Site, limits: ConnectionLimits, running: &mut JoinSet<()>) -> SocketAddr {
    site.write("web.yml", TLS);
    let loaded = load_web(&site.path("web.yml"), Clock::System.now()).unwrap();
    let guard = Arc::new(Guard::new(loaded.config, false).unwrap());
    let router = Router::new().route("/", get(|| async { "hello" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    running.spawn(serve(vec![listener], router, Some(guard), limits, CancellationToken::new()));
    address
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut_like_a_slow_request() {
    let (site, mut running) = (Site::start().await, JoinSet::new());
    let limits = ConnectionLimits { header: Duration::from_millis(200), ..ConnectionLimits::default() };
    let address = start(&site, limits, &mut running).await;
    // Nothing, and the beginning of a record that promises 512 bytes.
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let mut said = Vec::new();
        within("the cut", stream.read_to_end(&mut said)).await.unwrap();
        assert_eq!(said, b"");
    }
}

#[tokio::test]
async fn handshakes_count_as_connections_and_make_room() {
    let (site, mut running) = (Site::start().await, JoinSet::new());
    let limits = ConnectionLimits {
        header: Duration::from_secs(3_600),
        connections: 2,
        ..ConnectionLimits::default()
    };
    let address = start(&site, limits, &mut running).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let _second = TcpStream::connect(address).await.unwrap();
    let client = site.client().build().unwrap();
    let answer = client.get(format!("https://{address}/")).send().await.unwrap();
    assert_eq!(told(answer).await, (200, "hello".to_owned()));
    let mut said = Vec::new();
    within("the oldest to leave", first.read_to_end(&mut said)).await.unwrap();
}

#[tokio::test]
async fn who_speaks_http_is_told_to_speak_https() {
    let site = Site::start().await;
    let exporter = site.serve(TLS, &[]).await;
    let plain = exporter.url.replace("https://", "http://");
    let (status, text) = told(reqwest::get(plain + "/metrics").await.unwrap()).await;
    assert_eq!((status, text.as_str()), (400, "This port speaks HTTPS, not HTTP.\n"));
    // Anything else is no reason to fall.
    let address = exporter.url.strip_prefix("https://").unwrap();
    for rubbish in [&b"\0\0\0\0"[..], b"\x16\xff\xff\xff\xff\xff", &[0xff; 8_000]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be cut before all is sent.
        drop(stream.write_all(rubbish).await);
    }
    let answer = site.client().build().unwrap().get(format!("{}/-/healthy", exporter.url)).send().await;
    assert_eq!(told(answer.unwrap()).await.0, 200);
    exporter.stop().await;
}
