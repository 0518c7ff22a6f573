use proptest::prelude::*;

use super::*;
use crate::wechat::class::ErrCode;

/// 2026-11-23 20:00:00 in Shanghai.
const EVENING: WallTime = WallTime::from_millis(1_795_435_200_000);

fn failing(class: ErrorClass) -> Failing {
    Failing { class, errcode: Some(ErrCode(1)), seen_ip: None, source: None }
}

fn ticket(entry: Entry) -> Ticket {
    match entry {
        Entry::Open(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// A platform that works.
fn working(now: Instant) -> Park {
    let mut park = Park::new(42);
    let first = ticket(park.enter(now));
    assert_eq!(park.succeeded(first), Change::Works);
    park
}

fn reopens(park: &Park, now: Instant) -> Instant {
    match park.outlook(now) {
        Outlook::At(until) => until,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_call_of_all_goes_alone() {
    let now = Instant::now();
    let mut park = Park::new(42);
    let first = ticket(park.enter(now));
    assert_eq!(park.enter(now), Entry::Wait);
    assert_eq!(park.shown(), &LastPoll::Pending);
    assert_eq!(park.succeeded(first), Change::Works);
    let (one, other) = (ticket(park.enter(now)), ticket(park.enter(now)));
    assert_eq!((park.succeeded(one), park.succeeded(other)), (Change::None, Change::None));
}

#[tokio::test(start_paused = true)]
async fn a_failure_parks_and_one_probe_at_a_time_heals() {
    let mut now = Instant::now();
    let mut park = working(now);
    let call = ticket(park.enter(now));
    assert_eq!(park.failed(call, failing(ErrorClass::Ip), now, EVENING), Change::Failing);
    for minutes in [5, 10, 15, 15] {
        assert_eq!(park.enter(now), Entry::Closed(failing(ErrorClass::Ip), Reason::Parked));
        let until = reopens(&park, now);
        let least = Duration::from_secs(minutes * 60);
        assert!((least..=least.mul_f64(1.1)).contains(&(until - now)), "{:?}", until - now);
        now = until;
        assert_eq!(park.outlook(now), Outlook::Open);
        let probe = ticket(park.enter(now));
        assert_eq!(park.outlook(now), Outlook::AfterProbe);
        assert!(matches!(park.enter(now), Entry::Closed(_, Reason::Parked)), "one probe at a time");
        assert_eq!(park.failed(probe, failing(ErrorClass::Ip), now, EVENING), Change::StillFailing);
    }
    now = reopens(&park, now);
    let probe = ticket(park.enter(now));
    assert_eq!(park.succeeded(probe), Change::Recovered);
    assert_eq!(park.shown(), &LastPoll::Succeeded);
    let (_one, other) = (ticket(park.enter(now)), ticket(park.enter(now)));
    assert_eq!(park.failed(other, failing(ErrorClass::Secret), now, EVENING), Change::Failing);
}

#[tokio::test(start_paused = true)]
async fn three_attempts_come_before_a_park() {
    let start = Instant::now();
    let (mut now, mut park) = (start, working(start));
    for longest in [2, 4] {
        let call = ticket(park.enter(now));
        assert_eq!(park.failed(call, failing(ErrorClass::Network), now, EVENING), Change::None);
        assert_eq!(park.shown(), &LastPoll::Succeeded);
        assert_eq!(park.enter(now), Entry::Closed(failing(ErrorClass::Network), Reason::Attempt));
        let until = reopens(&park, now);
        assert!(until - now < Duration::from_secs(longest));
        now = until;
    }
    let call = ticket(park.enter(now));
    assert_eq!(park.failed(call, failing(ErrorClass::Network), now, EVENING), Change::Failing);
    assert!(reopens(&park, now) - now >= INTERVAL);
    assert_eq!(park.enter(now), Entry::Closed(failing(ErrorClass::Network), Reason::Parked));
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_stays_while_a_probe_has_attempts_left() {
    let mut now = Instant::now();
    let mut park = working(now);
    let call = ticket(park.enter(now));
    park.failed(call, failing(ErrorClass::Ip), now, EVENING);
    now = reopens(&park, now);
    let probe = ticket(park.enter(now));
    assert_eq!(park.failed(probe, failing(ErrorClass::Network), now, EVENING), Change::None);
    assert_eq!(park.enter(now), Entry::Closed(failing(ErrorClass::Ip), Reason::Parked));
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_the_last_change_says_nothing_new() {
    let now = Instant::now();
    let mut park = working(now);
    let calls = [(); 3].map(|()| ticket(park.enter(now)));
    assert_eq!(park.failed(calls[0], failing(ErrorClass::Ip), now, EVENING), Change::Failing);
    let until = reopens(&park, now);
    assert_eq!(park.failed(calls[1], failing(ErrorClass::Ip), now, EVENING), Change::None);
    assert_eq!(park.succeeded(calls[2]), Change::None);
    assert!(!park.is_current(calls[2]));
    assert_eq!(park.outlook(now), Outlook::At(until));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_probe_makes_room_for_another() {
    let now = Instant::now();
    let mut park = Park::new(42);
    let first = ticket(park.enter(now));
    park.abandoned(first);
    ticket(park.enter(now));
}

proptest! {
    #[test]
    fn a_platform_that_is_not_known_to_work_has_one_call_at_most(
        steps in prop::collection::vec((0_u8..5, 0_u64..2_000, 0_usize..8), 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().start_paused(true).enable_time().build();
        let _guard = runtime.as_ref().unwrap().enter();
        let (mut now, mut park, mut calls) = (Instant::now(), Park::new(42), Vec::new());
        for (step, seconds, pick) in steps {
            now += Duration::from_secs(seconds);
            let call = (!calls.is_empty()).then(|| pick % calls.len());
            match (step, call) {
                (0 | 1, _) => if let Entry::Open(ticket) = park.enter(now) { calls.push(ticket) },
                (2, Some(call)) => { park.succeeded(calls.swap_remove(call)); }
                (3, Some(call)) => {
                    let class = [ErrorClass::Ip, ErrorClass::Network][pick % 2];
                    park.failed(calls.swap_remove(call), failing(class), now, EVENING);
                }
                (_, Some(call)) => park.abandoned(calls.swap_remove(call)),
                (_, None) => {}
            }
            let works = park.closed().is_none() && *park.shown() != LastPoll::Pending;
            let current = calls.iter().filter(|call| park.is_current(**call)).count();
            prop_assert!(works || current <= 1, "{current} calls");
            // Whatever happened, calls go out again some day.
            if let Outlook::At(until) = park.outlook(now) {
                prop_assert!(until - now <= Duration::from_secs(25 * 3_600));
            }
        }
    }
}
