//! The steps of one account: its token, then each call that the exporter makes, once. Nothing is
//! repeated, and nothing is fetched that could retire somebody's token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::finding::{Cause, Finding, Step, Verdict};
use crate::config::platform::AuthorizerToken;
use crate::config::{Account, Budget, Collect, Kind, Platform, TokenSource};
use crate::token::kept::Until;
use crate::token::{Credential, TokenState, cloud};
use crate::upstream::Upstream;
use crate::wechat::class::{Bilingual, ErrorClass};
use crate::wechat::collect::{ApiQuota, Collected, Collector, collect};
use crate::wechat::error::ApiError;

/// How long the container is taken to be up: a person asks when its start is over, and what fails then stays.
const LONG_UP: Duration = Duration::MAX;
const SPARE_THE_QUOTA: Bilingual = Bilingual {
    en: "Find the program that uses this account's quota, or lengthen poll.interval: when nothing is left, calls fail \
         until midnight (Asia/Shanghai).",
    zh: "请找出消耗此账号额度的程序，或加大 poll.interval：额度用完后，北京时间零点之前的调用都会失败。",
};

/// Why some of an account's calls are not made.
#[derive(Clone, Debug)]
pub(super) enum Hindrance {
    /// Fetching its token might retire one that another program holds.
    Takeover(&'static str),
    /// The way to the API is closed.
    Unreachable(String),
}

/// Why the token of `account` may not be fetched by anybody but the running exporter.
pub(super) fn takeover(account: &Account, platforms: &[Arc<Platform>]) -> Option<Hindrance> {
    match &account.token {
        TokenSource::Token { .. } => Some("a fetch from /cgi-bin/token retires the token that is in use"),
        TokenSource::Authorizer { platform, .. } => {
            let platform = platforms.iter().find(|known| known.name == *platform);
            let is_read = platform
                .is_some_and(|platform| matches!(platform.authorizer_token, AuthorizerToken::ReadOnly(_)));
            (!is_read).then_some("a fetch may retire the token that is in use, and replace the refresh token")
        }
        TokenSource::StableToken { .. }
        | TokenSource::ReadOnly(_)
        | TokenSource::CloudHosting { .. }
        | TokenSource::CloudFile { .. } => None,
    }
    .map(Hindrance::Takeover)
}

/// What is asked of `account` once there is a token.
pub(super) fn asked(account: &Account) -> impl Iterator<Item = Collector> {
    let draft = account.collect.draft.map(|_| Collector::Draft);
    let quota = (!account.token.is_cloud()).then_some(Collector::Quota);
    [Some(Collector::Material), draft, quota].into_iter().flatten()
}

/// Takes all steps: at most one call of each API.
pub(super) async fn check(
    upstream: &Upstream,
    account: &Account,
    hindrance: Option<Hindrance>,
) -> Vec<Finding> {
    let (token, credential) = token(upstream, account, hindrance.as_ref()).await;
    let mut findings = vec![token];
    let mut why_not = match (&credential, hindrance) {
        (Some(_), Some(hindrance)) => Some(hindrance.to_string()),
        (Some(_), None) => None,
        (None, _) => Some("there is no token".to_owned()),
    };
    for collector in asked(account) {
        let step = step(collector);
        findings.push(match (&credential, &why_not) {
            (Some(credential), None) => match ask(upstream, account, collector, credential).await {
                Ok(collected) => judge(step, &collected, account.budget),
                Err(error) => {
                    why_not = stands_in_every_way(&error)
                        .then(|| format!("it would fail as `{}` did", step.label()));
                    Finding::refused(step, &error)
                }
            },
            (_, why_not) => Finding::skipped(step, why_not.clone().unwrap_or_default()),
        });
    }
    if account.token.is_cloud() {
        findings.push(Finding::skipped(Step::Quota, "the cloud has no API for quotas"));
    }
    findings
}

async fn token(
    upstream: &Upstream,
    account: &Account,
    hindrance: Option<&Hindrance>,
) -> (Finding, Option<Credential>) {
    let is_fetched = matches!(account.token, TokenSource::StableToken { .. });
    match hindrance {
        Some(hindrance @ Hindrance::Takeover(_)) => {
            return (Finding::skipped(Step::Token, hindrance.to_string()), None);
        }
        Some(hindrance @ Hindrance::Unreachable(_)) if is_fetched => {
            return (Finding::skipped(Step::Token, hindrance.to_string()), None);
        }
        Some(Hindrance::Unreachable(_)) | None => {}
    }
    let mut state = TokenState::default();
    match state.hold(upstream, account).await {
        Ok(credential) => {
            let detail = format!("{}: {}", account.token.label(), life(&credential, state.until()));
            (Finding::ok(Step::Token, detail), Some(credential))
        }
        Err(error) => (Finding::refused(Step::Token, &error), None),
    }
}

/// How a token came here and how long it is good.
fn life(credential: &Credential, until: Option<Until>) -> String {
    let seconds = |at: Instant| at.saturating_duration_since(Instant::now()).as_secs_f64().round();
    match (credential, until) {
        (Credential::CloudHosted(_), _) => "the cloud adds the credential".to_owned(),
        (_, Some(Until::Expiry(at))) => format!("fetched, expires in {} s", seconds(at)),
        (_, Some(Until::Look(at))) if at > Instant::now() => {
            format!("read, good for {} s or more", seconds(at))
        }
        (_, Some(Until::Look(_)) | None) => "read, tells no expiry".to_owned(),
    }
}

async fn ask(
    upstream: &Upstream,
    account: &Account,
    collector: Collector,
    credential: &Credential,
) -> Result<Collected, ApiError> {
    // Quotas are asked for one API after the other: without drafts that is one call.
    let account = Account { collect: Collect::default(), ..account.clone() };
    let result = collect(&upstream.client, &account, collector, credential).await;
    if account.token.is_cloud() {
        return result.map_err(|error| cloud::explain(error, account.token.label(), LONG_UP));
    }
    result
}

/// Whether the other calls of the account would come to the same.
fn stands_in_every_way(error: &ApiError) -> bool {
    matches!(error.class(), ErrorClass::Network | ErrorClass::Token | ErrorClass::Ip)
}

const fn step(collector: Collector) -> Step {
    match collector {
        Collector::Material => Step::Data,
        Collector::Draft => Step::Draft,
        Collector::Quota => Step::Quota,
    }
}

fn judge(step: Step, collected: &Collected, budget: Budget) -> Finding {
    match collected {
        Collected::Material(counts) => {
            let counts = Kind::ALL.map(|kind| format!("{} {}", kind.label(), counts[kind]));
            Finding::ok(step, counts.join(", "))
        }
        Collected::Draft(count) => Finding::ok(step, format!("{count} drafts")),
        Collected::Quota(quotas) => Finding {
            step,
            detail: quotas.iter().map(quota_text).collect::<Vec<_>>().join("; "),
            verdict: quota_verdict(quotas, budget),
        },
    }
}

fn quota_text(quota: &ApiQuota) -> String {
    let (api, used) = (quota.api.label(), quota.used);
    match quota.limit {
        Some(limit) => format!("{api}: used {used} of {} today, {} left", limit.calls, limit.remaining),
        None => format!("{api}: used {used} today, the quota is unknown"),
    }
}

fn quota_verdict(quotas: &[ApiQuota], budget: Budget) -> Verdict {
    let limits = || quotas.iter().filter_map(|quota| quota.limit);
    if limits().any(|limit| limit.remaining == 0) {
        return Verdict::Failed(Cause::of(ErrorClass::QuotaDay));
    }
    let reserve = budget.reserve.ratio();
    if limits().any(|limit| (limit.remaining as f64) < limit.calls as f64 * reserve) {
        return Verdict::Warning(Cause::Advised(SPARE_THE_QUOTA));
    }
    Verdict::Ok
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Takeover(why) => f.write_str(why),
            Self::Unreachable(route) => write!(f, "{route} cannot be reached"),
        }
    }
}
