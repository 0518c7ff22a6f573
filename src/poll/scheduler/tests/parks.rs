//! Waits after a failure, where one collector's failure meets the others, and where accounts go and
//! come back.

use super::*;
use crate::poll::change::PollNowAnswer;

fn with_drafts(name: &str) -> Arc<Account> {
    let mut account = Arc::unwrap_or_clone(account(name));
    account.collect = Collect { draft: Some(Duration::from_secs(3_600)), quota: None };
    Arc::new(account)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_fails_for_drafts_parks_the_counts_no_longer_than_their_own_failure_would() {
    let fleet = Fleet::of(&[with_drafts("a")], 4, |ask| match (ask.nth, ask.collector) {
        (1.., Collector::Draft) => (Answer::NoToken(40164), Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    let polls = fleet.asked(4 * 3_600, "a", Collector::Material).await;
    // Without a token: 5 min, which the interval of 10 min goes before; then its regular moment.
    let longest = polls.windows(2).skip(1).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(longest < 1_500.0, "{polls:?}");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_not_starved_by_a_fleet_that_is_always_late() {
    let names: Vec<String> = (0..100).map(|i| format!("a{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Twice as many polls as fit.
    let fleet = Fleet::start(&names, 2, |ask| match (ask.name, ask.nth) {
        ("a7", 0) => (Answer::Errcode(-1), Duration::ZERO),
        _ => (Answer::Counts, Duration::from_secs(24)),
    });
    let visits = fleet.after(3 * 3_600).await;
    let times: Vec<_> = visits.iter().filter(|(name, _)| name == "a7").map(|(_, at)| *at).collect();
    assert!(times.len() >= 3, "{times:?}");
    assert_eq!(fleet.readings("a7").last_poll, LastPoll::Succeeded);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_goes_and_comes_back_comes_back_to_its_wait() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::NoToken(89503), Duration::ZERO));
    fleet.after(10).await;
    let next_poll = fleet.readings("a").next_poll;
    fleet.apply(Vec::new(), &["a"], &[]).await;
    fleet.after(10).await;
    fleet.apply(vec![account("a")], &[], &[]).await;
    let readings = fleet.readings("a");
    assert_eq!(readings.next_poll, next_poll);
    assert!(matches!(&readings.last_poll, LastPoll::Failed(failing) if failing.class == ErrorClass::Risk));
    assert_eq!(fleet.after(600).await.len(), 1);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_goes_and_comes_back_is_polled_no_more_often() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::ZERO));
    fleet.after(10).await;
    let readings = fleet.readings("a");
    for _ in 0..5 {
        fleet.apply(Vec::new(), &["a"], &[]).await;
        fleet.after(10).await;
        fleet.apply(vec![account("a")], &[], &[]).await;
    }
    assert_eq!(fleet.readings("a").last_good, readings.last_good);
    assert_eq!(fleet.readings("a").next_poll, readings.next_poll);
    assert_eq!(fleet.after(INTERVAL.as_secs() - 61).await.len(), 1);
    assert_eq!(fleet.after(INTERVAL.as_secs()).await.len(), 2);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_under_a_new_name_waits_for_the_poll_under_the_old_one() {
    let fleet = Fleet::start(&["old"], 4, |_| (Answer::Counts, Duration::from_secs(20)));
    fleet.after(5).await;
    let mut renamed = Arc::unwrap_or_clone(account("new"));
    renamed.app_id = account("old").app_id.clone();
    fleet.apply(vec![Arc::new(renamed)], &["old"], &[]).await;
    assert_eq!(fleet.after(10).await.len(), 1, "never two polls of one account at once");
    let visits = fleet.after(10).await;
    assert_eq!((visits.len(), visits[1].0.as_str()), (2, "new"));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_takes_the_app_id_of_another_waits_for_its_poll() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::from_secs(20)));
    fleet.after(5).await;
    let mut swapped = [account("a"), account("b")].map(Arc::unwrap_or_clone);
    let [a, b] = &mut swapped;
    std::mem::swap(&mut a.app_id, &mut b.app_id);
    fleet.apply(swapped.map(Arc::new).into(), &[], &[]).await;
    assert_eq!(fleet.after(10).await.len(), 1, "b is what is being polled as a");
    let mut visits: Vec<_> = fleet.after(10).await.into_iter().skip(1).map(|(name, _)| name).collect();
    visits.sort();
    assert_eq!(visits, ["a", "b"]);
    fleet.after(30).await;
    assert_eq!(["a", "b"].map(|name| fleet.readings(name).polls), [1, 1]);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_ends_a_wait_though_something_else_is_being_asked() {
    let fleet = Fleet::of(&[with_drafts("a")], 4, |ask| match (ask.nth, ask.collector) {
        (0, Collector::Material) => (Answer::Errcode(50002), Duration::ZERO),
        (1, Collector::Draft) => (Answer::Counts, Duration::from_secs(30)),
        _ => (Answer::Counts, Duration::ZERO),
    });
    // Until the second visit begins, which is for drafts alone.
    while fleet.after(1).await.len() < 2 {}
    assert_eq!(fleet.asked(0, "a", Collector::Material).await.len(), 1);
    assert_eq!(fleet.wish("a").await, PollNowAnswer::Due);
    let polls = fleet.asked(60, "a", Collector::Material).await;
    assert_eq!(polls.len(), 2, "{polls:?}");
    assert_eq!(fleet.readings("a").last_poll, LastPoll::Succeeded);
    fleet.end().await;
}
