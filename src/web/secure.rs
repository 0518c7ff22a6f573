//! A connection under a guard: the TLS handshake, if there is one, then HTTP.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::web::connection::{self, ConnectionLimits};
use crate::web::guard::{Guard, Origin, Tls};
use crate::web::progress::Progress;

/// What a client is told that speaks HTTP where TLS is spoken.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    connection: close\r\n\r\nThis port speaks HTTPS, not HTTP.\n";

/// As [`connection::run`]. A handshake may take as long as a request head, and is not begun again.
pub(super) async fn run(
    stream: TcpStream,
    guard: Arc<Guard>,
    router: Router,
    limits: ConnectionLimits,
    progress: Arc<Progress>,
    leave: CancellationToken,
) {
    let Ok(peer) = stream.peer_addr() else { return };
    let origin = Some(Origin::of(peer.ip()));
    let Some(Tls { acceptor, replaced }) = guard.tls() else {
        return connection::run(stream, origin, router, limits, progress, leave.cancelled()).await;
    };
    drop(guard);
    let shaken = tokio::select! {
        () = leave.cancelled() => return,
        shaken = timeout(limits.header, shake_hands(stream, &acceptor)) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let left = async {
                tokio::select! {
                    () = leave.cancelled() => {}
                    () = replaced.cancelled() => {}
                }
            };
            connection::run(stream, origin, router, limits, progress, left).await;
        }
        Ok(Err(error)) => tell(peer.ip(), &error),
        Err(_) => tell(peer.ip(), &io::ErrorKind::TimedOut.into()),
    }
}

async fn shake_hands(
    mut stream: TcpStream,
    acceptor: &tokio_rustls::TlsAcceptor,
) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // A method of HTTP begins so, and no record of TLS.
    if first[0].is_ascii_uppercase() {
        let mut head = [0; 4096];
        _ = stream.read(&mut head).await?;
        stream.write_all(PLAIN_HTTP).await?;
        stream.shutdown().await?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP where TLS is spoken"));
    }
    acceptor.accept(stream).await
}

fn tell(peer: IpAddr, error: &io::Error) {
    tracing::debug!(%peer, %error, "TLS handshake failed");
}
