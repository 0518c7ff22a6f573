//! Central token servers (中控服务器): one GET for each read, shared by all accounts that send the
//! same one within a second.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};
use tokio::time::Instant;

use super::shared::Shared;
use super::value::{SIZE_LIMIT, json, life_at, origin, token, token_at, utf8};
use super::{ExternalToken, Fault};
use crate::clock::Clock;
use crate::config::token::{HttpSource, Ids};
use crate::secret::Secret;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::{Failure, foreign, transport};

/// Longest time for a whole answer. A token server is near and answers from memory; it must not
/// hold up a poll for long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An answer serves every read that begins within this time.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Speaks to all token servers.
#[derive(Debug)]
pub(super) struct TokenServers {
    clients: Mutex<Clients>,
    answers: Shared<Query, Answer>,
}

/// The HTTP clients, all with this timeout.
#[derive(Debug)]
struct Clients {
    connect_timeout: Duration,
    known: Vec<(Trust, Client)>,
}

/// Which certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    /// None: the server does not use TLS, and a machine without certificates is none of our business.
    Nothing,
    /// The system's.
    System,
    /// The system's and these, in PEM.
    Beside(PathBuf, Vec<u8>),
}

/// A request, as far as it makes a difference to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query {
    url: Secret,
    headers: Vec<(String, Secret)>,
    trust: Trust,
}

/// The body of a good answer.
#[derive(Clone, Debug)]
struct Answer {
    asked_at: Instant,
    came_at: Instant,
    body: Arc<Secret>,
}

impl TokenServers {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let clients = Clients { connect_timeout, known: Vec::new() };
        Self { clients: Mutex::new(clients), answers: Shared::new() }
    }

    pub(super) fn set_connect_timeout(&self, connect_timeout: Duration) {
        let mut clients = self.clients();
        if clients.connect_timeout != connect_timeout {
            *clients = Clients { connect_timeout, known: Vec::new() };
        }
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server holds now, or held a second ago; of what it held before this was asked,
    /// nothing that is `rejected`.
    pub(super) async fn read(
        &self,
        source: &HttpSource,
        ids: Ids<'_>,
        clock: Clock,
        rejected: Option<&Secret>,
    ) -> Result<ExternalToken, Failure> {
        let now = Instant::now();
        let query = Query::of(source, ids).await?;
        let url = parse(&query.url)?;
        let place = origin(&url);
        let is_rejected = |answer: &Answer| {
            let token = answer.token(source, &place, clock);
            answer.asked_at < now && token.is_ok_and(|token| Some(&token.value) == rejected)
        };
        let fresh = |answer: &Answer| {
            answer.came_at.elapsed() < SHARED_FOR && (rejected.is_none() || !is_rejected(answer))
        };
        loop {
            let answer = self.answers.get(query.clone(), fresh, || self.ask(&url, query.clone())).await?;
            // It may have been on its way already.
            if rejected.is_none() || !is_rejected(&answer) {
                return Ok(answer.token(source, &place, clock)?);
            }
        }
    }

    async fn ask(&self, url: &Url, query: Query) -> Result<Answer, Fault> {
        let Query { url: whole, headers, trust } = query;
        let asked_at = Instant::now();
        let place = origin(url);
        let secrets = secrets_in(url, &whole, &headers);
        let failed = |error| {
            let secrets: Vec<&Secret> = secrets.iter().collect();
            Fault::network(format!("{place}: {}", foreign(&transport(error).to_string(), &secrets)))
        };
        let client = self.client(trust).map_err(failed)?;
        let request = client.get(url.clone()).headers(header_map(&headers, &place)?);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(refused(status, &place));
        }
        let body = bounded_body(response).await.map_err(failed)?;
        let Some(body) = body else {
            return Err(Fault::decode(format!("{place}: the body is longer than 1 MiB")));
        };
        Ok(Answer { asked_at, came_at: Instant::now(), body: Arc::new(Secret::new(utf8(body, &place)?)) })
    }

    /// The HTTP client that trusts as told; built anew only when the certificates changed.
    fn client(&self, trust: Trust) -> Result<Client, reqwest::Error> {
        let mut clients = self.clients();
        if let Some((_, client)) = clients.known.iter().find(|(known, _)| *known == trust) {
            return Ok(client.clone());
        }
        let builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .timeout(TIMEOUT)
            .connect_timeout(clients.connect_timeout);
        let builder = match &trust {
            Trust::Nothing => builder.tls_certs_only([]),
            Trust::System => builder,
            Trust::Beside(_, pem) => builder.tls_certs_merge(Certificate::from_pem_bundle(pem)?),
        };
        let client = builder.build()?;
        clients.known.retain(|(known, _)| known.path().is_none() || known.path() != trust.path());
        clients.known.push((trust, client.clone()));
        Ok(client)
    }
}

impl Query {
    async fn of(source: &HttpSource, ids: Ids<'_>) -> Result<Self, Failure> {
        let url = filled(&source.url.read().await?, ids);
        let mut headers = Vec::with_capacity(source.headers.len());
        for (name, value) in &source.headers {
            headers.push((name.clone(), filled(&value.read().await?, ids)));
        }
        let trust = match &source.ca_file {
            _ if parse(&url)?.scheme() == "http" => Trust::Nothing,
            None => Trust::System,
            Some(path) => Trust::Beside(path.clone(), read_ca_file(path).await?),
        };
        Ok(Self { url, headers, trust })
    }
}

impl Trust {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Beside(path, _) => Some(path),
            Self::Nothing | Self::System => None,
        }
    }
}

impl Answer {
    fn token(&self, source: &HttpSource, place: &str, clock: Clock) -> Result<ExternalToken, Fault> {
        let body = self.body.expose();
        let (mut value, mut life) = (None, None);
        if source.pointer.is_some() || source.expires_pointer.is_some() {
            let json = json(body, place)?;
            if let Some(pointer) = &source.expires_pointer {
                life = Some(life_at(&json, pointer, place, clock.now())?);
            }
            if let Some(pointer) = &source.pointer {
                value = Some(token_at(&json, pointer, place)?);
            }
        }
        if life == Some(Duration::ZERO) {
            return Err(Fault::new(ErrorClass::Token, format!("{place}: the token is expired")));
        }
        let value = value.map_or_else(|| token(body.trim(), place), Ok)?;
        Ok(ExternalToken::new(value, life))
    }
}

fn filled(template: &Secret, ids: Ids<'_>) -> Secret {
    Secret::new(ids.fill(template.expose()))
}

fn parse(url: &Secret) -> Result<Url, Fault> {
    // The library's message may quote the URL.
    Url::parse(url.expose())
        .map_err(|_| Fault::new(ErrorClass::Request, "the token server's URL is not valid".to_owned()))
}

/// The PEM certificates to trust beside the system's, as they are now.
pub(super) async fn read_ca_file(path: &Path) -> Result<Vec<u8>, Fault> {
    tokio::fs::read(path)
        .await
        .map_err(|error| Fault::network(format!("cannot read the `ca_file` {}: {error}", path.display())))
}

fn header_map(headers: &[(String, Secret)], place: &str) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let wrong = || Fault::new(ErrorClass::Secret, format!("{place}: the header `{name}` is not valid"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        map.append(header, value);
    }
    Ok(map)
}

/// Everything that no message may hold.
fn secrets_in(url: &Url, whole: &Secret, headers: &[(String, Secret)]) -> Vec<Secret> {
    let parts = [Some(url.as_str()), url.password(), url.query(), Some(url.path()), Some(url.username())];
    let parts = parts.into_iter().flatten().map(|part| Secret::new(part.to_owned()));
    let values = headers.iter().map(|(_, value)| value.clone());
    std::iter::once(whole.clone()).chain(parts).chain(values).collect()
}

fn refused(status: StatusCode, place: &str) -> Fault {
    let class = if status.is_server_error() { ErrorClass::Network } else { ErrorClass::Request };
    let hint = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    Fault::new(class, format!("{place}: HTTP status {}{hint}", status.as_u16()))
}

/// The body, unless it is longer than the limit.
async fn bounded_body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > SIZE_LIMIT {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
