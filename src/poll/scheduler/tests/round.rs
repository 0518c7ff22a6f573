//! The only round of a scheduler that ends by itself.

use super::disk::Disk;
use super::*;

fn round(disk: &mut Disk) -> Setting {
    let (clock, saver, restored) = (disk.clock, disk.saver(), disk.restored());
    Setting { clock, saver, restored, rounds: Rounds::One }
}

/// Accounts by what becomes of their polls.
fn answer(ask: Ask<'_>) -> (Answer, Duration) {
    let answer = match (ask.name.split('-').next(), ask.nth) {
        (Some("dead"), _) | (Some("shaky"), 0 | 1) => Answer::Unreachable,
        (Some("spent"), _) => Answer::Errcode(45009),
        (Some("barred"), _) => Answer::NoToken(40125),
        _ => Answer::Counts,
    };
    (answer, Duration::from_millis(300))
}

const SORTS: [(&str, usize); 5] = [("dead", 3), ("shaky", 3), ("spent", 1), ("barred", 1), ("good", 1)];

fn all_sorts() -> Vec<Arc<Account>> {
    (0..50).map(|i| collecting(&format!("{}-{i}", SORTS[i % SORTS.len()].0))).collect()
}

#[tokio::test(start_paused = true)]
async fn every_account_is_polled_once_with_all_attempts() {
    let mut disk = Disk::new(Setting::new().clock);
    for setting in [round(&mut disk), Setting { rounds: Rounds::One, ..Setting::new() }] {
        let accounts = all_sorts();
        let fleet = Fleet::with(setting, &accounts, 4, answer);
        let store = Arc::clone(&fleet.outlets.store);
        let visits = tokio::time::timeout(INTERVAL, fleet.ended()).await.expect("it ends by itself");
        for (i, account) in accounts.iter().enumerate() {
            assert_eq!(visits[account.name.as_str()], SORTS[i % SORTS.len()].1, "{}", account.name);
        }
        for readings in store.snapshot() {
            assert!(readings.polls == 1 && readings.last_poll != LastPoll::Pending, "{readings:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_leaves_out_what_is_parked_or_not_due() {
    let mut disk = Disk::new(Setting::new().clock);
    let accounts = all_sorts();
    Fleet::with(round(&mut disk), &accounts, 4, answer).ended().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = Fleet::with(round(&mut disk), &accounts, 4, answer);
    let store = Arc::clone(&second.outlets.store);
    assert_eq!(second.ended().await, HashMap::new(), "nothing was due");
    let succeeded = store.snapshot().iter().filter(|one| one.last_poll == LastPoll::Succeeded).count();
    assert_eq!(succeeded, 20, "what the round before brought is shown");
    // After two intervals all are due but the accounts whose park is longer.
    tokio::time::sleep(2 * INTERVAL).await;
    let visits = Fleet::with(round(&mut disk), &accounts, 4, answer).ended().await;
    for account in &accounts {
        let is_visited = visits.contains_key(account.name.as_str());
        let is_parked = account.name.as_str().starts_with("spent");
        assert!(is_visited != is_parked || account.name.as_str().starts_with("barred"), "{}", account.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_is_stopped_ends_with_the_polls_that_run() {
    let mut disk = Disk::new(Setting::new().clock);
    let accounts: Vec<_> = (0..6).map(|i| account(&format!("a{i}"))).collect();
    let slow = |_: Ask<'_>| (Answer::Counts, Duration::from_secs(5));
    let fleet = Fleet::with(round(&mut disk), &accounts, 2, slow);
    fleet.after(1).await;
    let (store, began) = (Arc::clone(&fleet.outlets.store), Instant::now());
    fleet.stop.cancel();
    assert_eq!(fleet.ended().await.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(5));
    let polled = store.snapshot().iter().filter(|one| one.last_poll == LastPoll::Succeeded).count();
    assert_eq!(polled, 2);
    // The next round polls the others.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(Fleet::with(round(&mut disk), &accounts, 2, slow).ended().await.len(), 4);
}
