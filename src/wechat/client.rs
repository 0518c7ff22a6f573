//! The only place that speaks HTTP to the API and the only one that sees a `reqwest::Error`.
//! Paces every request, bounds every answer, and lets no URL, token or secret out in an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use reqwest::{Certificate, Client, Proxy, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::answer;
use super::api::Api;
use super::error::{ApiError, Failure, Step, foreign, transport};
use super::hosts::{Choice, Host};
use super::offset::{ClockOffset, Offsets};
use super::pacer::Pacer;
use crate::clock::Clock;
use crate::config::{ApiConfig, BaseUrl, Endpoint};
use crate::metrics::own::ExporterMetrics;
use crate::secret::{Secret, SecretSource};

/// Longest answer read, in bytes. Good ones are a few hundred.
const ANSWER_LIMIT: usize = 1 << 20;
/// Idle connections are kept this long: longer than it takes to be closed by the other side.
const POOL_IDLE: Duration = Duration::from_secs(90);

/// Speaks to the API on behalf of all accounts.
#[derive(Debug)]
pub struct ApiClient {
    settings: Settings,
    direct: Client,
    proxied: Mutex<Vec<Proxied>>,
    hosts: Mutex<HashMap<BaseUrl, Host>>,
    offsets: Offsets,
    pacer: Pacer,
    metrics: Arc<ExporterMetrics>,
}

/// What every HTTP client is built from.
#[derive(Debug)]
struct Settings {
    timeout: Duration,
    connect_timeout: Duration,
    pool_size: usize,
    roots: Roots,
}

/// Which certificates are trusted.
#[derive(Debug)]
enum Roots {
    /// The system's and these.
    System(Vec<Certificate>),
    /// None: no call uses TLS, and a machine without certificates is none of our business.
    None,
}

/// The HTTP client for one proxy, and the URL it was built from.
#[derive(Debug)]
struct Proxied {
    source: SecretSource,
    url: Secret,
    client: Client,
}

/// One call: what goes where, and which secrets it carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Where it goes.
    pub(crate) endpoint: &'a Endpoint,
    /// What is called.
    pub(crate) api: Api,
    /// The query, unescaped.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// The JSON body: a POST with one, a GET without.
    pub(crate) body: Option<&'a Value>,
    /// Masked wherever the answer or an error echoes them.
    pub(crate) secrets: &'a [&'a Secret],
}

impl ApiClient {
    /// A client for calls through `endpoints`. Fails when `ca_file` cannot be read or the system's
    /// certificates are needed and missing.
    pub fn new(
        config: &ApiConfig,
        endpoints: &[&Endpoint],
        metrics: Arc<ExporterMetrics>,
    ) -> anyhow::Result<Self> {
        let tls = endpoints.iter().any(|endpoint| !endpoint.base_url.is_http() || endpoint.proxy.is_some());
        let roots = if tls { Roots::System(extra_roots(config)?) } else { Roots::None };
        let settings = Settings {
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            pool_size: config.max_in_flight,
            roots,
        };
        let direct = settings
            .client(None)
            .map_err(|failure| anyhow::anyhow!("{failure}"))
            .context("cannot prepare TLS: install the system's CA certificates or set `api.ca_file`")?;
        Ok(Self {
            settings,
            direct,
            proxied: Mutex::default(),
            hosts: Mutex::default(),
            offsets: Offsets::default(),
            pacer: Pacer::new(config.requests_per_second),
            metrics,
        })
    }

    /// Calls, and reads the successful answer with `read`.
    pub(crate) async fn call<T>(
        &self,
        request: Request<'_>,
        read: impl FnOnce(Map<String, Value>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let answer = self.exchange(&request).await.and_then(read);
        answer.map_err(|failure| ApiError { step: Step::Call(request.api), failure })
    }

    /// Tells that a poll ended without a connection, which may move `endpoint` to its fallback.
    pub(crate) fn poll_failed_to_connect(&self, endpoint: &Endpoint) {
        self.with_host(endpoint, |host| host.poll_failed(Instant::now()));
    }

    /// How far this machine's clock is from that of `base`; none before an answer with a `Date`.
    pub(crate) fn clock_offset(&self, base: &BaseUrl) -> Option<ClockOffset> {
        self.offsets.of(base)
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
        let endpoint = request.endpoint;
        let client = self.client_for(endpoint).await?;
        self.pacer.slot().await;
        let choice = self.with_host(endpoint, |host| host.choose(Instant::now())).unwrap_or(Choice::First);
        let base = match (choice, &endpoint.fallback) {
            (Choice::Fallback, Some(fallback)) => fallback,
            _ => &endpoint.base_url,
        };
        let started = Instant::now();
        let body = self.receive(base, request.build(&client, base)).await;
        self.metrics.api_request(request.api, started.elapsed());
        if choice == Choice::First && !matches!(body, Err(Failure::Connect(_))) {
            self.with_host(endpoint, Host::connected);
        }
        let body = body.map_err(|failure| failure.redacted(request.secrets))?;
        answer::object(&body, request.secrets)
    }

    async fn receive(&self, base: &BaseUrl, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let sent = Clock::System.now();
        let response = request.send().await.map_err(transport)?;
        self.offsets.note(base, response.headers(), sent, Clock::System.now());
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status().as_u16()));
        }
        bounded_body(response).await
    }

    /// The state of the endpoint's hosts, if it has a fallback to choose.
    fn with_host<T>(&self, endpoint: &Endpoint, act: impl FnOnce(&mut Host) -> T) -> Option<T> {
        endpoint.fallback.as_ref()?;
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Some(act(hosts.entry(endpoint.base_url.clone()).or_default()))
    }

    /// The HTTP client for this endpoint's proxy. The proxy's URL is a secret and re-read each
    /// time; a client is built anew only when it changed.
    async fn client_for(&self, endpoint: &Endpoint) -> Result<Client, Failure> {
        let Some(source) = &endpoint.proxy else { return Ok(self.direct.clone()) };
        let url = source.read().await?;
        let mut proxied = self.proxied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = proxied.iter().find(|known| known.source == *source && known.url == url) {
            return Ok(known.client.clone());
        }
        let client = self.settings.client(Some(&url))?;
        proxied.retain(|known| known.source != *source);
        proxied.push(Proxied { source: source.clone(), url, client: client.clone() });
        Ok(client)
    }
}

impl Settings {
    fn client(&self, proxy: Option<&Secret>) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(self.pool_size);
        builder = match &self.roots {
            Roots::System(extra) => builder.tls_certs_merge(extra.iter().cloned()),
            Roots::None => builder.tls_certs_only([]),
        };
        if let Some(url) = proxy {
            // The library's message would quote the URL.
            let proxy = Proxy::all(url.expose())
                .map_err(|_| Failure::Connect("the proxy's URL is not valid".to_owned()))?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(transport)
    }
}

impl Request<'_> {
    fn build(&self, client: &Client, base: &BaseUrl) -> RequestBuilder {
        let url = base.join(self.api.path());
        let builder = match self.body {
            None => client.get(url),
            Some(body) => client.post(url).json(body),
        };
        builder.query(self.query)
    }
}

impl Failure {
    /// The same failure without `secrets` in its text: some libraries quote what they sent.
    fn redacted(self, secrets: &[&Secret]) -> Self {
        match self {
            Self::Connect(text) => Self::Connect(foreign(&text, secrets)),
            Self::Transport(text) => Self::Transport(foreign(&text, secrets)),
            other => other,
        }
    }
}

async fn bounded_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Failure::Decode("the body is longer than 1 MiB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn extra_roots(config: &ApiConfig) -> anyhow::Result<Vec<Certificate>> {
    let Some(path) = &config.ca_file else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).with_context(|| format!("cannot read `api.ca_file` {}", path.display()))?;
    Certificate::from_pem_bundle(&pem)
        .with_context(|| format!("`api.ca_file` {} is not a list of PEM certificates", path.display()))
}
