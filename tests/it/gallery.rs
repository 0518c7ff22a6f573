//! An exporter whose status page shows all that it can show: every class of failure, every state,
//! display names that want to break out, platforms, faults of the configuration, several pages.

use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::{Account, AccountName, AppId, Limits, PerKind, PlatformName};
use wechat_material_exporter::store::{
    Failing, LastGood, LastPoll, OptionalReadings, PlatformReadings, Readings,
};
use wechat_material_exporter::wechat::api::Api;
use wechat_material_exporter::wechat::class::{CLASSES, ErrCode, ErrorClass};
use wechat_material_exporter::wechat::collect::{ApiQuota, QuotaLimit};

use crate::app::Exporter;
use crate::harness::account;

/// Each the display name of an account `hostile-N`.
pub(crate) const HOSTILE: [&str; 6] = [
    "<script>document.title='broken'</script>",
    "</bdi></p></li></ol><h1 id=broken>broken</h1>",
    "\"><img src=x onerror=\"document.title='broken'\">",
    "' onmouseover='document.title=1' x='",
    "\u{202e}txet tfel-ot-thgir\u{2067} متجر الكتب",
    "一个长得没有空格也没有尽头的名字一个长得没有空格也没有尽头的名字一个长得没有空格也没有尽头的名字LongWithoutAnySpaceAtAllLongWithout",
];

/// Healthy ones among them, so that there are pages.
pub(crate) const HEALTHY: usize = 230;

/// Shows the gallery and polls nothing.
pub(crate) async fn exporter() -> Exporter {
    let exporter = Exporter::start(Vec::new()).await;
    let store = exporter.store();
    let now = Clock::System.now();
    store.publish_all(fleet(now).into_iter().map(Arc::new).collect(), &[], None);
    let ip = Failing { seen_ip: Some("203.0.113.7".parse().unwrap()), ..failing(ErrorClass::Ip) };
    for (name, last_call, authorizers) in [
        ("agency-new", LastPoll::Pending, None),
        ("agency-parked", LastPoll::Failed(ip), Some([0, 0, 0, 0, 0])),
        ("agency-working", LastPoll::Succeeded, Some([1_234, 56, 7, 8, 9])),
    ] {
        let name = PlatformName::parse(name).unwrap();
        store.publish_platform(PlatformReadings { name, last_call, authorizers });
    }
    store
        .publish_config_faults(vec!["accounts.d/b.yaml: accounts.<b>: unknown key: did you mean `a`".into()]);
    exporter
}

fn fleet(now: WallTime) -> Vec<Readings> {
    let hour = 3_600;
    let failing = CLASSES.iter().enumerate().map(|(i, row)| {
        let readings = polled(now, named(&format!("failing-{}", row.label), i), 5, hour);
        Readings { last_poll: LastPoll::Failed(failing(row.class)), polls: 9, failures: 7, ..readings }
    });
    let hostile = HOSTILE.iter().enumerate().map(|(i, name)| {
        let account = Account { display_name: (*name).into(), ..named(&format!("hostile-{i}"), 100 + i) };
        polled(now, account, 50, 60)
    });
    let healthy =
        (0..HEALTHY).map(|i| polled(now, named(&format!("healthy-{i:03}"), 1_000 + i), i as u64, 60));
    failing.chain(hostile).chain(healthy).chain(special(now)).collect()
}

/// One of each other kind.
fn special(now: WallTime) -> [Readings; 7] {
    let pooled = Account { limits: Limits { pooled: true, ..Limits::default() }, ..named("pooled", 201) };
    let extreme = polled(now, named("extreme", 202), u64::MAX, 60);
    let never = LastPoll::Failed(failing(ErrorClass::Secret));
    [
        polled(now, named("full", 203), 1_000, 60),
        polled(now, named("nearly-full", 204), 810, 60),
        polled(now, named("stale", 205), 7, 80 * 3_600),
        Readings::new(Arc::new(named("pending", 206)), at(now, 30)),
        Readings { last_poll: never, ..Readings::new(Arc::new(named("failing-always", 207)), at(now, 30)) },
        Readings { token_refreshes: 12_345, token_rejections: 2, ..extreme },
        collecting(now, polled(now, pooled, 400, 60)),
    ]
}

/// With the optional collectors, one of which fails.
fn collecting(now: WallTime, readings: Readings) -> Readings {
    let limit = Some(QuotaLimit { calls: 1_000, remaining: 856 });
    let quotas = [
        ApiQuota { api: Api::MaterialCount, limit, used: 144 },
        ApiQuota { api: Api::DraftCount, limit: None, used: 24 },
    ];
    let permission = LastPoll::Failed(failing(ErrorClass::Permission));
    Readings {
        draft: Some(Box::new(OptionalReadings {
            last_good: Some((12, at(now, -60))),
            last_poll: permission,
        })),
        quota: Some(Box::new(OptionalReadings {
            last_good: Some((Box::new(quotas), at(now, -60))),
            last_poll: LastPoll::Succeeded,
        })),
        token_until: Some(at(now, 5_400)),
        ..readings
    }
}

fn at(now: WallTime, seconds: i64) -> WallTime {
    WallTime::from_millis(now.millis() + seconds * 1_000)
}

fn named(name: &str, number: usize) -> Account {
    Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse(&format!("wx{number:016x}")).unwrap(),
        display_name: format!("账号 {number}").into(),
        ..account("https://api.weixin.qq.com")
    }
}

/// Polled `age` seconds ago, when each kind had `items`.
fn polled(now: WallTime, account: Account, items: u64, age: i64) -> Readings {
    Readings {
        last_good: Some(LastGood { counts: PerKind::new(|_| items), at: at(now, -age) }),
        last_poll: LastPoll::Succeeded,
        interval: Duration::from_secs(600),
        ..Readings::new(Arc::new(account), at(now, 600 - age.min(600)))
    }
}

fn failing(class: ErrorClass) -> Failing {
    let errcode = (class != ErrorClass::Network).then_some(ErrCode(40_164));
    Failing { class, errcode, seen_ip: None, source: None }
}
