//! Other settings of accounts that run.

use tokio::sync::oneshot;

use super::*;
use crate::poll::change::Listing;

impl Fleet {
    /// Takes over an account with other settings.
    async fn list(&self, account: Account) {
        let (applied, is_applied) = oneshot::channel();
        let listing = Listing {
            set: vec![Arc::new(account)],
            gone: Vec::new(),
            info_labels: Arc::default(),
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
