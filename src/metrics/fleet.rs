//! Accounts and readings for tests of the page.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::WallTime;
use crate::config::{
    Account, AccountName, AppId, BaseUrl, Budget, Collect, Endpoint, Kind, Limits, PerKind, PlatformName,
    TokenSource,
};
use crate::secret::{Secret, SecretSource};
use crate::store::{Failing, LastGood, LastPoll, OptionalReadings, PlatformReadings, Readings};
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::collect::{ApiQuota, QuotaLimit};

/// The moment of the tests' pages.
pub(super) const NOW: WallTime = WallTime::from_millis(1_790_000_000_250);

pub(super) const INTERVAL: Duration = Duration::from_secs(300);
pub(super) const HOLD: Duration = Duration::from_secs(3_600);

/// Settings of an account with that name, which need not be a valid one.
pub(crate) fn account(name: &str) -> Account {
    let base_url = BaseUrl::parse("https://api.weixin.qq.com").unwrap();
    Account {
        name: AccountName::unchecked(name),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: "".into(),
        info_labels: Box::default(),
        interval: INTERVAL,
        collect: Collect::default(),
        hold: HOLD,
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
        endpoint: Arc::new(Endpoint { base_url, fallback: None, proxy: None }),
        token: TokenSource::StableToken { app_secret: SecretSource::Inline(Secret::new("s".to_owned())) },
    }
}

/// An account that was never polled.
pub(crate) fn pending(account: Account) -> Readings {
    Readings::new(Arc::new(account), NOW.plus(Duration::from_millis(1_005)))
}

/// Counts of 1, 2, 3 and 4 items that were right `age` before [`NOW`].
pub(crate) fn succeeded(account: Account, age: Duration) -> Readings {
    let at = WallTime::from_millis(NOW.millis() - i64::try_from(age.as_millis()).unwrap());
    let counts = PerKind::new(|kind| Kind::ALL.iter().position(|other| *other == kind).unwrap() as u64 + 1);
    Readings {
        last_good: Some(LastGood { counts, at }),
        last_poll: LastPoll::Succeeded,
        polls: 7,
        token_refreshes: 1,
        ..pending(account)
    }
}

/// The same account with drafts that were counted and quotas that could not be asked.
pub(super) fn with_optional(readings: Readings) -> Readings {
    let at = WallTime::from_millis(NOW.millis() - 90_000);
    let draft = OptionalReadings { last_good: Some((12, at)), last_poll: LastPoll::Succeeded };
    let quotas = [
        ApiQuota {
            api: Api::MaterialCount,
            limit: Some(QuotaLimit { calls: 1_000, remaining: 856 }),
            used: 144,
        },
        ApiQuota { api: Api::DraftCount, limit: None, used: 24 },
    ];
    let failing =
        Failing { class: ErrorClass::Request, errcode: Some(ErrCode(76022)), seen_ip: None, source: None };
    let quota =
        OptionalReadings { last_good: Some((quotas.into(), at)), last_poll: LastPoll::Failed(failing) };
    Readings { draft: Some(Box::new(draft)), quota: Some(Box::new(quota)), ..readings }
}

/// Two third-party platforms: one at work, one parked from the start.
pub(crate) fn platforms() -> Vec<Arc<PlatformReadings>> {
    let failing =
        Failing { class: ErrorClass::Ip, errcode: Some(ErrCode(61004)), seen_ip: None, source: None };
    let platform = |name, last_call, authorizers| {
        let name = PlatformName::parse(name).unwrap();
        Arc::new(PlatformReadings { name, last_call, authorizers })
    };
    vec![
        platform("agency", LastPoll::Succeeded, Some([240, 31, 2, 0, 1])),
        platform("parked", LastPoll::Failed(failing), None),
    ]
}

/// The same readings after one more poll, which failed.
pub(crate) fn failed(readings: Readings, class: ErrorClass, errcode: Option<i64>) -> Readings {
    let failing = Failing { class, errcode: errcode.map(ErrCode), seen_ip: None, source: None };
    Readings {
        polls: readings.polls + 1,
        failures: readings.failures + 1,
        last_poll: LastPoll::Failed(failing),
        ..readings
    }
}
