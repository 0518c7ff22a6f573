use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::routing::get;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use super::*;

/// Longer than any test takes: a limit with this value plays no part in it.
const NEVER: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(150);
/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

const UNLIMITED: ConnectionLimits =
    ConnectionLimits { header: NEVER, stalled_write: NEVER, answer: NEVER, idle: NEVER, connections: 512 };

/// A body without end, in large chunks.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

/// A server whose `/slow` answers once it gets a permit, and says when it was asked.
struct Server {
    address: SocketAddr,
    /// Where it listens too.
    other_address: SocketAddr,
    stop: CancellationToken,
    asked: mpsc::UnboundedReceiver<()>,
    permits: Arc<Semaphore>,
    running: JoinSet<()>,
}

impl Server {
    async fn start(limits: ConnectionLimits) -> Self {
        let [listener, other] = [
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        ];
        let [address, other_address] = [&listener, &other].map(|it| it.local_addr().unwrap());
        let (ask, asked) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        let gate = Arc::clone(&permits);
        let slow = async move || {
            ask.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            "slow"
        };
        let router = Router::new()
            .route("/", get(async || "quick"))
            .route("/slow", get(slow))
            .route("/endless", get(async || Body::new(Endless)))
            .route("/panic", get(async || -> &'static str { panic!("as this test wants") }));
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(serve(vec![listener, other], router, None, limits, stop.clone()));
        Self { address, other_address, stop, asked, permits, running }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// A connection that had one answer and is idle now. The server may learn a moment later than
    /// the client that the last byte is written.
    async fn idle(&self) -> Client {
        let mut client = self.connect().await;
        assert!(client.get("/").await.ends_with("quick"));
        client
    }

    /// A connection with a request in progress.
    async fn asking(&mut self) -> Client {
        let mut client = self.connect().await;
        client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        self.asked.recv().await.unwrap();
        client
    }

    async fn ended(&mut self) {
        timeout(PATIENCE, self.running.join_next()).await.unwrap().unwrap().unwrap();
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Returns when what was sent waits at the server's end, whose task does not run meanwhile.
    fn wait_until_it_came(&self) {
        let [ours, servers] =
            [self.0.local_addr(), self.0.peer_addr()].map(|it| format!(":{:04X}", it.unwrap().port()));
        let began = Instant::now();
        // Number, local and remote address, state, bytes to send and to read.
        let has_come = |line: &str| {
            let mut columns = line.split_ascii_whitespace().skip(1);
            let [local, remote, _, bytes] = [(); 4].map(|()| columns.next().unwrap_or_default());
            local.ends_with(&servers) && remote.ends_with(&ours) && !bytes.ends_with(":00000000")
        };
        while !std::fs::read_to_string("/proc/net/tcp").unwrap().lines().any(has_come) {
            assert!(began.elapsed() < PATIENCE, "it has not come");
        }
    }

    async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        self.answer().await
    }

    /// One answer of known length.
    async fn answer(&mut self) -> String {
        let mut text = String::new();
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    return text;
                }
            }
            let mut byte = [0];
            let read = timeout(PATIENCE, self.0.read(&mut byte)).await.unwrap().unwrap();
            assert_eq!(read, 1, "the connection ended early, after {text:?}");
            text.push(char::from(byte[0]));
        }
    }

    /// Everything up to the end of the connection, however it ends.
    async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        assert!(ended.is_ok(), "the server did not close the connection");
        bytes
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_after_the_header_time() {
    let server = Server::start(ConnectionLimits { header: SHORT, ..UNLIMITED }).await;
    let mut fresh = server.connect().await;
    let began = Instant::now();
    fresh.send("GET / HT").await;
    assert_eq!(fresh.rest().await, b"");
    assert!(began.elapsed() >= SHORT);

    let mut kept = server.idle().await;
    kept.send("G").await;
    assert_eq!(kept.rest().await, b"", "the second request has the same limit");
}

#[tokio::test]
async fn bytes_that_trickle_in_do_not_put_the_header_time_off() {
    let server = Server::start(ConnectionLimits { header: SHORT, ..UNLIMITED }).await;
    let (mut read, mut write) = server.connect().await.0.into_split();
    let mut trickle = JoinSet::new();
    trickle.spawn(async move {
        let mut pace = tokio::time::interval(SHORT / 10);
        write.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        while write.write_all(b"y").await.is_ok() {
            pace.tick().await;
        }
    });
    timeout(PATIENCE, read.read(&mut [0])).await.expect("the server closes the connection").ok();
}

#[tokio::test]
async fn an_idle_connection_is_cut_after_the_idle_time_and_no_other_limit_counts_there() {
    let limits = ConnectionLimits { idle: 3 * SHORT, header: SHORT, answer: SHORT, ..UNLIMITED };
    let server = Server::start(limits).await;
    let began = Instant::now();
    let (mut fresh, mut kept) = (server.connect().await, server.idle().await);
    for client in [&mut fresh, &mut kept] {
        assert_eq!(client.rest().await, b"");
        assert!(began.elapsed() >= limits.idle);
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let limits = ConnectionLimits { stalled_write: SHORT, connections: 1, ..UNLIMITED };
    let server = Server::start(limits).await;
    let mut deaf = server.connect().await;
    deaf.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Its answer has begun, so it is not idle, and it reads no further.
    deaf.0.peek(&mut [0]).await.unwrap();
    assert!(server.connect().await.get("/").await.ends_with("quick"));
    drop(deaf);
}

#[tokio::test]
async fn a_client_that_reads_on_is_cut_after_the_answer_time() {
    let limits = ConnectionLimits { answer: 2 * SHORT, ..UNLIMITED };
    let server = Server::start(limits).await;
    let mut client = server.connect().await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let began = Instant::now();
    let bytes = client.rest().await;
    assert!(began.elapsed() >= 2 * SHORT);
    assert!(bytes.len() > 1024 * 1024, "it made progress all the time");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_cut_whatever_the_client_sends_meanwhile() {
    let mut server = Server::start(ConnectionLimits { answer: SHORT, ..UNLIMITED }).await;
    let mut client = server.asking().await;
    client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_head_begun_during_an_answer_has_the_header_time() {
    let mut server = Server::start(ConnectionLimits { header: SHORT, ..UNLIMITED }).await;
    let mut client = server.asking().await;
    client.send("GET / HT").await;
    server.permits.add_permits(1);
    assert!(client.answer().await.ends_with("slow"));
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(UNLIMITED).await;
    let mut client = server.connect().await;
    client.send(&"GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3)).await;
    for _ in 0..3 {
        assert!(client.answer().await.ends_with("quick"));
    }
}

#[tokio::test]
async fn at_the_cap_the_oldest_idle_connection_gives_way() {
    let mut server = Server::start(ConnectionLimits { connections: 3, ..UNLIMITED }).await;
    let mut busy = server.asking().await;
    let mut older = server.idle().await;
    let mut newer = server.idle().await;
    // A second answer makes `older` the one that is idle for less long.
    assert!(older.get("/").await.ends_with("quick"));
    let mut newcomer = server.idle().await;
    assert_eq!(newer.rest().await, b"", "it was idle for longest");
    assert!(older.get("/").await.ends_with("quick"));
    assert!(newcomer.get("/").await.ends_with("quick"));
    server.permits.add_permits(1);
    assert!(busy.answer().await.ends_with("slow"));
}

#[tokio::test]
async fn listeners_share_the_cap() {
    let server = Server::start(ConnectionLimits { connections: 2, ..UNLIMITED }).await;
    let on_the_other = async || {
        let mut client = Client(TcpStream::connect(server.other_address).await.unwrap());
        assert!(client.get("/").await.ends_with("quick"));
        client
    };
    let mut oldest = server.idle().await;
    let mut newer = on_the_other().await;
    let mut newcomer = on_the_other().await;
    assert_eq!(oldest.rest().await, b"", "it was idle for longest");
    assert!(newer.get("/").await.ends_with("quick"));
    assert!(newcomer.get("/").await.ends_with("quick"));
}

#[tokio::test]
async fn at_the_cap_requests_in_progress_survive_and_a_newcomer_waits() {
    let mut server = Server::start(ConnectionLimits { connections: 2, ..UNLIMITED }).await;
    let mut first = server.asking().await;
    let mut second = server.asking().await;
    let mut newcomer = server.connect().await;
    newcomer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;

    server.permits.add_permits(1);
    assert!(newcomer.answer().await.ends_with("quick"), "the first to become idle gave way");
    server.permits.add_permits(1);
    for client in [&mut first, &mut second] {
        assert!(client.answer().await.ends_with("slow"));
    }
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let server = Server::start(UNLIMITED).await;
    let mut client = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(100_000));
    // The server may close before all of it is sent.
    client.0.write_all(head.as_bytes()).await.ok();
    let answer = client.rest().await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");

    let mut client = server.connect().await;
    let fits = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(8_000));
    client.send(&fits).await;
    assert!(client.answer().await.ends_with("quick"));
}

#[tokio::test]
async fn a_body_nobody_asked_for_does_not_stop_the_answer() {
    let server = Server::start(UNLIMITED).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
    assert!(client.answer().await.ends_with("quick"));
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\nhello").await;
    assert!(client.answer().await.starts_with("HTTP/1.1 405 "));
    assert_eq!(client.rest().await, b"", "a body that is not read ends the connection");
}

#[tokio::test]
async fn a_panicking_handler_ends_its_own_connection_only() {
    let server = Server::start(ConnectionLimits { connections: 2, ..UNLIMITED }).await;
    let mut other = server.idle().await;
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(client.rest().await, b"");
    }
    assert!(other.get("/").await.ends_with("quick"));
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_lets_an_answer_end() {
    let mut server = Server::start(UNLIMITED).await;
    let mut idle = server.idle().await;
    let mut busy = server.asking().await;
    let mut silent = server.connect().await;
    server.stop.cancel();
    assert_eq!(idle.rest().await, b"");
    assert_eq!(silent.rest().await, b"");
    while TcpStream::connect(server.address).await.is_ok() {
        yield_now().await;
    }
    assert!(server.running.try_join_next().is_none(), "it waits for the answer");

    server.permits.add_permits(1);
    let answer = String::from_utf8(busy.rest().await).unwrap();
    assert!(answer.ends_with("slow") && answer.contains("connection: close"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn requests_that_came_before_the_stop_are_answered() {
    let mut server = Server::start(UNLIMITED).await;
    // The server has not accepted the second one yet.
    let mut clients = [server.idle().await, server.connect().await];
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.wait_until_it_came();
    }
    server.stop.cancel();
    for client in &mut clients {
        assert!(client.answer().await.ends_with("quick"));
    }
    server.ended().await;
}

#[tokio::test]
async fn a_stop_at_the_cap_drops_the_waiting_newcomer() {
    let mut server = Server::start(ConnectionLimits { connections: 1, ..UNLIMITED }).await;
    let mut busy = server.asking().await;
    let mut newcomer = server.connect().await;
    newcomer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.stop.cancel();
    assert_eq!(newcomer.rest().await, b"");
    server.permits.add_permits(1);
    assert!(busy.rest().await.ends_with(b"slow"));
    server.ended().await;
}
