use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::{Collect, PerKind};
use crate::metrics::fleet::account;
use crate::poll::account::PollReport;
use crate::poll::backoff::fraction;
use crate::store::{Failing, Readings};
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrCode, ErrorClass};
use crate::wechat::collect::{ApiQuota, Collected, QuotaLimit};
use crate::wechat::error::{ApiError, Failure, Step};

const BEGAN: WallTime = WallTime::from_millis(1_795_435_200_000);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: u64 = 24 * 3_600;
/// A year in milliseconds.
const YEAR: u64 = 365 * DAY * 1_000;
/// Wall times are whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(1);

/// What an account meets when it is visited, so many milliseconds after it was due.
#[derive(Clone, Debug)]
struct Met {
    late: u64,
    takes: u64,
    /// Of each collector: a number to collect, or why there is none.
    answers: [Result<u64, Failing>; Collector::ALL.len()],
    no_token: Option<(Step, Failing)>,
}

/// What a process does when it is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// It has waited for so many thousandths of the time.
    Waiting(u32),
    /// The account may be polled, so many milliseconds before it is due.
    Leased(u64),
    /// It polls.
    Polling,
}

/// One account in one process, on clocks that the test moves.
struct Process {
    state: AccountState,
    began: Instant,
    elapsed: Duration,
}

impl Process {
    fn new(account: Account) -> Self {
        let now = Moment { instant: Instant::now(), wall: BEGAN };
        Self { state: AccountState::new(Arc::new(account), now), began: now.instant, elapsed: Duration::ZERO }
    }

    /// One that has met all this, and comes to the moment of its end.
    fn killed(account: Account, history: &[Met], killed: Killed) -> Self {
        let mut process = Self::new(account);
        for met in history {
            process.meet(met);
        }
        let wait = process.state.due().unwrap().saturating_duration_since(process.now().instant);
        process.elapsed += match killed {
            Killed::Waiting(share) => wait * share / 1_000,
            Killed::Leased(ahead) => wait.saturating_sub(Duration::from_millis(ahead)),
            Killed::Polling => wait,
        };
        let now = process.now().instant;
        match killed {
            Killed::Waiting(_) => {}
            Killed::Leased(_) => process.state.lend_until(now + Duration::from_millis(1_500)),
            Killed::Polling => drop(process.state.visit(now)),
        }
        process
    }

    fn now(&self) -> Moment {
        Moment { instant: self.began + self.elapsed, wall: BEGAN.plus(self.elapsed) }
    }

    fn meet(&mut self, met: &Met) {
        self.elapsed = self.elapsed.max(self.state.due().unwrap() - self.began);
        self.elapsed += Duration::from_millis(met.late);
        let visit = self.state.visit(self.now().instant);
        self.elapsed += Duration::from_millis(met.takes);
        let error = |step, failing: &Failing| {
            let Failing { class, errcode: code, .. } = *failing;
            let failure = match step {
                Step::Platform => Failure::Parked(failing.clone()),
                Step::Call(_) | Step::Source(_) => Failure::Source { class, code, text: "no".into() },
            };
            ApiError { step, failure }
        };
        let answer = |&collector: &Collector| {
            let result = match &met.answers[collector as usize] {
                Ok(n) => Ok(collected(collector, *n)),
                Err(failing) => Err(error(Step::Call(Api::MaterialCount), failing)),
            };
            (collector, result)
        };
        let token_error = met.no_token.as_ref().map(|(step, failing)| error(*step, failing));
        let asked = if token_error.is_some() { &[] } else { &visit.due[..] };
        let outcomes = asked.iter().map(answer).collect();
        let report = PollReport { token: visit.token, outcomes, token_error, refreshes: 0, rejections: 0 };
        self.state.report(report, self.now());
    }

    fn saved(&self) -> SavedAccount {
        self.state.saved(self.now())
    }

    /// The account in a process that takes over after `down` milliseconds, on a clock that was set
    /// back by `set_back`.
    fn restarted(&self, down: u64, set_back: u64) -> Self {
        let began = self.now();
        let wall = began.wall.millis() + i64::try_from(down).unwrap() - i64::try_from(set_back).unwrap();
        let now = Moment {
            instant: began.instant + Duration::from_millis(down),
            wall: WallTime::from_millis(wall),
        };
        let account = Arc::clone(&self.state.readings.account);
        let state = AccountState::restored(account, self.saved(), Some(began.wall), now);
        Self { state, began: self.began, elapsed: now.instant - self.began }
    }

    /// When `collector` would be polled next at the earliest, by the contract.
    fn earliest(&self, collector: Collector) -> Option<Instant> {
        let state = self.state.collector(collector)?;
        let lease = self.state.lease.filter(|lease| state.due <= *lease);
        let began = state.poll.map(|poll| poll.began).or(lease.map(|_| state.due.max(self.now().instant)));
        let regular = began.map(|began| began + state.spacing.saturating_sub(state.rhythm.interval / 2));
        Some(regular.map_or(state.due, |regular| regular.max(state.due)))
    }
}

fn collected(collector: Collector, n: u64) -> Collected {
    match collector {
        Collector::Material => Collected::Material(PerKind::new(|kind| n + kind as u64)),
        Collector::Draft => Collected::Draft(n),
        Collector::Quota => {
            let limit = Some(QuotaLimit { calls: 1_000, remaining: n });
            let of = |api| ApiQuota { api, limit, used: 1_000 - n };
            Collected::Quota([Api::MaterialCount, Api::DraftCount].map(of).into())
        }
    }
}

/// An account of any rhythm.
fn any_account() -> impl Strategy<Value = Account> {
    let interval = || (1..=DAY).prop_map(Duration::from_secs);
    let optional = || option::of(interval());
    ("[a-z]{1,8}", interval(), optional(), optional()).prop_map(|(name, interval, draft, quota)| Account {
        interval,
        collect: Collect { draft, quota },
        ..account(&name)
    })
}

fn any_failing() -> impl Strategy<Value = Failing> {
    let class = select(&CLASSES[..]).prop_map(|row| row.class);
    let code = select(vec![None, Some(-1), Some(45009), Some(89503), Some(89506), Some(89507)]);
    (class, code).prop_map(|(class, code)| failing(class, code))
}

fn failing(class: ErrorClass, code: Option<i64>) -> Failing {
    Failing { class, errcode: code.map(ErrCode), seen_ip: None, source: None }
}

fn any_met() -> impl Strategy<Value = Met> {
    let answer = || prop_oneof![2 => (0..=1_000_u64).prop_map(Ok), 1 => any_failing().prop_map(Err)];
    let step = select(vec![Step::Call(Api::StableToken), Step::Source("file"), Step::Platform]);
    let no_token = option::weighted(0.25, (step, any_failing()));
    (0..2_000_u64, 0..20_000_u64, [answer(), answer(), answer()], no_token)
        .prop_map(|(late, takes, answers, no_token)| Met { late, takes, answers, no_token })
}

fn any_killed() -> impl Strategy<Value = Killed> {
    prop_oneof![
        (0..=1_000_u32).prop_map(Killed::Waiting),
        (0..=1_500_u64).prop_map(Killed::Leased),
        Just(Killed::Polling),
    ]
}

/// Any process at its end.
fn any_killed_process() -> impl Strategy<Value = (Account, Vec<Met>, Killed)> {
    (any_account(), vec(any_met(), 0..12), any_killed())
}

/// What the pages show, but for the times of polls to come.
type Shown<'a> = (Option<LastGood>, &'a LastPoll, String);

fn shown(readings: &Readings) -> Shown<'_> {
    let Readings { last_good, last_poll, draft, quota, .. } = readings;
    (*last_good, last_poll, format!("{draft:?} {quota:?}"))
}

/// A time between two processes in milliseconds: mostly short, at times years.
fn any_down() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..60_000_u64, 2 => 0..3 * DAY * 1_000, 1 => 0..10 * YEAR]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// However long the process was away and by whatever clock: nothing is polled earlier than
    /// without the restart, nothing waits for ever, and all that was shown is shown.
    #[test]
    fn a_restart_polls_nothing_earlier_and_forgets_nothing(
        (account, history, killed) in any_killed_process(),
        down in any_down(),
        set_back in prop_oneof![Just(0), 0..10 * YEAR],
    ) {
        let before = Process::killed(account, &history, killed);
        let after = before.restarted(down, set_back);
        let now = after.now().instant;
        for collector in Collector::ALL {
            let Some(earliest) = before.earliest(collector) else {
                prop_assert!(after.state.collector(collector).is_none());
                continue;
            };
            let due = after.state.collector(collector).unwrap().due;
            prop_assert!(due + ROUNDING >= earliest, "{collector:?}: {:?} early", earliest - due);
            prop_assert!(due <= now + 48 * HOUR);
        }
        prop_assert_eq!(shown(&after.state.readings), shown(&before.state.readings));
    }

    /// A process that dies before anything was due leaves what it found.
    #[test]
    fn a_restart_and_another_one_are_as_good_as_one(
        (account, history, killed) in any_killed_process(), down in any_down(),
    ) {
        let before = Process::killed(account, &history, killed);
        let (saved, now) = (before.saved(), before.now().wall);
        let nexts = [Some(saved.material.next), saved.draft.as_ref().map(|it| it.next), saved.quota.as_ref().map(|it| it.next)];
        let soonest = nexts.into_iter().flatten().min().unwrap();
        prop_assume!(soonest.since(now) > UNSAVED);
        let down = down.min(u64::try_from(soonest.since(now).as_millis()).unwrap());
        let after = before.restarted(down, 0);
        prop_assert_eq!(after.state.readings.next_poll, saved.material.next);
        prop_assert_eq!(after.saved(), saved);
    }
}

fn plain() -> Account {
    Account { interval: HOUR, ..account("brand") }
}

fn good() -> Met {
    Met { late: 0, takes: 50, answers: [Ok(1), Ok(2), Ok(3)], no_token: None }
}

fn busy() -> Met {
    let answers = [Err(failing(ErrorClass::Busy, Some(-1))), Ok(2), Ok(3)];
    Met { answers, ..good() }
}

/// The regular moment after the first poll of [`plain`], by the contract.
fn second() -> Duration {
    HOUR.mul_f64(1.0 + fraction(account("brand").name.place()))
}

#[test]
fn a_poll_under_way_comes_back_at_its_next_regular_deadline() {
    let histories = [&[][..], &[busy()], &[busy(), busy()]];
    for (history, killed) in histories.into_iter().flat_map(|history| {
        [Killed::Waiting(500), Killed::Leased(700), Killed::Polling].map(|killed| (history, killed))
    }) {
        if history.is_empty() && matches!(killed, Killed::Waiting(_)) {
            continue;
        }
        let next = Process::killed(plain(), history, killed).saved().material.next;
        let late = next.millis() - BEGAN.plus(second()).millis();
        assert!((0..=1).contains(&late), "{history:?} {killed:?}: {late} ms");
    }
    let saved = Process::killed(plain(), &[good()], Killed::Polling).saved();
    let late = saved.material.next.millis() - BEGAN.plus(second() + HOUR).millis();
    assert!((0..=1).contains(&late), "{late} ms");
    assert_eq!(saved.material.last_poll, LastPoll::Succeeded, "how the last one ended is still known");
}

#[test]
fn a_poll_that_waits_for_its_next_attempt_is_parked_with_its_account() {
    // Drafts are due a moment after material, before the second attempt of material.
    let draft = HOUR + Duration::from_millis(300).div_f64(second().div_duration_f64(HOUR));
    let no_token = Some((Step::Call(Api::StableToken), failing(ErrorClass::Ip, Some(40164))));
    let history = [good(), busy(), Met { no_token, ..good() }];
    let before = Process::killed(collecting(Some(draft), None), &history, Killed::Waiting(0));
    let (due, now) = (before.state.due().unwrap(), before.now().instant);
    assert!(due >= now + HOUR, "{:?}", due - now);
    let after = before.restarted(0, 0).state;
    assert!(after.due().unwrap() + ROUNDING >= due, "{:?} early", due - after.due().unwrap());
    assert_eq!(after.readings.next_poll, before.state.readings.next_poll);
}

#[test]
fn a_deadline_soon_after_the_last_write_counts_as_kept() {
    let process = Process::killed(plain(), &[good()], Killed::Waiting(0));
    let (saved, now) = (process.saved(), process.now());
    let next = saved.material.next;
    let at = |millis: i64| WallTime::from_millis(next.millis() + millis);
    let later = Moment { instant: now.instant + 2 * HOUR, wall: now.wall.plus(2 * HOUR) };
    for (written_at, is_kept) in [(at(-3_001), false), (at(-3_000), true), (at(0), true), (at(1), false)] {
        let account = Arc::clone(&process.state.readings.account);
        let restored = AccountState::restored(account, saved.clone(), Some(written_at), later);
        let expected = if is_kept { next.plus(HOUR) } else { later.wall };
        assert_eq!(restored.readings.next_poll.max(later.wall), expected.max(later.wall), "{written_at:?}");
        assert_eq!(restored.due().unwrap() > later.instant, is_kept, "{written_at:?}");
    }
}

fn collecting(draft: Option<Duration>, quota: Option<Duration>) -> Account {
    Account { collect: Collect { draft, quota }, ..plain() }
}

/// As `before` left it, by another configuration.
fn restarted_as(account: Account, before: &Process) -> Process {
    let now = before.now();
    let state = AccountState::restored(Arc::new(account), before.saved(), Some(now.wall), now);
    Process { state, began: before.began, elapsed: before.elapsed }
}

#[test]
fn a_collector_that_is_new_is_due_at_once_and_one_that_went_is_gone() {
    let before = Process::killed(collecting(Some(HOUR), None), &[good()], Killed::Waiting(10));
    let after = restarted_as(collecting(None, Some(HOUR)), &before);
    let now = after.now().instant;
    let due = |collector| after.state.collector(collector).map(|state| state.due);
    assert_eq!((due(Collector::Draft), due(Collector::Quota)), (None, Some(now)));
    assert!(due(Collector::Material).unwrap() + ROUNDING >= before.earliest(Collector::Material).unwrap());
    assert_eq!(after.state.readings.draft, None);
    assert_eq!(after.state.readings.quota, Some(Box::default()));
    assert_eq!(after.saved().draft, None);
}

#[test]
fn a_collector_that_is_new_waits_with_an_account_that_fails() {
    let no_token = Some((Step::Call(Api::StableToken), failing(ErrorClass::Secret, Some(40125))));
    let before = Process::killed(plain(), &[Met { no_token, ..good() }], Killed::Waiting(500));
    let after = restarted_as(collecting(Some(HOUR), None), &before);
    let due = |collector| after.state.collector(collector).unwrap().due;
    assert_eq!(due(Collector::Draft), due(Collector::Material));
    assert!(due(Collector::Material) > after.now().instant);
}

#[test]
fn a_short_quota_that_puts_a_poll_off_is_shown_and_kept() {
    // Three calls remain of the day's thousand.
    let before = Process::killed(collecting(None, Some(HOUR)), &[good()], Killed::Waiting(0));
    let due = before.state.collector(Collector::Material).unwrap().due;
    assert!(due >= before.now().instant + 2 * HOUR);
    assert_eq!(before.state.readings.next_poll, before.now().wall_of(due));
    let after = before.restarted(0, 0).state;
    assert!(after.collector(Collector::Material).unwrap().due + ROUNDING >= due);
}

#[test]
fn failures_in_a_row_are_counted_on() {
    let secret = Some((Step::Call(Api::StableToken), failing(ErrorClass::Secret, Some(40125))));
    let account = Account { interval: Duration::from_secs(60), ..account("brand") };
    let met = Met { no_token: secret, ..good() };
    let before = Process::killed(account, &[met.clone(), met.clone()], Killed::Waiting(500));
    let mut after = before.restarted(0, 0);
    after.meet(&met);
    let wait = after.state.due().unwrap() - after.now().instant;
    assert!((HOUR..=HOUR.mul_f64(1.1)).contains(&wait), "15 min, 30 min, an hour: {wait:?}");
}
