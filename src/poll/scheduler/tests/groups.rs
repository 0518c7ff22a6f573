//! Polls that come due close to each other begin together.

use std::collections::BTreeSet;

use super::*;

/// So many accounts that are polled each two seconds.
fn accounts(count: usize) -> Vec<Arc<Account>> {
    let account =
        |at| Arc::new(Account { interval: Duration::from_secs(2), ..(*account(&format!("a{at}"))).clone() });
    (0..count).map(account).collect()
}

#[tokio::test(start_paused = true)]
async fn a_large_fleet_is_polled_in_groups_which_are_late_by_little_and_never_more_so() {
    let fleet = Fleet::of(&accounts(200), 200, |_| (Answer::Counts, Duration::from_millis(5)));
    let visits = fleet.after(62).await;
    // From the second round on polls are spread.
    let spread: Vec<_> = visits.iter().filter(|(_, at)| *at >= 4.0).collect();
    assert!(spread.len() > 5_700, "{}", spread.len());
    let moments: BTreeSet<u64> = spread.iter().map(|(_, at)| at.to_bits()).collect();
    assert!((400..=600).contains(&moments.len()), "{}", moments.len());
    for index in 0..200 {
        let name = format!("a{index}");
        let place = AccountName::parse(&name).unwrap().place() as f64 / 2_f64.powi(64);
        let times = spread.iter().filter(|(other, _)| *other == name);
        for (_, at) in times {
            let late = (at - 2.0 * place).rem_euclid(2.0);
            assert!(late <= GROUP.as_secs_f64() + 0.002, "{name} {at} {late}");
        }
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_due_alone_is_not_late() {
    let fleet = Fleet::of(&accounts(1), 4, |_| (Answer::Counts, Duration::from_millis(5)));
    let visits = fleet.after(60).await;
    let late = |(_, at): &(String, f64)| (at - visits[1].1).rem_euclid(2.0);
    assert!(visits[1..].iter().map(late).all(|late| !(0.002..1.998).contains(&late)), "{visits:?}");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_late_already_does_not_wait_for_a_group() {
    let fleet = Fleet::of(&accounts(100), 1, |_| (Answer::Counts, Duration::from_millis(10)));
    let visits = fleet.after(2).await;
    assert!((0.98..1.2).contains(&visits[99].1), "one after another without a pause: {visits:?}");
    fleet.end().await;
}
