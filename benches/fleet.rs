//! Accounts and readings for benchmarks: all healthy, no two alike.

use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::clock::WallTime;
use wechat_material_exporter::config::{
    Account, AccountName, AppId, BaseUrl, Budget, Collect, Endpoint, Kind, Limits, PerKind, TokenSource,
};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::store::{LastGood, LastPoll, Readings};

const INTERVAL: Duration = Duration::from_secs(600);

/// The label of the account with this number.
pub(crate) fn name(account: u64) -> String {
    format!("brand-{account:06}")
}

/// Readings of accounts that were polled within the interval before `now`.
pub(crate) fn fleet(accounts: u64, now: WallTime) -> Vec<Readings> {
    let base_url = BaseUrl::parse("https://api.weixin.qq.com").expect("a base URL");
    let endpoint = Arc::new(Endpoint { base_url, fallback: None, proxy: None });
    (0..accounts)
        .map(|n| {
            let account = Account {
                name: AccountName::parse(&name(n)).expect("a name"),
                app_id: AppId::parse(&format!("wx{n:016x}")).expect("an app id"),
                display_name: format!("品牌 {n}").into(),
                info_labels: Box::default(),
                interval: INTERVAL,
                collect: Collect::default(),
                hold: Duration::from_secs(86_400),
                limits: Limits::default(),
                budget: Budget::default(),
                shard: None,
                endpoint: Arc::clone(&endpoint),
                token: TokenSource::StableToken {
                    app_secret: SecretSource::Inline(Secret::new(format!("{n:032x}"))),
                },
            };
            let ago = i64::try_from(n % 600_000).expect("less than the interval");
            let readings =
                Readings { polls: 1_000 + n, token_refreshes: 90, ..Readings::new(Arc::new(account), now) };
            polled(&readings, WallTime::from_millis(now.millis() - ago))
        })
        .collect()
}

/// The same account after one more poll, which ended `at` and brought other counts.
pub(crate) fn polled(readings: &Readings, at: WallTime) -> Readings {
    Readings {
        polls: readings.polls + 1,
        last_good: Some(LastGood { counts: PerKind::new(|kind| spread(readings.polls, kind)), at }),
        last_poll: LastPoll::Succeeded,
        next_poll: at.plus(INTERVAL),
        ..readings.clone()
    }
}

/// Counts of all lengths below the limits.
pub(crate) fn spread(seed: u64, kind: Kind) -> u64 {
    let limit = Limits::default().items[kind];
    seed.wrapping_mul(2_654_435_761).wrapping_add(kind as u64 * 7_919) % limit
}
