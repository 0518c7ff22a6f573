//! Polls are spaced by what `quota/get` says.

use super::*;

const HOUR: u64 = 3_600;

fn with_quota(name: &str) -> Arc<Account> {
    let mut account = Arc::unwrap_or_clone(account(name));
    account.collect = Collect { draft: None, quota: Some(Duration::from_secs(HOUR)) };
    Arc::new(account)
}

#[tokio::test(start_paused = true)]
async fn polls_are_spared_while_little_remains_and_come_back_the_next_day() {
    // The clock of these tests begins at 20:00 in Shanghai.
    let fleet = Fleet::of(&[with_quota("a")], 4, |ask| match ask.collector {
        // Somebody else uses the quota up within the first two hours.
        Collector::Quota if ask.nth == 0 => (Answer::Quota(1_000, 900), Duration::ZERO),
        Collector::Quota => (Answer::Quota(1_000, 8), Duration::ZERO),
        Collector::Material | Collector::Draft => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(60).await;
    let wall = |seconds: f64| 20.0 + seconds / HOUR as f64;
    assert_eq!(fleet.readings("a").interval, Duration::from_secs(600));
    fleet.after(9_000).await;
    assert!(fleet.readings("a").interval > Duration::from_secs(1_200), "the page says so");
    let shown = fleet.readings("a").next_poll.seconds() - 1_795_435_200.0;
    assert!(shown > 9_060.0 + 1_200.0, "and when it is over: {shown}");
    let first_day = fleet.asked(4 * HOUR - 9_120, "a", Collector::Material).await;
    let told = fleet.asked(0, "a", Collector::Quota).await[1];
    let after: Vec<_> = first_day.iter().filter(|at| **at > told).collect();
    // Half of 8, and the answer says 8 again an hour later.
    assert!((1..=5).contains(&after.len()), "{after:?}");
    assert!(first_day.iter().filter(|at| **at <= told).count() >= 6, "{first_day:?}");
    // After midnight yesterday's remainder says nothing, until it is told of again.
    let later = fleet.asked(HOUR, "a", Collector::Material).await;
    assert!(later.iter().any(|at| wall(*at) > 24.0), "{later:?}");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_real_quota_below_the_assumed_one_spaces_polls_at_all_times() {
    let fleet = Fleet::of(&[with_quota("sandbox")], 4, |ask| match ask.collector {
        Collector::Quota => (Answer::Quota(100, 90), Duration::ZERO),
        Collector::Material | Collector::Draft => (Answer::Counts, Duration::ZERO),
    });
    let polls = fleet.asked(5 * 24 * HOUR, "sandbox", Collector::Material).await;
    // A fifth of 100 calls a day, so one in 72 min.
    assert!((85..=101).contains(&polls.len()), "{}", polls.len());
    let gaps: Vec<_> = polls.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().skip(1).all(|gap| *gap >= 4_320.0 - 60.0), "{gaps:?}");
    assert_eq!(fleet.readings("sandbox").interval, Duration::from_secs(4_320));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_unknown_or_ample_changes_nothing() {
    let fleet = Fleet::of(&[with_quota("a"), with_quota("b")], 4, |ask| match (ask.collector, ask.name) {
        (Collector::Quota, "a") => (Answer::Quota(100_000, 90_000), Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(24 * HOUR).await;
    for name in ["a", "b"] {
        let polls = fleet.asked(0, name, Collector::Material).await;
        assert!((142..=145).contains(&polls.len()), "{name}: {}", polls.len());
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_used_up_is_not_asked_for_until_midnight() {
    for interval in [600, 5_400, 7_200] {
        let account =
            Account { interval: Duration::from_secs(interval), ..Arc::unwrap_or_clone(with_quota("a")) };
        let start = Instant::now();
        let fleet = Fleet::with(Setting::new(), &[Arc::new(account)], 4, move |ask| {
            let answer = match (ask.collector, start.elapsed().as_secs() / HOUR) {
                (Collector::Quota, 0 | 4..) => Answer::Quota(1_000, 900),
                (Collector::Quota, _) => Answer::Quota(1_000, 1),
                (Collector::Material | Collector::Draft, _) => Answer::Counts,
            };
            (answer, Duration::ZERO)
        });
        let polls = fleet.asked(4 * HOUR + 2 * interval, "a", Collector::Material).await;
        let told = fleet.asked(0, "a", Collector::Quota).await[1];
        let midnight = 4.0 * HOUR as f64;
        assert!(told < midnight, "{told}");
        assert!(!polls.iter().any(|at| (told..midnight).contains(at)), "every {interval} s: {polls:?}");
        assert!(polls.iter().any(|at| *at > midnight), "every {interval} s: {polls:?}");
        fleet.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_midnight_waits_as_on_any_day() {
    let start = Instant::now();
    let fleet = Fleet::with(Setting::new(), &[with_quota("a")], 4, move |ask| {
        let hour = start.elapsed().as_secs() / HOUR;
        let answer = match (ask.collector, hour) {
            (Collector::Quota, 0) => Answer::Quota(1_000, 900),
            (Collector::Quota, 1) => Answer::Quota(1_000, 4),
            (Collector::Quota, _) => Answer::Errcode(48001),
            (_, 4..) => Answer::Unreachable,
            _ => Answer::Counts,
        };
        (answer, Duration::ZERO)
    });
    let polls = fleet.asked(8 * HOUR, "a", Collector::Material).await;
    let of_today: Vec<_> = polls.into_iter().filter(|at| *at > 4.0 * HOUR as f64).collect();
    // Three attempts every ten minutes, and a tenth more, from the first poll of the day on.
    assert!(of_today.len() > 3 * 12, "{of_today:?}");
    fleet.end().await;
}
