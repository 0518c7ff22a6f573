//! The ways to the API: name, connection, encryption, clock. Makes no call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::ProtocolVersion;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::finding::{Cause, Finding, Step, Verdict};
use crate::config::{Account, ApiConfig, BaseUrl, Endpoint};
use crate::handshake::secure;
use crate::secret::SecretSource;
use crate::wechat::class::{Bilingual, ErrorClass};
use crate::wechat::error::foreign;
use crate::wechat::offset::ClockOffset;

/// Half of the 60 s that a token of known expiry is given up before its end.
const CLOCK_DOUBTFUL: Duration = Duration::from_secs(30);
/// From here on tokens whose expiry is told as a time of day are used when they are long dead, or
/// given up while they live: an old token works for 5 minutes at most after the next one came.
const CLOCK_WRONG: Duration = Duration::from_secs(300);
const SET_THE_CLOCK: Bilingual = Bilingual {
    en: "Let a time service (NTP) set this machine's clock: ages on the pages, the wait for the daily quota and the \
         expiry of tokens kept by other programs go by it.",
    zh: "请用时间同步服务（NTP）校准本机时钟：页面上的时间、每日额度的等待以及其他程序所维护 token 的过期时间都以它为准。",
};

/// A way from this machine to the API.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// Whose accounts take it.
    endpoint: Arc<Endpoint>,
    host: Host,
}

/// Which of the endpoint's hosts it leads to.
#[derive(Clone, Debug)]
enum Host {
    First,
    Fallback(BaseUrl),
}

/// Where connections go.
struct Target {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

/// The ways that `accounts` take, each once. Behind a proxy the fallback begins as the first host does.
pub(super) fn routes(accounts: &[Arc<Account>]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for account in accounts {
        let endpoint = &account.endpoint;
        if routes.iter().any(|route| route.is_taken_by(account)) {
            continue;
        }
        routes.push(Route { endpoint: Arc::clone(endpoint), host: Host::First });
        if let (Some(fallback), None) = (&endpoint.fallback, &endpoint.proxy) {
            routes.push(Route { endpoint: Arc::clone(endpoint), host: Host::Fallback(fallback.clone()) });
        }
    }
    routes
}

impl Route {
    /// What it is called; not unique.
    pub(super) fn name(&self) -> String {
        match (&self.host, &self.endpoint.proxy) {
            (Host::Fallback(base_url), _) => format!("{base_url} (the fallback)"),
            (Host::First, Some(_)) => format!("{} (through a proxy)", self.endpoint.base_url),
            (Host::First, None) => self.endpoint.base_url.to_string(),
        }
    }

    /// Whether the account's calls go this way as long as it is open.
    pub(super) fn is_taken_by(&self, account: &Account) -> bool {
        matches!(self.host, Host::First) && self.endpoint == account.endpoint
    }

    /// The base URL that calls on this way have; none for a fallback, which the check never calls.
    pub(super) fn called(&self) -> Option<&BaseUrl> {
        matches!(self.host, Host::First).then_some(&self.endpoint.base_url)
    }

    /// Connects, without a word to the other end. A fallback that cannot be reached is doubtful only.
    pub(super) async fn check(&self, api: &ApiConfig) -> Vec<Finding> {
        let findings = match self.target().await {
            Ok(target) => self.connect(&target, api).await,
            Err(finding) => vec![finding],
        };
        match self.host {
            Host::First => findings,
            Host::Fallback(_) => findings.into_iter().map(Finding::softened).collect(),
        }
    }

    fn base_url(&self) -> &BaseUrl {
        match &self.host {
            Host::First => &self.endpoint.base_url,
            Host::Fallback(base_url) => base_url,
        }
    }

    async fn target(&self) -> Result<Target, Finding> {
        let url = match &self.endpoint.proxy {
            None => Some(self.base_url().join("")),
            Some(source) => Some(proxy_url(source).await?),
        };
        url.as_ref().and_then(Target::of).ok_or_else(|| {
            let cause = Cause::of(ErrorClass::Request);
            let detail = "the proxy's URL has no host".to_owned();
            Finding { step: Step::Dns, verdict: Verdict::Failed(cause), detail }
        })
    }

    async fn connect(&self, target: &Target, api: &ApiConfig) -> Vec<Finding> {
        let without = |step, why: &str| Finding::skipped(step, why);
        let (dns, addresses) = match target.resolve(api.connect_timeout).await {
            Ok(resolved) => resolved,
            Err(finding) => {
                let why = "the host has no address";
                return vec![finding, without(Step::Tcp, why), without(Step::Tls, why)];
            }
        };
        let (connected, tcp) = match any_of(addresses, api.connect_timeout).await {
            Ok(connected) => connected,
            Err(finding) => return vec![dns, finding, without(Step::Tls, "there is no connection")],
        };
        let tls = match (&self.endpoint.proxy, self.base_url().is_http()) {
            (Some(_), _) => without(Step::Tls, "the proxy stands between"),
            (None, true) => without(Step::Tls, "the base URL is `http`"),
            (None, false) => target.encrypt(tcp, api).await,
        };
        vec![dns, connected, tls]
    }
}

async fn proxy_url(source: &SecretSource) -> Result<Url, Finding> {
    let failed = |class, detail| {
        let verdict = Verdict::Failed(Cause::of(class));
        Finding { step: Step::Dns, verdict, detail }
    };
    let url =
        source.read().await.map_err(|error| failed(ErrorClass::Secret, format!("the proxy: {error}")))?;
    // The library's message would quote the URL.
    Url::parse(url.expose())
        .map_err(|_| failed(ErrorClass::Request, "the proxy's URL is not valid".to_owned()))
}

impl Target {
    fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: url.port_or_known_default()? })
    }

    async fn resolve(&self, within: Duration) -> Result<(Finding, Vec<SocketAddr>), Finding> {
        let Self { host, port } = self;
        let started = Instant::now();
        let failed = |why: &str| Finding::cut_off(Step::Dns, format!("{host}: {why}"));
        let found = timeout(within, lookup_host((host.as_str(), *port))).await;
        let found = found.map_err(|_| failed("timed out"))?;
        let addresses: Vec<_> = found.map_err(|error| failed(&error.to_string()))?.collect();
        let count = match addresses.len() {
            0 => return Err(failed("no address")),
            1 => "1 address".to_owned(),
            count => format!("{count} addresses"),
        };
        let detail = format!("{host}: {count} in {} ms", started.elapsed().as_millis());
        Ok((Finding::ok(Step::Dns, detail), addresses))
    }

    async fn encrypt(&self, tcp: TcpStream, api: &ApiConfig) -> Finding {
        let started = Instant::now();
        let failed = |why: &str| Finding::cut_off(Step::Tls, foreign(why, &[]));
        let pem = match &api.ca_file {
            None => Vec::new(),
            Some(path) => match tokio::fs::read(path).await {
                Ok(pem) => pem,
                Err(error) => return failed(&format!("cannot read `api.ca_file`: {error}")),
            },
        };
        match timeout(api.connect_timeout, secure(&self.host, &pem, tcp)).await {
            Ok(Ok(stream)) => {
                let version = match stream.get_ref().1.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                    _ => "TLS 1.3",
                };
                let millis = started.elapsed().as_millis();
                Finding::ok(Step::Tls, format!("{version}, certificate trusted, in {millis} ms"))
            }
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_) => failed("timed out"),
        }
    }
}

/// A connection to whichever address takes one first, as HTTP clients do it, only less politely.
async fn any_of(addresses: Vec<SocketAddr>, within: Duration) -> Result<(Finding, TcpStream), Finding> {
    let started = Instant::now();
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn(async move { (address, timeout(within, TcpStream::connect(address)).await) });
    }
    let mut refusals = Vec::new();
    while let Some(ended) = attempts.join_next().await {
        match ended {
            Ok((address, Ok(Ok(tcp)))) => {
                let detail = format!("{address} in {} ms", started.elapsed().as_millis());
                return Ok((Finding::ok(Step::Tcp, detail), tcp));
            }
            Ok((address, Ok(Err(error)))) => refusals.push(format!("{address}: {error}")),
            Ok((address, Err(_))) => refusals.push(format!("{address}: timed out")),
            Err(error) => refusals.push(error.to_string()),
        }
    }
    Err(Finding::cut_off(Step::Tcp, refusals.join("; ")))
}

/// What the answers told of this machine's clock.
pub(super) fn clock(offset: Option<ClockOffset>) -> Finding {
    let Some(offset) = offset else {
        return Finding::skipped(Step::Clock, "no answer told the time");
    };
    let apart = offset.certain();
    let direction = if offset.is_ahead() { "ahead of" } else { "behind" };
    let detail = format!("at least {} s {direction} the API's", apart.as_secs());
    let verdict = match apart {
        _ if apart > CLOCK_WRONG => Verdict::Failed(Cause::Advised(SET_THE_CLOCK)),
        _ if apart > CLOCK_DOUBTFUL => Verdict::Warning(Cause::Advised(SET_THE_CLOCK)),
        _ if apart < Duration::from_secs(1) => return Finding::ok(Step::Clock, "as the API's"),
        _ => Verdict::Ok,
    };
    Finding { step: Step::Clock, verdict, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::WallTime;

    #[test]
    fn a_clock_is_judged_by_what_is_certain() {
        let judged = |ahead_seconds: i64| {
            let now = WallTime::from_millis(1_700_000_000_000 + ahead_seconds * 1_000);
            let finding = clock(Some(ClockOffset::new(WallTime::from_millis(1_700_000_000_000), now, now)));
            (finding.verdict.label(), finding.detail)
        };
        for (ahead, verdict, detail) in [
            (0, "ok", "as the API's"),
            (31, "ok", "at least 30 s ahead of the API's"),
            (-30, "ok", "at least 30 s behind the API's"),
            (32, "warning", "at least 31 s ahead of the API's"),
            (-31, "warning", "at least 31 s behind the API's"),
            (302, "failed", "at least 301 s ahead of the API's"),
            (-301, "failed", "at least 301 s behind the API's"),
        ] {
            assert_eq!(judged(ahead), (verdict, detail.to_owned()), "{ahead}");
        }
        assert_eq!(clock(None).verdict, Verdict::Skipped);
    }
}
