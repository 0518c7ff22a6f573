//! Accounts for the tests of the pages.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::WallTime;
use crate::config::{Account, AccountName, AppId, BaseUrl, Budget, Endpoint, Limits, PerKind, TokenSource};
use crate::secret::SecretSource;
use crate::store::{Failing, LastGood, LastPoll, Readings};
use crate::wechat::class::{ErrCode, ErrorClass};

pub(super) const NOW: WallTime = WallTime::from_millis(1_795_420_800_000);

pub(super) fn ago(seconds: i64) -> WallTime {
    WallTime::from_millis(NOW.millis() - seconds * 1_000)
}

pub(super) fn account(name: &str, display_name: &str) -> Account {
    Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: display_name.into(),
        info_labels: Box::new([]),
        interval: Duration::from_secs(600),
        collect: crate::config::Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
        endpoint: Arc::new(Endpoint {
            base_url: BaseUrl::parse("https://api.weixin.qq.com").unwrap(),
            fallback: None,
            proxy: None,
        }),
        token: TokenSource::StableToken { app_secret: SecretSource::Env("UNUSED".to_owned()) },
    }
}

/// Polled `age` seconds ago with these counts of voice, video, image and news.
pub(super) fn polled(account: Account, counts: [u64; 4], age: i64) -> Readings {
    let counts = PerKind::new(|kind| counts[kind as usize]);
    Readings {
        last_good: Some(LastGood { counts, at: ago(age) }),
        last_poll: LastPoll::Succeeded,
        ..Readings::new(Arc::new(account), ago(-300))
    }
}

pub(super) fn failing(class: ErrorClass) -> LastPoll {
    let seen_ip = (class == ErrorClass::Ip).then(|| "203.0.113.7".parse().unwrap());
    LastPoll::Failed(Failing { class, errcode: Some(ErrCode(40_164)), seen_ip, source: None })
}
