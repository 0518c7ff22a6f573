//! One connection to a Redis server: how it is opened, asked and found to be dead.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisError, RedisResult, from_redis_value, pipe};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Fault, Server};
use crate::handshake::secure;
use crate::wechat::error::foreign;

/// Longest time for an answer: Redis is near and answers from memory.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that nobody used for so long is closed; its URL may be out of use.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// A connection that several readers use at once.
pub(super) struct Connection {
    handle: MultiplexedConnection,
    /// Moves the bytes; ends with the connection, and with it the connection.
    driver: JoinSet<()>,
    is_cut: AtomicBool,
    used_at: Mutex<Instant>,
}

/// What a key holds.
#[derive(Debug)]
pub(super) struct Held {
    /// None when there is no such key.
    pub(super) value: Option<Vec<u8>>,
    /// None when it does not expire.
    pub(super) life: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    why: Why,
    /// Whether the connection had ended, so that another may do better.
    pub(super) is_cut: bool,
}

#[derive(Debug)]
enum Why {
    Broken(RedisError),
    Refused(&'static str, RedisError),
    TimedOut,
}

impl Connection {
    /// Connects and logs in. `pem` are certificates to trust beside the system's.
    pub(super) async fn open(server: &Server, pem: Vec<u8>, within: Duration) -> Result<Self, Fault> {
        let place = &server.place;
        let opened = timeout(within, async {
            let tcp = TcpStream::connect((server.host.as_str(), server.port)).await;
            let tcp = tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
            let tcp = tcp.map_err(|error| Fault::network(format!("{place}: cannot connect: {error}")))?;
            if !server.is_tls {
                return Self::log_in(server, tcp).await;
            }
            let tls = secure(&server.host, &pem, tcp).await;
            let tls = tls.map_err(|error| {
                Fault::network(format!("{place}: no TLS: {}", foreign(&error.to_string(), &[])))
            })?;
            Self::log_in(server, tls).await
        });
        opened.await.unwrap_or_else(|_| Err(Fault::network(format!("{place}: cannot connect: timed out"))))
    }

    async fn log_in(
        server: &Server,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, Fault> {
        // Each answer is waited for as long as is right here, not as the library thinks.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&server.login, stream, config).await;
        let (handle, drive) = opened.map_err(|error| server.login_fault(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(drive);
        Ok(Self { handle, driver, is_cut: AtomicBool::new(false), used_at: Mutex::new(Instant::now()) })
    }

    /// Whether it is still there, as far as is known, and in use.
    pub(super) fn is_usable(&self) -> bool {
        let used_at = *self.used_at.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_cut.load(Ordering::Relaxed) && used_at.elapsed() < IDLE
    }

    /// What the key holds now.
    pub(super) async fn ask(&self, key: &str) -> Result<Held, Unanswered> {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut handle = self.handle.clone();
        // `PTTL` goes first: a token that comes in between then gets the shorter life of the old
        // one, not the old one the longer life of the new.
        let mut commands = pipe();
        commands.cmd("PTTL").arg(key).cmd("GET").arg(key).ignore_errors();
        let answers = timeout(TIMEOUT, commands.query_async::<Vec<RedisResult<::redis::Value>>>(&mut handle));
        let why = match answers.await {
            Ok(Ok(answers)) => return held(answers).map_err(|why| Unanswered { why, is_cut: false }),
            Ok(Err(error)) => Why::Broken(error),
            Err(_) => Why::TimedOut,
        };
        // A late answer would still come in order, but one that never comes would hold up all others.
        self.is_cut.store(true, Ordering::Relaxed);
        Err(Unanswered { is_cut: matches!(why, Why::Broken(_)), why })
    }
}

impl Unanswered {
    pub(super) fn fault(&self, server: &Server, key: &str) -> Fault {
        match &self.why {
            Why::Broken(error) => server.broken(error),
            Why::Refused(command, error) => server.refused(command, key, error),
            Why::TimedOut => Fault::network(format!("{}: timed out", server.place)),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("handle", &self.handle)
            .field("driver", &self.driver)
            .field("is_cut", &self.is_cut)
            .field("used_at", &self.used_at)
            .finish()
    }
}

/// Reads the answers to `PTTL` and `GET`.
fn held(answers: Vec<RedisResult<::redis::Value>>) -> Result<Held, Why> {
    let mut answers = answers.into_iter();
    let mut next = |command| match answers.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Why::Refused(command, error)),
        None => Ok(::redis::Value::Nil),
    };
    let life = next("PTTL")?;
    let value = next("GET")?;
    // Below zero: no key, or no expiry.
    let life: i64 = from_redis_value(life).unwrap_or(-1);
    let life = u64::try_from(life).ok().filter(|&millis| millis > 0).map(Duration::from_millis);
    let value = match value {
        ::redis::Value::BulkString(bytes) => Some(bytes),
        _ => None,
    };
    Ok(Held { value, life })
}
