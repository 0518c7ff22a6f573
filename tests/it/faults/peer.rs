//! A server that answers the calls of the API in raw bytes, as well or as badly as a test wants, and
//! remembers when it was called.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::program::PATIENCE;

const TOKEN: &str = r#"{"access_token":"15_peer","expires_in":7200}"#;
const COUNTS: &str = r#"{"voice_count":1,"video_count":2,"image_count":3,"news_count":4}"#;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Token,
    Data,
}

impl Call {
    pub(crate) const BOTH: [Self; 2] = [Self::Token, Self::Data];

    const fn body(self) -> &'static str {
        match self {
            Self::Token => TOKEN,
            Self::Data => COUNTS,
        }
    }
}

/// How far a connection comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Accepted,
    Asked,
    WithinHead,
    HeadSent,
    WithinBody,
}

impl Stage {
    /// How much of the answer is sent by then.
    fn bytes(self, call: Call) -> usize {
        let head = head(call).len();
        match self {
            Self::Accepted | Self::Asked => 0,
            Self::WithinHead => head / 2,
            Self::HeadSent => head,
            Self::WithinBody => head + call.body().len() / 2,
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    /// RST instead of FIN.
    Reset,
}

/// What a call gets instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends at this stage.
    Cut(Stage, End),
    /// These bytes and the end of the connection.
    Raw(&'static str),
    /// From this stage on, the answer comes a byte at a time.
    Drip(Stage),
    /// Header lines for as long as the client reads.
    EndlessHead,
    /// A body for as long as the client reads.
    EndlessBody,
    /// Nothing, and the connection stays.
    Silence,
}

/// Serves until it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _running: JoinSet<()>,
}

#[derive(Default)]
struct State {
    /// The fault and the calls that it strikes: all where none is named.
    fault: Mutex<Option<(Fault, Option<Call>)>>,
    calls: Mutex<Vec<(Call, Instant)>>,
    count: watch::Sender<usize>,
}

impl Peer {
    /// A server that is well.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _running: running }
    }

    /// A server on which `calls` fail, or all of them.
    pub(crate) async fn struck(fault: Fault, calls: Option<Call>) -> Self {
        let peer = Self::start().await;
        peer.strike(fault, calls);
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `calls` fail, or all of them.
    pub(crate) fn strike(&self, fault: Fault, calls: Option<Call>) {
        *lock(&self.state.fault) = Some((fault, calls));
    }

    pub(crate) fn heal(&self) {
        *lock(&self.state.fault) = None;
    }

    /// When it was called so far, whatever became of it. A call is known once its head is read.
    pub(crate) fn calls(&self, call: Call) -> Vec<Instant> {
        lock(&self.state.calls).iter().filter(|(one, _)| *one == call).map(|(_, at)| *at).collect()
    }

    /// When it was called for anything.
    pub(crate) fn all_calls(&self) -> Vec<Instant> {
        lock(&self.state.calls).iter().map(|(_, at)| *at).collect()
    }

    /// Waits until there were so many calls.
    pub(crate) async fn called(&self, call: Call, times: usize) {
        let mut count = self.state.count.subscribe();
        let wait = async {
            while self.calls(call).len() < times {
                count.changed().await.unwrap();
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "called {} times and not {times} times", self.calls(call).len());
    }
}

/// The most calls that began within any one `window`; `calls` are in order.
pub(crate) fn busiest(calls: &[Instant], window: Duration) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, &at) in calls.iter().enumerate() {
        while at - calls[first] >= window {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

impl State {
    fn fault(&self, call: Option<Call>) -> Option<Fault> {
        let (fault, struck) = (*lock(&self.fault))?;
        (struck.is_none() || struck == call).then_some(fault)
    }

    fn note(&self, call: Call) {
        lock(&self.calls).push((call, Instant::now()));
        self.count.send_modify(|count| *count += 1);
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // What a client does to its connection is no business of this server.
            serve(BufReader::new(stream), &state).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: BufReader<TcpStream>, state: &State) -> io::Result<()> {
    if let Some(Fault::Cut(Stage::Accepted, end)) = state.fault(None) {
        return cut(stream.get_ref(), end);
    }
    while let Some(call) = request(&mut stream).await? {
        state.note(call);
        match state.fault(Some(call)) {
            None => stream.write_all(format!("{}{}", head(call), call.body()).as_bytes()).await?,
            Some(fault) => return inflict(fault, call, stream.into_inner()).await,
        }
    }
    Ok(())
}

/// Reads a request to its end; nothing when the client has gone.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line).await? > 2 {
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        line.clear();
    }
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(Some(if first.contains("stable_token") { Call::Token } else { Call::Data }))
}

fn head(call: Call) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", call.body().len())
}

async fn inflict(fault: Fault, call: Call, mut stream: TcpStream) -> io::Result<()> {
    let whole = format!("{}{}", head(call), call.body()).into_bytes();
    match fault {
        Fault::Cut(stage, end) => {
            stream.write_all(&whole[..stage.bytes(call)]).await?;
            cut(&stream, end)
        }
        Fault::Raw(bytes) => stream.write_all(bytes.as_bytes()).await,
        Fault::Drip(stage) => {
            let (at_once, dripping) = whole.split_at(stage.bytes(call));
            stream.write_all(at_once).await?;
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            for byte in dripping {
                pace.tick().await;
                stream.write_all(&[*byte]).await?;
            }
            Ok(())
        }
        Fault::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            endless(stream, "X-Filler: 0123456789abcdef\r\n").await
        }
        Fault::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            endless(stream, "0123456789abcdef").await
        }
        Fault::Silence => stream.read(&mut [0]).await.map(drop),
    }
}

async fn endless(mut stream: TcpStream, text: &str) -> io::Result<()> {
    let piece = text.repeat(1_000);
    loop {
        stream.write_all(piece.as_bytes()).await?;
    }
}

/// The stream ends when it is dropped.
fn cut(stream: &TcpStream, end: End) -> io::Result<()> {
    match end {
        End::Close => Ok(()),
        End::Reset => stream.set_zero_linger(),
    }
}
