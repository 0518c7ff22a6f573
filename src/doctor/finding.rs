//! What a step of the check came to.

use std::fmt;

use crate::config::AccountName;
use crate::store::Failing;
use crate::wechat::class::{Bilingual, ErrorClass};
use crate::wechat::error::ApiError;

/// A step of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The files and the environment.
    Configuration,
    /// The name of the API's host, or of the proxy on the way to it.
    Dns,
    /// A connection to it.
    Tcp,
    /// The connection's encryption.
    Tls,
    /// This machine's clock.
    Clock,
    /// The account's token.
    Token,
    /// The four counts.
    Data,
    /// The number of drafts.
    Draft,
    /// The daily quota of the call for the counts.
    Quota,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) step: Step,
    pub(super) verdict: Verdict,
    /// What was seen, or why nothing was looked at; on one line, without secrets.
    pub(super) detail: String,
}

/// How good or bad that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Not looked at.
    Skipped,
    /// The exporter works, but an operator should look at it.
    Warning(Cause),
    /// The exporter does not work.
    Failed(Cause),
}

/// What is behind a trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// An error of a known class, which has its remedy.
    Known(Failing),
    /// Something with a remedy of its own.
    Advised(Bilingual),
    /// The detail says what would be right.
    Told,
}

/// What was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The configuration.
    Configuration,
    /// A way to the API.
    Route(String),
    /// An account, and its app id.
    Account(AccountName, String),
}

impl Step {
    /// What it is called.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::Token => "token",
            Self::Data => "data",
            Self::Draft => "draft",
            Self::Quota => "quota",
        }
    }
}

impl Finding {
    pub(super) fn ok(step: Step, detail: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Ok, detail: detail.into() }
    }

    pub(super) fn skipped(step: Step, why: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Skipped, detail: why.into() }
    }

    /// A failed call or read.
    pub(super) fn refused(step: Step, error: &ApiError) -> Self {
        let failing = error.failing();
        let seen = failing.seen_ip.map(|ip| format!(", WeChat saw {ip}")).unwrap_or_default();
        let detail = format!("{error}{seen} (class {})", failing.class.label());
        Self { step, verdict: Verdict::Failed(Cause::Known(failing)), detail }
    }

    /// A failure of the network.
    pub(super) fn cut_off(step: Step, detail: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Failed(Cause::of(ErrorClass::Network)), detail: detail.into() }
    }

    /// The same, but not so bad that the exporter does not work.
    pub(super) fn softened(self) -> Self {
        let verdict = match self.verdict {
            Verdict::Failed(cause) => Verdict::Warning(cause),
            other => other,
        };
        Self { verdict, ..self }
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

impl Verdict {
    /// What it is called.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning(_) => "warning",
            Self::Failed(_) => "failed",
        }
    }

    /// What is behind it, if it is a trouble.
    pub(super) const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Ok | Self::Skipped => None,
            Self::Warning(cause) | Self::Failed(cause) => Some(cause),
        }
    }
}

impl Cause {
    /// A trouble of `class` that no answer of the API told of.
    pub(super) const fn of(class: ErrorClass) -> Self {
        Self::Known(Failing { class, errcode: None, seen_ip: None, source: None })
    }

    /// What the operator does about it.
    pub(super) fn remedy(&self) -> Option<Bilingual> {
        match self {
            Self::Known(failing) => Some(failing.remedy()),
            Self::Advised(remedy) => Some(*remedy),
            Self::Told => None,
        }
    }

    /// The error, if it is of a known class.
    pub(super) const fn failing(&self) -> Option<&Failing> {
        match self {
            Self::Known(failing) => Some(failing),
            Self::Advised(_) | Self::Told => None,
        }
    }
}

/// The name by which a program knows it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration => f.write_str(Step::Configuration.label()),
            Self::Route(name) => f.write_str(name),
            Self::Account(name, _) => name.fmt(f),
        }
    }
}
