//! What a new configuration, and a wish for a poll, do to accounts that are known.

use tokio::sync::oneshot;

use super::*;
use crate::poll::change::{PollNow, PollNowAnswer};

impl Fleet {
    async fn list_all(&self, set: Vec<Arc<Account>>, gone: &[&str]) {
        self.apply(set, gone, &["team"]).await;
    }

    pub(super) async fn wish(&self, name: &str) -> PollNowAnswer {
        let (answer, told) = oneshot::channel();
        let wish = PollNow { name: AccountName::parse(name).unwrap(), answer };
        self.changes.send(FleetChange::PollNow(wish)).await.unwrap();
        told.await.unwrap()
    }

    fn times(&self, name: &str) -> Vec<f64> {
        let visits = self.visits.lock().unwrap();
        visits.iter().filter(|seen| seen.name == name).map(|seen| seen.at.as_secs_f64()).collect()
    }
}

fn changed(name: &str, change: impl FnOnce(&mut Account)) -> Arc<Account> {
    let mut account = Arc::unwrap_or_clone(account(name));
    change(&mut account);
    Arc::new(account)
}

fn with_secret(name: &str, secret: &str) -> Arc<Account> {
    let app_secret = SecretSource::Inline(Secret::new(secret.into()));
    changed(name, |account| account.token = TokenSource::StableToken { app_secret })
}

#[tokio::test(start_paused = true)]
async fn a_new_list_is_shown_as_one_and_leaves_the_others_alone() {
    let fleet = Fleet::start(&["a", "b", "c"], 4, |_| (Answer::Counts, Duration::from_secs(1)));
    fleet.after(10).await;
    let before = fleet.readings("a");
    fleet.list_all(vec![account("d"), changed("b", |b| b.display_name = "B".into())], &["c"]).await;
    let (readings, labels) = fleet.outlets.store.snapshot_with_labels();
    let names: Vec<_> = readings.iter().map(|one| one.account.name.as_str()).collect();
    assert_eq!((names, &labels[..]), (vec!["a", "b", "d"], &["team".to_owned()][..]));
    fleet.after(5).await;
    assert!(Arc::ptr_eq(&before, &fleet.readings("a")), "nothing about it has changed");
    assert_eq!(fleet.times("d").len(), 1, "a new one is due at once");
    assert_eq!(fleet.times("b").len(), 1, "another display name is no reason to call");
    assert_eq!((fleet.readings("b").polls, &*fleet.readings("b").account.display_name), (1, "B"));
    fleet.after(7_200).await;
    assert_eq!(fleet.times("c").len(), 1, "the one that went is polled no more");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn new_token_settings_end_a_wait_but_not_one_for_wechat() {
    let fleet = Fleet::start(&["wrong", "used-up", "risky", "same"], 4, |ask| match (ask.name, ask.nth) {
        ("used-up", 0) => (Answer::NoToken(45009), Duration::ZERO),
        ("risky", 0) => (Answer::NoToken(89503), Duration::ZERO),
        (_, 0) => (Answer::NoToken(40125), Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(10).await;
    let parked = ["used-up", "risky", "same"].map(|name| fleet.readings(name).next_poll);
    let set = vec![
        with_secret("wrong", "t"),
        with_secret("used-up", "t"),
        with_secret("risky", "t"),
        changed("same", |same| same.hold = Duration::from_secs(360_000)),
    ];
    fleet.list_all(set, &[]).await;
    fleet.after(1).await;
    assert_eq!(fleet.readings("wrong").last_poll, LastPoll::Succeeded);
    for (name, next_poll) in ["used-up", "risky", "same"].into_iter().zip(parked) {
        assert_eq!((fleet.times(name).len(), fleet.readings(name).next_poll), (1, next_poll), "{name}");
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_with_old_token_settings_is_not_believed() {
    let fleet = Fleet::start(&["a"], 4, |ask| match ask.nth {
        0 => (Answer::NoToken(40125), Duration::from_secs(5)),
        _ => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(2).await;
    fleet.list_all(vec![with_secret("a", "t")], &[]).await;
    assert_eq!(fleet.after(0).await.len(), 1, "never two visits at once");
    assert_eq!(fleet.after(10).await.len(), 2, "the other one follows at once");
    let readings = fleet.readings("a");
    assert_eq!((readings.polls, readings.failures, &readings.last_poll), (1, 0, &LastPoll::Succeeded));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_account_under_the_same_name_begins_anew() {
    let fleet = Fleet::start(&["a", "busy"], 4, |ask| {
        (Answer::Counts, Duration::from_secs(if ask.name == "busy" && ask.nth == 0 { 20 } else { 3 }))
    });
    fleet.after(10).await;
    let other = |name| changed(name, |it| it.app_id = AppId::parse("wx00000000000000ff").unwrap());
    fleet.list_all(vec![other("a"), other("busy")], &[]).await;
    let readings = fleet.readings("a");
    assert!(readings.last_good.is_none() && readings.polls == 0, "those counts were another account's");
    fleet.after(5).await;
    assert_eq!(fleet.readings("a").polls, 1);
    assert!(fleet.readings("busy").last_good.is_none());
    fleet.after(20).await;
    assert_eq!((fleet.times("busy").len(), fleet.readings("busy").polls), (2, 1));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_interval_takes_effect_without_a_call_at_once() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::ZERO));
    fleet.after(1_300).await;
    let polled = fleet.times("a").len();
    fleet.list_all(vec![changed("a", |a| a.interval = Duration::from_secs(60))], &[]).await;
    assert_eq!(fleet.times("a").len(), polled);
    fleet.after(600).await;
    assert!((9..=11).contains(&(fleet.times("a").len() - polled)), "{:?}", fleet.times("a"));
    assert_eq!(fleet.readings("a").interval, Duration::from_secs(60));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_platform_says_of_a_listed_account_is_ignored() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::ZERO));
    fleet.after(1).await;
    let found = changed("a", |a| a.display_name = "found".into());
    fleet.changes.send(FleetChange::Set(found)).await.unwrap();
    fleet.changes.send(FleetChange::Gone(AccountName::parse("a").unwrap())).await.unwrap();
    fleet.after(1).await;
    assert_eq!(&*fleet.readings("a").account.display_name, "");
    // From the moment it is no longer listed, it is the platform's.
    fleet.list_all(Vec::new(), &["a"]).await;
    assert!(fleet.outlets.store.get(&AccountName::parse("a").unwrap()).is_none());
    fleet.changes.send(FleetChange::Set(account("a"))).await.unwrap();
    fleet.after(1).await;
    assert!(fleet.readings("a").last_good.is_some());
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_makes_an_account_due_once_a_minute_unless_it_waits_for_wechat() {
    let fleet = Fleet::start(&["a", "used-up", "refused"], 4, |ask| match (ask.name, ask.nth) {
        ("used-up", _) => (Answer::Errcode(45009), Duration::ZERO),
        ("refused", 0) => (Answer::NoToken(40164), Duration::ZERO),
        _ => (Answer::Counts, Duration::from_secs(3)),
    });
    fleet.after(10).await;
    assert_eq!(fleet.wish("nobody").await, PollNowAnswer::Unknown);
    assert_eq!(fleet.wish("used-up").await, PollNowAnswer::Parked("quota_day"));
    assert_eq!(fleet.wish("refused").await, PollNowAnswer::Due);
    assert_eq!(fleet.wish("a").await, PollNowAnswer::Due);
    fleet.after(1).await;
    assert_eq!(["a", "refused", "used-up"].map(|name| fleet.times(name).len()), [2, 2, 1]);
    assert!(matches!(fleet.wish("a").await, PollNowAnswer::TooSoon(wait) if wait.as_secs() == 59));
    fleet.after(60).await;
    assert_eq!(fleet.wish("a").await, PollNowAnswer::Due);
    fleet.after(1).await;
    // While that one runs, there is nothing to add.
    assert!(matches!(fleet.wish("a").await, PollNowAnswer::TooSoon(_)));
    fleet.after(10).await;
    assert_eq!(fleet.times("a").len(), 3);
    assert_eq!(fleet.readings("refused").last_poll, LastPoll::Succeeded);
    fleet.end().await;
}
