//! Tokens in Redis, read by `PTTL` and `GET` and nothing else: the user we log in as need not be
//! allowed more.

mod connection;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::{ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisError};
use reqwest::Url;

use self::connection::{Connection, Held};
use super::http::read_ca_file;
use super::shared::Shared;
use super::value::{SIZE_LIMIT, json, origin, token, token_at, utf8, without_line_break};
use super::{ExternalToken, Fault};
use crate::config::token::{Ids, RedisFormat, RedisSource};
use crate::secret::Secret;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::{Failure, foreign};

/// Speaks to all Redis servers, over one connection each.
#[derive(Debug)]
pub(super) struct Caches {
    connect_timeout: Mutex<Duration>,
    connections: Shared<Target, Arc<Connection>>,
}

/// What makes a connection another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    url: Secret,
    ca_file: Option<PathBuf>,
}

/// What a URL says about a server.
#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    is_tls: bool,
    login: RedisConnectionInfo,
    /// Scheme and host: how it is called in messages.
    place: String,
    /// What no message may hold.
    secrets: Vec<Secret>,
}

impl Caches {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout: Mutex::new(connect_timeout), connections: Shared::new() }
    }

    pub(super) fn set_connect_timeout(&self, connect_timeout: Duration) {
        *self.connect_timeout.lock().unwrap_or_else(PoisonError::into_inner) = connect_timeout;
    }

    /// What the key holds now.
    pub(super) async fn read(&self, source: &RedisSource, ids: Ids<'_>) -> Result<ExternalToken, Failure> {
        let url = Secret::new(ids.fill(source.url.read().await?.expose()));
        let server = Server::parse(&url)?;
        let key = source.key.fill(&ids);
        let target = Target { url, ca_file: source.ca_file.clone() };
        let held = self.ask(&target, &server, &key).await?;
        Ok(external_token(held, &source.format, &server.key_place())?)
    }

    /// Asks once more, over a new connection, if the one at hand was cut: a server that restarts
    /// or closes idle connections must not cost a poll.
    async fn ask(&self, target: &Target, server: &Server, key: &str) -> Result<Held, Fault> {
        let connection = self.connection(target, server).await?;
        match connection.ask(key).await {
            Err(error) if error.is_cut => self.connection(target, server).await?.ask(key).await,
            answer => answer,
        }
        .map_err(|error| error.fault(server, key))
    }

    async fn connection(&self, target: &Target, server: &Server) -> Result<Arc<Connection>, Fault> {
        let open = || async {
            let pem = match &target.ca_file {
                Some(path) if server.is_tls => read_ca_file(path).await?,
                _ => Vec::new(),
            };
            let connect_timeout = *self.connect_timeout.lock().unwrap_or_else(PoisonError::into_inner);
            Connection::open(server, pem, connect_timeout).await.map(Arc::new)
        };
        self.connections.get(target.clone(), |connection| connection.is_usable(), open).await
    }
}

impl Server {
    fn parse(url: &Secret) -> Result<Self, Fault> {
        let whole = url;
        // The library's messages may quote the URL.
        let invalid = |()| Fault::new(ErrorClass::Request, "the Redis URL is not valid".to_owned());
        let mut url = Url::parse(whole.expose()).map_err(|_| invalid(()))?;
        let place = origin(&url);
        let is_tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(invalid(())),
        };
        if url.fragment().is_some() {
            return Err(Fault::new(
                ErrorClass::Request,
                format!("{place}: the URL must not have a fragment"),
            ));
        }
        // TLS is ours, so to the library this is a plain connection.
        url.set_scheme("redis").map_err(invalid)?;
        let parts = [Some(url.username()), url.password()];
        let mut secrets = vec![whole.clone()];
        secrets.extend(parts.into_iter().flatten().map(|part| Secret::new(part.to_owned())));
        let info = url.into_connection_info().map_err(|_| invalid(()))?;
        let ::redis::ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(invalid(())) };
        // No `HELLO` and no `CLIENT SETINFO`: a user that may only read would be refused.
        let login = info.redis_settings().clone();
        let login = login.set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let decoded = [login.username(), login.password()];
        secrets.extend(decoded.into_iter().flatten().map(|part| Secret::new(part.to_owned())));
        Ok(Self { host: host.clone(), port: *port, is_tls, login, place, secrets })
    }

    /// How a key is called in messages. Some SDKs put the `AppSecret` into its name.
    fn key_place(&self) -> String {
        format!("the configured key at {}", self.place)
    }

    /// What the library or the server says, fit for a message.
    fn foreign(&self, message: &str) -> String {
        foreign(message, &self.secrets.iter().collect::<Vec<_>>())
    }

    /// What an error of the log-in means: `AUTH` or `SELECT` were refused, or there was no answer.
    fn login_fault(&self, error: &RedisError) -> Fault {
        let place = &self.place;
        let detail = error.detail().unwrap_or_default();
        match error.kind() {
            ErrorKind::AuthenticationFailed => {
                Fault::new(ErrorClass::Secret, format!("{place}: user or password were refused"))
            }
            // The library drops the code and keeps the text.
            ErrorKind::Server(_) if detail.contains("permission") || detail.contains("uthentication") => {
                let text = format!("{place}: the user may not select the database {}", self.login.db());
                Fault::new(ErrorClass::Secret, text)
            }
            ErrorKind::Server(_) => {
                let text = format!(
                    "{place}: the database {} was refused: {}",
                    self.login.db(),
                    self.foreign(detail)
                );
                Fault::new(ErrorClass::Request, text)
            }
            _ => self.broken(error),
        }
    }

    /// What an error of the connection means.
    fn broken(&self, error: &RedisError) -> Fault {
        if error.kind() == ErrorKind::Parse {
            return Fault::decode(format!("{}: it does not answer as Redis does", self.place));
        }
        let what = self.foreign(&error.to_string());
        Fault::network(format!("{}: the connection broke: {what}", self.place))
    }

    /// What it means that the server refused `command`.
    fn refused(&self, command: &str, key: &str, error: &RedisError) -> Fault {
        let place = &self.place;
        let code = error.code().unwrap_or_default();
        match code {
            "NOAUTH" => Fault::new(ErrorClass::Secret, format!("{place}: a password is required")),
            "NOPERM" | "WRONGPASS" => {
                let text = format!("the user may not use {command} on {}", self.key_place());
                Fault::new(ErrorClass::Secret, text)
            }
            "WRONGTYPE" => Fault::decode(format!("{}: its type is not string", self.key_place())),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" => {
                Fault::network(format!("{place}: not ready: {code}"))
            }
            _ => {
                // A server that does not know a command says with what it was called.
                let detail = Secret::new(key.to_owned()).redact(error.detail().unwrap_or_default());
                let detail = self.foreign(&detail);
                Fault::new(ErrorClass::Request, format!("{place}: {command} was refused: {code} {detail}"))
            }
        }
    }
}

fn external_token(held: Held, format: &RedisFormat, place: &str) -> Result<ExternalToken, Fault> {
    let Some(bytes) = held.value else { return Err(Fault::decode(format!("{place}: there is no such key"))) };
    if bytes.len() > SIZE_LIMIT {
        return Err(Fault::decode(format!("{place}: the value is longer than 1 MiB")));
    }
    let text = utf8(bytes, place)?;
    let value = match format {
        RedisFormat::Plain => token(without_line_break(&text), place)?,
        RedisFormat::Json(pointer) => token_at(&json(&text, place)?, pointer, place)?,
    };
    Ok(ExternalToken::new(value, held.life))
}
