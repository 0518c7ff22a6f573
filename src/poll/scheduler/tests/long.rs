//! A week of a fleet of ten thousand on the paused clock: the scheduler's real code, a poll that
//! fails by a seeded plan, a disk that is as slow as a disk, and a process that is killed and
//! started again. What every call must obey is checked at every call.

use std::collections::HashMap;
use std::sync::Mutex;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;
use crate::poll::backoff::shanghai_day;
use crate::poll::scheduler::tests::disk::Disk;

const SEED: u64 = 20_261_124;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const INTERVALS: [u64; 4] = [HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR];
const PER_SECOND: u32 = 200;
/// Processes are killed after so long, one after the other.
const LIVES: [u64; 9] = [7, 40, 3 * HOUR + 11, 20 * HOUR, 90, 31 * HOUR + 5, HOUR, 5 * HOUR, 5 * DAY];

/// A number from 0 to 1 that depends on `what` alone.
fn chance(what: [u64; 3]) -> f64 {
    let bytes: Vec<u8> = what.iter().flat_map(|part| part.to_le_bytes()).collect();
    (xxh3_64_with_seed(&bytes, SEED) >> 11) as f64 / 2_f64.powi(53)
}

/// The one of `all` that depends on `what` alone.
fn one_of<T: Copy>(all: &[T], what: [u64; 3]) -> T {
    let share = chance(what);
    let place = (0..all.len()).rfind(|n| *n as f64 <= share * all.len() as f64);
    all[place.unwrap()]
}

/// What the API does to an account within an hour of the plan.
fn planned(place: u64, second: u64) -> Answer {
    // One account in eight has an hour of trouble, and twice in the week all of them have it.
    let hour = second / HOUR;
    let is_storm = matches!(hour, 60 | 61 | 130);
    if !is_storm && chance([place, hour, 1]) > 0.125 {
        return Answer::Counts;
    }
    let answers = [
        Answer::Unreachable,
        Answer::Errcode(-1),
        Answer::Errcode(45009),
        Answer::Errcode(45011),
        Answer::Errcode(48001),
        Answer::Errcode(50002),
        Answer::Errcode(40001),
        Answer::Errcode(99_999),
        Answer::NoToken(40125),
        Answer::NoToken(40164),
        Answer::NoToken(89503),
    ];
    if is_storm { Answer::Unreachable } else { one_of(&answers, [place, hour, 2]) }
}

/// The least wait after a failed poll, by the table of the contract and not by the code.
fn least_wait(answer: Answer, attempt: u32, interval: u64, until_midnight: f64) -> f64 {
    let minutes = |n: u64| (n * 60).max(interval) as f64;
    let regular = interval as f64;
    match answer {
        // After a park the account rejoins its rhythm.
        Answer::Counts => regular / 2.0,
        Answer::Unreachable | Answer::Errcode(-1) if attempt == 0 => 0.5,
        Answer::Unreachable | Answer::Errcode(-1) if attempt == 1 => 1.0,
        Answer::Errcode(45009) => until_midnight.min(HOUR as f64),
        Answer::Errcode(45011) => 60.0,
        Answer::Errcode(48001) => minutes(60),
        Answer::Errcode(50002) => minutes(360),
        Answer::NoToken(40125 | 89503) => minutes(15),
        Answer::NoToken(40164) => minutes(5),
        _ => regular,
    }
}

/// What is known of one account's calls.
#[derive(Default)]
struct Calls {
    is_running: bool,
    attempt: u32,
    last_start: f64,
    not_before: f64,
    /// Polls, attempts of one counted once, and how many of them failed, by day.
    polls: HashMap<i64, (u32, u32)>,
}

struct World {
    began: Instant,
    wall: WallTime,
    calls: Mutex<HashMap<AccountName, Calls>>,
    intervals: HashMap<AccountName, u64>,
    starts: Mutex<HashMap<u64, u32>>,
}

impl World {
    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn day(&self) -> i64 {
        shanghai_day(self.wall.plus(self.began.elapsed()))
    }

    fn until_midnight(&self) -> f64 {
        crate::poll::backoff::until_midnight(self.wall.plus(self.began.elapsed())).as_secs_f64()
    }

    fn start(&self, name: &AccountName) -> Answer {
        let now = self.seconds();
        let mut calls = self.calls.lock().unwrap();
        let calls = calls.entry(name.clone()).or_default();
        assert!(!calls.is_running, "{name} was polled twice at once");
        assert!(now >= calls.not_before - 0.002, "{name} was polled {} s early", calls.not_before - now);
        if calls.attempt == 0 {
            calls.polls.entry(self.day()).or_default().0 += 1;
        }
        (calls.is_running, calls.last_start) = (true, now);
        *self.starts.lock().unwrap().entry(self.second()).or_default() += 1;
        planned(name.place(), self.second())
    }

    fn end(&self, name: &AccountName, answer: Answer) {
        let mut calls = self.calls.lock().unwrap();
        let calls = calls.get_mut(name).unwrap();
        let wait = least_wait(answer, calls.attempt, self.intervals[name], self.until_midnight());
        calls.is_running = false;
        if !matches!(answer, Answer::Counts) {
            calls.polls.entry(self.day()).or_default().1 += 1;
        }
        calls.not_before =
            if matches!(answer, Answer::Counts) { calls.last_start } else { self.seconds() } + wait;
        let goes_on = matches!(answer, Answer::Unreachable | Answer::Errcode(-1)) && calls.attempt < 2;
        calls.attempt = if goes_on { calls.attempt + 1 } else { 0 };
    }

    /// The process was killed: its calls are lost, and count as polls that were not even answered.
    fn kill(&self) {
        for (name, calls) in self.calls.lock().unwrap().iter_mut() {
            if calls.is_running || calls.attempt > 0 {
                calls.not_before = calls.last_start + self.intervals[name] as f64 / 2.0;
            }
            (calls.is_running, calls.attempt) = (false, 0);
        }
    }
}

fn fleet(size: u64) -> Vec<Arc<Account>> {
    let account = |i: u64| {
        let mut account = Arc::unwrap_or_clone(account(&format!("account-{i}")));
        let interval = one_of(&INTERVALS, [i, 0, 3]);
        account.interval = Duration::from_secs(interval);
        Arc::new(account)
    };
    (0..size).map(account).collect()
}

async fn week(size: u64) {
    let accounts = fleet(size);
    let intervals = accounts.iter().map(|it| (it.name.clone(), it.interval.as_secs())).collect();
    let began = Instant::now();
    let wall = WallTime::from_millis(1_795_435_200_000);
    let world = Arc::new(World { began, wall, intervals, calls: Mutex::default(), starts: Mutex::default() });
    let clock = Clock::Anchored { wall, since: began };
    let mut disk = Disk::new(clock);
    for life in LIVES {
        let outlets = Outlets {
            store: Arc::default(),
            metrics: new_metrics(),
            ready: Readiness::default(),
            saver: disk.saver(),
        };
        let seen = Arc::clone(&world);
        let pacer = Arc::new(crate::wechat::pacer::Pacer::new(PER_SECOND.try_into().unwrap()));
        let poll = move |visit: Visit| {
            let (seen, pacer) = (Arc::clone(&seen), Arc::clone(&pacer));
            async move {
                pacer.slot().await;
                let name = visit.account.name.clone();
                let answer = seen.start(&name);
                let takes = 0.02 + chance([name.place(), seen.second(), 4]) * 0.5;
                tokio::time::sleep(Duration::from_secs_f64(takes)).await;
                seen.end(&name, answer);
                report(visit, vec![(Collector::Material, answer)])
            }
        };
        let (_changes, receiver) = mpsc::channel(1);
        let beginning = Beginning {
            accounts: accounts.clone(),
            restored: disk.restored(),
            changes: receiver,
            max_in_flight: 256,
            rounds: Rounds::Endless,
        };
        let scheduler = Scheduler::new(beginning, clock, outlets.clone(), poll);
        let mut process = JoinSet::new();
        process.spawn(scheduler.run(CancellationToken::new()));
        let ended = tokio::time::sleep(Duration::from_secs(life));
        tokio::pin!(ended);
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        loop {
            tokio::select! {
                () = &mut ended => break,
                _ = minute.tick() => {
                    let lag = outlets.metrics.scheduler_lag();
                    // A storm, or the first round, is worked off at the pace that is allowed.
                    assert!(lag < 2.0 * 3.0 * size as f64 / f64::from(PER_SECOND) + 5.0, "{lag} s behind");
                }
            }
        }
        process.shutdown().await;
        disk.kill();
        world.kill();
    }
    check(&world, size);
}

fn check(world: &World, size: u64) {
    let end = world.seconds();
    let calls = world.calls.lock().unwrap();
    assert_eq!(calls.len() as u64, size, "some account was never polled");
    let mut polls = 0;
    for (name, calls) in calls.iter() {
        let interval = world.intervals[name];
        // The longest wait of a class is a day and its jitter; then the account is asked again.
        let longest = 1.1 * DAY as f64 + 1_800.0 + 3.0 * interval as f64;
        assert!(end - calls.last_start < longest, "{name} was lost {} s ago", end - calls.last_start);
        for (day, (count, failed)) in &calls.polls {
            // The first day has the round at the start beside its regular ones; after a failed poll
            // the account rejoins its rhythm, at most half an interval early.
            let most = DAY / interval + 2 + u64::from(*failed).div_ceil(2);
            assert!(u64::from(*count) <= most, "{name}: {count} polls on day {day}, not {most}");
            polls += count;
        }
    }
    let busiest = world.starts.lock().unwrap().values().copied().max().unwrap_or(0);
    assert!(busiest <= PER_SECOND, "{busiest} calls within a second");
    let days = end / DAY as f64;
    // Written by `cargo test -- --nocapture` for docs/reliability.md.
    println_for_the_record(size, days, polls, busiest);
}

fn println_for_the_record(size: u64, days: f64, polls: u32, busiest: u32) {
    println!("{size} accounts, {days:.1} days, {polls} polls, at most {busiest} calls within a second");
}

#[test]
fn a_week_of_ten_thousand_accounts_with_faults_and_kills() {
    let size = std::env::var("WEEK_ACCOUNTS").map_or(10_000, |size| size.parse().unwrap());
    // Without a driver for sockets the clock moves on without system calls.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(week(size));
}
