//! The HTTP clients: one for calls that go out directly, one for each proxy. A reload replaces them
//! only where their settings change, so that connections live on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use reqwest::{Certificate, Client, Proxy, redirect, retry};

use super::error::{Failure, transport};
use crate::config::{ApiConfig, BaseUrl, Endpoint};
use crate::secret::{Secret, SecretSource};

/// Idle connections are kept this long: longer than it takes to be closed by the other side.
const POOL_IDLE: Duration = Duration::from_secs(90);

/// Ready-made HTTP clients.
#[derive(Debug)]
pub(super) struct Transport {
    settings: Settings,
    direct: Client,
    proxied: Mutex<Vec<Proxied>>,
}

/// What every HTTP client is built from.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    timeout: Duration,
    connect_timeout: Duration,
    pool_size: usize,
    roots: Roots,
}

/// Which certificates are trusted.
#[derive(Debug, PartialEq, Eq)]
enum Roots {
    /// The system's, and those in this PEM text.
    System(Vec<u8>),
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

impl Transport {
    /// For calls through `endpoints`. Fails when `ca_file` cannot be read or the system's
    /// certificates are needed and missing.
    pub(super) fn new(config: &ApiConfig, endpoints: &[&Endpoint]) -> anyhow::Result<Self> {
        Self::build(Settings::new(config, endpoints)?)
    }

    /// The one for other settings; nothing if they are the same. Fails as [`Transport::new`].
    pub(super) fn changed(
        &self,
        config: &ApiConfig,
        endpoints: &[&Endpoint],
    ) -> anyhow::Result<Option<Self>> {
        let settings = Settings::new(config, endpoints)?;
        if settings == self.settings { Ok(None) } else { Self::build(settings).map(Some) }
    }

    fn build(settings: Settings) -> anyhow::Result<Self> {
        let direct = settings
            .client(None)
            .map_err(|failure| anyhow::anyhow!("{failure}"))
            .context("cannot prepare TLS: install the system's CA certificates or set `api.ca_file`")?;
        Ok(Self { settings, direct, proxied: Mutex::default() })
    }

    /// The HTTP client for this endpoint's proxy. The proxy's URL is a secret and re-read each
    /// time; a client is built anew only when it changed.
    pub(super) async fn client_for(&self, endpoint: &Endpoint) -> Result<Client, Failure> {
        let Some(source) = &endpoint.proxy else { return Ok(self.direct.clone()) };
        let url = source.read().await?;
        let mut proxied = self.proxied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            proxied.iter().find(|known| known.source.is_same_place(source) && known.url == url)
        {
            return Ok(known.client.clone());
        }
        let client = self.settings.client(Some(&url))?;
        proxied.retain(|known| !known.source.is_same_place(source));
        proxied.push(Proxied { source: source.clone(), url, client: client.clone() });
        Ok(client)
    }
}

impl Settings {
    fn new(config: &ApiConfig, endpoints: &[&Endpoint]) -> anyhow::Result<Self> {
        let is_https = |base_url: &BaseUrl| !base_url.is_http();
        let tls = endpoints.iter().any(|endpoint| endpoint.proxy.is_some() || endpoint.hosts().any(is_https));
        Ok(Self {
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            pool_size: config.max_in_flight,
            roots: if tls { Roots::System(extra_roots(config)?) } else { Roots::None },
        })
    }

    fn client(&self, proxy: Option<&Secret>) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(self.pool_size);
        builder = match &self.roots {
            Roots::System(pem) => {
                builder.tls_certs_merge(Certificate::from_pem_bundle(pem).map_err(transport)?)
            }
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

fn extra_roots(config: &ApiConfig) -> anyhow::Result<Vec<u8>> {
    let Some(path) = &config.ca_file else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).with_context(|| format!("cannot read `api.ca_file` {}", path.display()))?;
    Certificate::from_pem_bundle(&pem)
        .with_context(|| format!("`api.ca_file` {} is not a list of PEM certificates", path.display()))?;
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn certificates_are_trusted_where_only_the_fallback_is_encrypted() {
        let config = ApiConfig {
            timeout: POOL_IDLE,
            connect_timeout: POOL_IDLE,
            requests_per_second: NonZeroU32::MIN,
            max_in_flight: 1,
            ca_file: None,
        };
        let roots = |fallback| {
            let base_url = BaseUrl::parse("http://127.0.0.1").unwrap();
            let endpoint = Endpoint { base_url, fallback: BaseUrl::parse(fallback), proxy: None };
            Settings::new(&config, &[&endpoint]).unwrap().roots
        };
        assert_eq!(roots("https://127.0.0.1"), Roots::System(Vec::new()));
        assert_eq!(roots("http://127.0.0.2"), Roots::None);
    }
}
