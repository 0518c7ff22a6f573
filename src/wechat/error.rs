//! What can go wrong with one call. Branch on [`ApiError::class`], print the error itself: it
//! never holds a URL, a secret or a token.

use std::net::IpAddr;

use super::api::Api;
use super::class::{Call, ErrCode, ErrorClass};
use crate::secret::{Secret, SecretError};
use crate::store::Failing;

/// Longest part of a foreign message that is kept, in characters.
const MESSAGE_LIMIT: usize = 300;

/// A failed step of a poll: which one, and how.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {failure}", step.label())]
pub struct ApiError {
    /// The step that failed.
    pub step: Step,
    /// How it failed.
    pub failure: Failure,
}

/// A step of a poll that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A call of the API.
    Call(Api),
    /// Reading a token from the source of this label.
    Source(&'static str),
    /// Getting a token from a third-party platform that is parked: no call was made.
    Platform,
}

impl Step {
    /// What the step is called in messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Call(api) => api.label(),
            Self::Source(label) => label,
            Self::Platform => "platform",
        }
    }

    /// Whose credential is at stake.
    pub const fn call(self) -> Call {
        match self {
            Self::Call(api) => api.call(),
            Self::Source(_) | Self::Platform => Call::Token,
        }
    }
}

/// How a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// No connection: name look-up, TCP, proxy or TLS.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke or took too long.
    #[error("{0}")]
    Transport(String),
    /// Not HTTP 200: a gateway or proxy answered, the API itself always says 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The body is not what the documentation promises.
    #[error("{0}")]
    Decode(String),
    /// The API refused.
    #[error("errcode {code}: {message}")]
    Api {
        /// The API's number.
        code: ErrCode,
        /// The API's text with its request id; for logs only.
        message: String,
    },
    /// A token source answered with something that is no token, or not at all.
    #[error("{text}")]
    Source {
        /// What is to be done about it.
        class: ErrorClass,
        /// The API's number, if there is one behind it.
        code: Option<ErrCode>,
        /// What is wrong; names the place, never a token.
        text: String,
    },
    /// The third-party platform that the account is polled through fails.
    #[error("the platform is parked: {}", .0.class.row().summary.en)]
    Parked(Failing),
    /// No token was fetched: the last fetch failed in this way a short while ago, and may have
    /// retired a token all the same.
    #[error("not fetched again within 5 minutes of a fetch that failed: {}", .0.class.row().summary.en)]
    TooSoon(Failing),
    /// A secret needed for the call cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl ApiError {
    /// What is to be done about it.
    pub fn class(&self) -> ErrorClass {
        match &self.failure {
            Failure::Connect(_) | Failure::Transport(_) => ErrorClass::Network,
            Failure::Status(status) if *status >= 500 => ErrorClass::Network,
            Failure::Status(_) => ErrorClass::Request,
            Failure::Decode(_) => ErrorClass::Decode,
            Failure::Api { code, .. } => ErrorClass::of(*code, self.step.call()),
            Failure::Source { class, .. } => *class,
            Failure::Parked(failing) | Failure::TooSoon(failing) => failing.class,
            Failure::Secret(_) => ErrorClass::Secret,
        }
    }

    /// The API's number, if it gave one.
    pub fn errcode(&self) -> Option<ErrCode> {
        match &self.failure {
            Failure::Api { code, .. } => Some(*code),
            Failure::Source { code, .. } => *code,
            Failure::Parked(failing) | Failure::TooSoon(failing) => failing.errcode,
            _ => None,
        }
    }

    /// The label of the token source that failed, if it was not the API.
    pub fn token_source(&self) -> Option<&'static str> {
        match (&self.failure, self.step) {
            (Failure::Parked(failing) | Failure::TooSoon(failing), _) => failing.source,
            (_, Step::Source(label)) => Some(label),
            (_, Step::Call(_) | Step::Platform) => None,
        }
    }

    /// What the pages show of this failure.
    pub fn failing(&self) -> Failing {
        Failing {
            class: self.class(),
            errcode: self.errcode(),
            seen_ip: self.seen_ip(),
            source: self.token_source(),
        }
    }

    /// The egress address the API saw, if it refused one and named it.
    pub fn seen_ip(&self) -> Option<IpAddr> {
        match &self.failure {
            Failure::Api { message, .. } if self.class() == ErrorClass::Ip => seen_ip(message),
            Failure::Parked(failing) | Failure::TooSoon(failing) => failing.seen_ip,
            _ => None,
        }
    }

    /// Whether no connection came about.
    pub fn failed_to_connect(&self) -> bool {
        matches!(self.failure, Failure::Connect(_))
    }

    /// Whether the API may have done what it was asked to: its answer was lost, cannot be read, or
    /// says that it is busy. Any other errcode says that it has not.
    pub(crate) fn may_have_acted(&self) -> bool {
        match self.failure {
            Failure::Transport(_) | Failure::Status(_) | Failure::Decode(_) => true,
            Failure::Api { .. } => self.class() == ErrorClass::Busy,
            Failure::Connect(_)
            | Failure::Source { .. }
            | Failure::Parked(_)
            | Failure::TooSoon(_)
            | Failure::Secret(_) => false,
        }
    }

    /// Another fetch of a token by `api` has to wait, the last one having failed in this way.
    pub(crate) fn too_soon(api: Api, failing: Failing) -> Self {
        Self { step: Step::Call(api), failure: Failure::TooSoon(failing) }
    }
}

/// From an error of the HTTP library: stripped of its URL, which holds the token.
pub(crate) fn transport(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = String::new();
    if error.is_timeout() {
        text.push_str("timed out: ");
    }
    text.push_str(&error.to_string());
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    if error.is_connect() { Failure::Connect(text) } else { Failure::Transport(text) }
}

/// A message from outside, fit for a log line: bounded, on one line, free of the given secrets.
pub(crate) fn foreign(message: &str, secrets: &[&Secret]) -> String {
    let mut text = message.to_owned();
    for secret in secrets {
        text = secret.redact(&text);
    }
    text.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The first address after `invalid ip ` (40164) or `requestIP: ` (61004). The rest of these
/// messages has changed over the years and is not relied upon.
fn seen_ip(message: &str) -> Option<IpAddr> {
    ["invalid ip ", "requestIP: "].iter().find_map(|marker| {
        let (_, rest) = message.split_once(marker)?;
        let word = rest.split([' ', ',', ';']).next()?;
        word.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Option<&str>) {
        let error = ApiError {
            step: Step::Call(Api::StableToken),
            failure: Failure::Api { code: ErrCode(40164), message: message.to_owned() },
        };
        assert_eq!(error.seen_ip().map(|ip| ip.to_string()).as_deref(), expected, "{message}");
    }

    #[test]
    fn the_refused_address_is_found_in_every_known_message() {
        check(
            "invalid ip 203.0.113.8 ipv6 ::ffff:203.0.113.8, not in whitelist rid: 5fa26c60-1a0ebdd5-32fd1cd0",
            Some("203.0.113.8"),
        );
        check(
            "invalid ip 203.0.113.8 ipv6 ::ffff:203.0.113.8, not in whitelist hint: [jotv]",
            Some("203.0.113.8"),
        );
        check("invalid ip 203.0.113.8, not in whitelist", Some("203.0.113.8"));
        check("invalid ip 2001:db8::8, not in whitelist", Some("2001:db8::8"));
        check("access clientip is not registered hint: [x] requestIP: 203.0.113.8", Some("203.0.113.8"));
        check("not in whitelist", None);
        check("invalid ip nonsense", None);
    }

    #[test]
    fn a_foreign_message_is_bounded_and_clean() {
        let secret = Secret::new("s3cret".into());
        let text = foreign(&format!("a\nb s3cret {}", "x".repeat(5_000)), &[&secret]);
        assert!(text.starts_with("a b <secret> xxx"));
        assert_eq!(text.chars().count(), MESSAGE_LIMIT);
    }
}
