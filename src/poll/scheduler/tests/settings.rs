//! Other settings of accounts that run.

use tokio::sync::oneshot;

use super::*;
use crate::poll::change::Listing;

impl Fleet {
    /// Takes over an account with other settings.
    async fn list(&self, account: Account) {
        self.apply(vec![Arc::new(account)], &[], &[]).await;
    }

    /// Takes over accounts, and the names of labels.
    pub(super) async fn apply(&self, set: Vec<Arc<Account>>, gone: &[&str], info_labels: &[&str]) {
        let (applied, is_applied) = oneshot::channel();
        let listing = Listing {
            set,
            gone: gone.iter().map(|name| AccountName::parse(name).unwrap()).collect(),
            info_labels: info_labels.iter().map(|&label| label.to_owned()).collect(),
            max_in_flight: 4,
            applied,
        };
        self.changes.send(FleetChange::Listed(Box::new(listing))).await.unwrap();
        is_applied.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_visit_to_another_app_id_brings_nothing_however_often_the_settings_change_meanwhile() {
    let fleet = Fleet::start(&["a"], 4, |ask| match ask.nth {
        0 => (Answer::Counts, Duration::from_secs(10)),
        _ => (Answer::Errcode(48001), Duration::from_secs(10)),
    });
    fleet.after(1).await;
    let mut other = Arc::unwrap_or_clone(account("a"));
    other.app_id = AppId::parse("wxfedcba9876543210").unwrap();
    fleet.list(other.clone()).await;
    other.token = TokenSource::StableToken { app_secret: SecretSource::Inline(Secret::new("t".into())) };
    fleet.list(other).await;
    assert_eq!(fleet.after(14).await.len(), 2, "visited anew when the first visit ended");
    assert_eq!((fleet.readings("a").polls, fleet.readings("a").last_good), (0, None));
    fleet.after(10).await;
    assert_eq!((fleet.readings("a").polls, fleet.readings("a").failures), (1, 1));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_moment_of_the_next_poll_is_shown_as_the_same_number_under_other_settings() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::ZERO));
    fleet.after(10).await;
    let next_poll = fleet.readings("a").next_poll;
    for n in 0..10 {
        tokio::time::advance(Duration::from_micros(137)).await;
        let display_name = format!("version {n}").into();
        fleet.list(Account { display_name, ..Arc::unwrap_or_clone(account("a")) }).await;
        assert_eq!(&*fleet.readings("a").account.display_name, format!("version {n}"));
        assert_eq!(fleet.readings("a").next_poll, next_poll, "after {n} changes");
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn labels_of_a_discovered_account_stay_with_their_names() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::from_secs(5)));
    fleet.apply(Vec::new(), &[], &["team", "region"]).await;
    let info_labels = ["shop".into(), "north".into()].into();
    let found = Arc::new(Account { info_labels, ..Arc::unwrap_or_clone(account("b")) });
    for change in [FleetChange::Set(Arc::clone(&found)), FleetChange::Set(account("c"))] {
        fleet.changes.send(change).await.unwrap();
    }
    fleet.after(1).await;
    let lost = AccountName::parse("c").unwrap();
    fleet.changes.send(FleetChange::Gone(lost.clone())).await.unwrap();
    fleet.apply(Vec::new(), &[], &["region", "tier", "team"]).await;
    let values: Vec<_> = fleet.readings("b").account.info_labels.iter().map(ToString::to_string).collect();
    assert_eq!(values, ["north", "", "shop"]);
    assert!(fleet.outlets.store.get(&lost).is_none(), "what is gone does not return, though it is visited");
    fleet.end().await;
}
