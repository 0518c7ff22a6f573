//! The fire drill: a simulated fleet, the exporter, and what its operators are told of each fault by
//! Prometheus with the shipped rules and Alertmanager with the shipped inhibition, 200 times faster.
//! Both generations of them watch the same exporter.

mod fleet;
mod watch;

use self::fleet::Fleet;
use self::watch::{Notice, Watch};
use crate::tools::Generation;

fn notice(alert: &str, account: &str, status: &str) -> Notice {
    Notice { alert: alert.to_owned(), account: account.to_owned(), status: status.to_owned() }
}

/// Each of them is told each of these, in whatever order.
async fn all_hear(watches: &[Watch], alerts: &[(&str, &str)], status: &str) {
    for watch in watches {
        for (alert, account) in alerts {
            watch.hears(&notice(alert, account, status)).await;
        }
    }
}

/// Alert and account.
const ACCOUNT_FAULTS: [(&str, &str); 4] = [
    ("WeChatMaterialQuotaAlmostFull", "growing"),
    ("WeChatMaterialQuotaFull", "full"),
    ("WeChatAccountAuthFailing", "locked"),
    ("WeChatAccountDataStale", "unreachable"),
];
const FLEET_FAULT: [(&str, &str); 1] = [("WeChatFleetFailing", "")];
const GONE: [(&str, &str); 1] = [("WeChatExporterAbsent", "")];

#[tokio::test]
async fn each_fault_is_told_once_and_so_is_its_end_and_nothing_else() {
    let mut fleet = Fleet::start().await;
    let mut watches = Vec::new();
    for generation in Generation::BOTH {
        watches.push(Watch::start(generation, &fleet).await);
    }

    fleet.succeeds().await;
    fleet.cut_off("unreachable");
    all_hear(&watches, &ACCOUNT_FAULTS, "firing").await;
    fleet.reconnect("unreachable");
    fleet.correct_the_secret_and_raise_the_limits().await;
    all_hear(&watches, &ACCOUNT_FAULTS, "resolved").await;

    // Each account has an alert of its own, and nobody is told of those.
    fleet.each(Fleet::cut_off);
    all_hear(&watches, &FLEET_FAULT, "firing").await;
    for watch in &watches {
        watch.keeps_quiet("WeChatAccountDataStale", fleet.accounts().count()).await;
    }
    fleet.each(Fleet::reconnect);
    all_hear(&watches, &FLEET_FAULT, "resolved").await;
    for watch in &watches {
        watch.comes_to_rest().await;
    }

    fleet.stop().await;
    all_hear(&watches, &GONE, "firing").await;
    fleet.start_again().await;
    all_hear(&watches, &GONE, "resolved").await;

    let faults = [&ACCOUNT_FAULTS[..], &FLEET_FAULT, &GONE].concat();
    let mut expected: Vec<_> = faults
        .iter()
        .flat_map(|(alert, account)| ["firing", "resolved"].map(|status| notice(alert, account, status)))
        .collect();
    expected.sort();
    for watch in &watches {
        let mut told = watch.notices().await;
        told.sort();
        assert_eq!(told, expected, "{:?}", watch.generation());
        assert_eq!(watch.rule_errors().await, Vec::<String>::new(), "{:?}", watch.generation());
    }
}
