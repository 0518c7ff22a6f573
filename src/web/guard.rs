//! Who may ask: the web configuration in force, applied to every request before the router sees it.
//! Without a web configuration there is no guard, and nothing here runs.

mod credentials;
mod limiter;
mod passwords;
mod turns;
pub mod watch;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::error::Unspecified;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(super) use self::credentials::Credentials;
use self::limiter::Limiter;
use self::passwords::{Checks, Passwords, Verdict};
use crate::config::web::{WebConfig, WebUser};
use crate::web::telemetry_path::{HEALTHY, READY};

/// Where a request came from, as far as taking turns goes: an address, or an IPv6 network, of which
/// one machine may have all addresses. Unknown by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin(Option<IpAddr>);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        /// The upper 64 bits.
        const NETWORK: u128 = u128::MAX << 64;
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address @ IpAddr::V4(_) => address,
        }))
    }
}

/// What is in force, to be replaced as one.
#[derive(Debug)]
struct Rules {
    tls: Option<Tls>,
    headers: HeaderMap,
    passwords: Passwords,
    limiter: Option<Limiter>,
}

/// How connections are secured that begin now.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// Cancelled when other rules come into force.
    pub(super) replaced: CancellationToken,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The web configuration in force.
#[derive(Debug)]
pub struct Guard {
    /// Held for a few instructions only, never across an await.
    rules: RwLock<Arc<Rules>>,
    exempts_health: bool,
    checks: Checks,
}

impl Guard {
    /// Of a configuration. With `exempts_health` the health pages need no password. Fails only where
    /// the system has no random numbers.
    pub fn new(config: WebConfig, exempts_health: bool) -> Result<Self, Unspecified> {
        let rules = Rules::new(config, Passwords::new);
        Ok(Self { rules: RwLock::new(Arc::new(rules)), exempts_health, checks: Checks::new()? })
    }

    /// Takes another configuration into force for every request from now on. Connections with TLS end
    /// after the request that they are at; passwords that were found right stay so while their hash does.
    pub fn replace(&self, config: WebConfig) {
        let before = self.rules();
        let rules = Arc::new(Rules::new(config, |users| before.passwords.replaced_by(users)));
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        if let Some(tls) = &before.tls {
            tls.replaced.cancel();
        }
    }

    /// Whether connections are secured.
    pub fn has_tls(&self) -> bool {
        self.rules().tls.is_some()
    }

    /// How a connection that begins now is secured, if it is.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.rules().tls.clone()
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to a request that is not let in.
    async fn refusal(&self, rules: &Rules, asker: Asker) -> Option<Response> {
        let Asker { is_health, credentials, origin } = asker;
        // An orchestrator takes a refused probe for a dead process.
        if !is_health && rules.limiter.as_ref().is_some_and(|limiter| !limiter.lets_in()) {
            return Some(too_many("Too many requests"));
        }
        if rules.passwords.are_none() || (is_health && self.exempts_health) {
            return None;
        }
        let verdict = match credentials {
            Some(credentials) => self.checks.check(&rules.passwords, credentials, origin).await,
            None => Verdict::Wrong,
        };
        match verdict {
            Verdict::Right => None,
            Verdict::Wrong => Some(unauthorized()),
            Verdict::Crowded => Some(too_many("Too many passwords wait to be checked")),
        }
    }
}

/// What of a request tells whether it is let in.
struct Asker {
    is_health: bool,
    credentials: Option<Credentials>,
    origin: Origin,
}

impl Asker {
    fn of(request: &Request) -> Self {
        Self {
            is_health: matches!(request.uri().path(), HEALTHY | READY),
            credentials: request.headers().get(AUTHORIZATION).and_then(Credentials::of),
            origin: request.extensions().get().copied().unwrap_or_default(),
        }
    }
}

impl Rules {
    fn new(config: WebConfig, passwords: impl FnOnce(Vec<WebUser>) -> Passwords) -> Self {
        let WebConfig { tls, headers, users, rate_limit } = config;
        let tls = tls
            .map(|tls| Tls { acceptor: TlsAcceptor::from(tls.server), replaced: CancellationToken::new() });
        Self { tls, headers, passwords: passwords(users), limiter: rate_limit.map(Limiter::new) }
    }
}

/// `router` behind `guard`.
pub(super) fn guarded(router: Router, guard: Arc<Guard>) -> Router {
    router.layer(from_fn_with_state(guard, admit))
}

async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let rules = guard.rules();
    let mut response = match guard.refusal(&rules, Asker::of(&request)).await {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in &rules.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

fn unauthorized() -> Response {
    const CHALLENGE: HeaderValue =
        HeaderValue::from_static("Basic realm=\"wechat-material-exporter\", charset=\"UTF-8\"");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, CHALLENGE)], "Unauthorized.\n").into_response()
}

fn too_many(what: &str) -> Response {
    let text = format!("{what}: try again in a second.\n");
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], text).into_response()
}

#[cfg(test)]
mod tests;
