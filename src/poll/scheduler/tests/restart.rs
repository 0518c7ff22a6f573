//! Polls and the disk: what is there before a poll begins, and what a disk that is slow, gone or
//! written by another clock does to polls.

use super::disk::Disk;
use super::*;

const LATE: Duration = Duration::from_millis(100);

fn fleet(size: usize) -> Vec<Arc<Account>> {
    (0..size).map(|i| account(&format!("a{i}"))).collect()
}

/// A setting whose state is on a disk.
fn on(disk: &mut Disk) -> Setting {
    Setting { clock: disk.clock, saver: disk.saver(), restored: disk.restored(), ..Setting::new() }
}

/// How late the latest poll of each account was, by the rhythm that its second poll begins.
fn latest(visits: &[(String, f64)], names: impl Iterator<Item = String>) -> f64 {
    let late = |name: String| {
        let times: Vec<f64> = visits.iter().filter(|(other, _)| *other == name).map(|(_, at)| *at).collect();
        assert!(times.len() > 10, "{name} was polled {} times", times.len());
        let interval = INTERVAL.as_secs_f64();
        let place = AccountName::parse(&name).unwrap().place() as f64 / 2_f64.powi(64);
        let regular = |n: usize| interval * (n as f64 + place);
        (1..times.len()).map(|n| times[n] - regular(n)).fold(0.0, f64::max)
    };
    names.map(late).fold(0.0, f64::max)
}

fn names(accounts: &[Arc<Account>]) -> impl Iterator<Item = String> {
    accounts.iter().map(|account| account.name.as_str().to_owned())
}

#[tokio::test(start_paused = true)]
async fn no_poll_begins_before_its_next_deadline_is_on_the_disk() {
    let mut disk = Disk::new(Setting::new().clock);
    let (clock, look) = (disk.clock, disk.look());
    let unsaved = Arc::new(Mutex::new(Vec::new()));
    let accounts: Vec<_> = (0..60).map(|i| collecting(&format!("a{i}"))).collect();
    let seen = Arc::clone(&unsaved);
    let fleet = Fleet::with(on(&mut disk), &accounts, 4, move |ask| {
        let saved = look(ask.name);
        let next = saved.as_ref().map(|saved| match ask.collector {
            Collector::Material => Some(saved.material.next),
            Collector::Draft => saved.draft.as_ref().map(|it| it.next),
            Collector::Quota => saved.quota.as_ref().map(|it| it.next),
        });
        if next.flatten().is_none_or(|next| next <= clock.now()) {
            seen.lock().unwrap().push(format!("{:?} at {:?}: {saved:?}", ask.collector, clock.now()));
        }
        let answer = match ask.nth % 7 {
            2 => Answer::Unreachable,
            3 => Answer::Errcode(-1),
            4 => Answer::NoToken(40164),
            5 => Answer::Errcode(45011),
            _ => Answer::Counts,
        };
        (answer, Duration::from_millis(70))
    });
    let polls = fleet.after(6 * 3_600).await.len();
    assert!(polls > 60 * 30, "{polls}");
    assert_eq!(*unsaved.lock().unwrap(), Vec::<String>::new());
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_delays_polls_and_loses_none() {
    let mut disk = Disk::new(Setting::new().clock);
    disk.takes = Duration::from_secs(5);
    let accounts = fleet(40);
    let fleet = Fleet::with(on(&mut disk), &accounts, 4, |_| (Answer::Counts, Duration::from_millis(20)));
    let visits = fleet.after(3 * 3_600).await;
    let late = latest(&visits, names(&accounts));
    assert!((1.0..12.0).contains(&late), "{late}: at most the write that runs and one more");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_gone_holds_nobody_up() {
    let mut disk = Disk::new(Setting::new().clock);
    let accounts = fleet(40);
    let fleet = Fleet::with(on(&mut disk), &accounts, 4, |_| (Answer::Counts, Duration::from_millis(20)));
    fleet.after(1_000).await;
    disk.kill();
    let visits = fleet.after(2 * 3_600).await;
    let late = latest(&visits, names(&accounts));
    assert!(late < LATE.as_secs_f64(), "{late}");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_polled_before_an_orderly_end_is_due_as_it_was() {
    let mut disk = Disk::new(Setting::new().clock);
    let (clock, look) = (disk.clock, disk.look());
    let start = clock.now();
    let accounts = fleet(3);
    let fleet = Fleet::with(on(&mut disk), &accounts, 1, |_| (Answer::Counts, Duration::from_secs(5)));
    let polled = fleet.after(1).await;
    assert_eq!(polled.len(), 1);
    // The second of them may be polled, and its file says so; the third is not there yet.
    let leased = |name: &String| *name != polled[0].0 && look(name).is_some();
    let leased = names(&accounts).find(leased).unwrap();
    assert!(look(&leased).unwrap().material.next > start.plus(INTERVAL));
    fleet.end().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(look(&leased).unwrap().material.next, start);
    assert_eq!(look(&polled[0].0).unwrap().material.last_poll, LastPoll::Succeeded);
    // Who starts next polls it and the third at once, and the first when it is due.
    let next = Fleet::with(on(&mut disk), &accounts, 1, |_| (Answer::Counts, Duration::ZERO));
    let visits = next.after(1).await;
    assert_eq!(visits.len(), 2);
    assert!(visits.iter().all(|(name, _)| *name != polled[0].0), "{visits:?}");
    next.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_a_reload_moves_is_on_the_disk_within_three_seconds() {
    let mut disk = Disk::new(Setting::new().clock);
    let look = disk.look();
    let daily = Account { interval: 144 * INTERVAL, ..Arc::unwrap_or_clone(account("a")) };
    let accounts = [Arc::new(daily)];
    let fleet = Fleet::with(on(&mut disk), &accounts, 4, |_| (Answer::Counts, Duration::ZERO));
    fleet.after(60).await;
    let before = look("a").unwrap().material.next;
    fleet.apply(vec![account("a")], &[], &[]).await;
    fleet.after(3).await;
    let next = look("a").unwrap().material.next;
    assert!(next < before, "{next:?}");
    assert_eq!(next, fleet.readings("a").next_poll);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn unreachable_accounts_do_not_take_all_leases() {
    let mut disk = Disk::new(Setting::new().clock);
    let dead = (0..30).map(|i| account(&format!("dead-{i}")));
    let live: Vec<_> = (0..10).map(|i| account(&format!("live-{i}"))).collect();
    let accounts: Vec<_> = dead.chain(live.iter().map(Arc::clone)).collect();
    // A dead host takes the whole timeout of 10 s each time.
    let fleet = Fleet::with(on(&mut disk), &accounts, 4, |ask| {
        if ask.name.starts_with("dead") {
            (Answer::Unreachable, Duration::from_secs(10))
        } else {
            (Answer::Counts, Duration::from_millis(20))
        }
    });
    let visits = fleet.after(4 * 3_600).await;
    let late = latest(&visits, names(&live));
    assert!(late < LATE.as_secs_f64(), "{late}");
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_delays_nobody_however_often_it_is_killed() {
    let year = Duration::from_secs(365 * 24 * 3_600);
    let now = Setting::new().clock;
    let mut disk = Disk::new(Clock::Anchored { wall: now.now().plus(year), since: Instant::now() });
    let accounts = fleet(20);
    let mut process = Fleet::with(on(&mut disk), &accounts, 4, |_| (Answer::Counts, Duration::ZERO));
    process.after(300).await;
    disk.clock = now;
    // In the first of these lives some accounts are polled: the file is written by the clock that is
    // right, and knows the others by the one that is wrong.
    for life in [900, 1, 1] {
        process.running.shutdown().await;
        disk.kill();
        process = Fleet::with(on(&mut disk), &accounts, 4, |_| (Answer::Counts, Duration::ZERO));
        process.after(life).await;
    }
    let visits = process.after(INTERVAL.as_secs()).await;
    for name in names(&accounts) {
        assert!(visits.iter().any(|(other, _)| *other == name), "{name} was not polled");
    }
    process.end().await;
}
