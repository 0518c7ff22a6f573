//! The only place that calls the API. Of the HTTP library's errors it sees none that was not stripped.
//! Paces every request, bounds every answer, and lets no URL, token or secret out in an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::answer;
use super::api::Api;
use super::error::{ApiError, Failure, Step, foreign, transport};
use super::hosts::{Choice, Host};
use super::offset::{ClockOffset, Offsets};
use super::pacer::Pacer;
use super::transport::Transport;
use crate::clock::Clock;
use crate::config::{ApiConfig, BaseUrl, Endpoint};
use crate::metrics::own::ExporterMetrics;
use crate::secret::Secret;

/// Longest answer read, in bytes. Good ones are a few hundred.
const ANSWER_LIMIT: usize = 1 << 20;
/// Speaks to the API on behalf of all accounts.
#[derive(Debug)]
pub struct ApiClient {
    /// Replaced as one by a reload.
    transport: RwLock<Arc<Transport>>,
    hosts: Mutex<HashMap<BaseUrl, Host>>,
    /// Only where somebody asks: reading dates would cost each call something.
    offsets: Option<Offsets>,
    pacer: Pacer,
    metrics: Arc<ExporterMetrics>,
}

/// One call: what goes where, and which secrets it carries. Not `Debug`: they stand in it as they are.
#[derive(Clone, Copy)]
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
        Ok(Self {
            transport: RwLock::new(Arc::new(Transport::new(config, endpoints)?)),
            hosts: Mutex::default(),
            offsets: None,
            pacer: Pacer::new(config.requests_per_second),
            metrics,
        })
    }

    /// The same client, which compares this machine's clock with that of each answer.
    #[must_use]
    pub(crate) fn comparing_clocks(self) -> Self {
        Self { offsets: Some(Offsets::default()), ..self }
    }

    /// Takes new settings over, for calls that begin from then on. Fails as [`ApiClient::new`], and
    /// nothing has changed then.
    pub fn reconfigure(&self, config: &ApiConfig, endpoints: &[&Endpoint]) -> anyhow::Result<()> {
        if let Some(transport) = self.transport().changed(config, endpoints)? {
            *self.transport.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(transport);
        }
        self.pacer.set_rate(config.requests_per_second);
        Ok(())
    }

    fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.transport.read().unwrap_or_else(PoisonError::into_inner))
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

    /// How far this machine's clock is from that of `base`; none before an answer with a `Date`, or
    /// without [`ApiClient::comparing_clocks`].
    pub(crate) fn clock_offset(&self, base: &BaseUrl) -> Option<ClockOffset> {
        self.offsets.as_ref()?.of(base)
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
        let endpoint = request.endpoint;
        let client = self.transport().client_for(endpoint).await?;
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
        if let Some(offsets) = &self.offsets {
            offsets.note(base, response.headers(), sent, Clock::System.now());
        }
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
