use proptest::prelude::*;

use super::*;
use crate::wechat::class::{CLASSES, ErrCode, ErrorClass};

const MIN: u64 = 60;
const H: u64 = 3_600;
/// 2026-11-23 20:00:00 in Shanghai.
const EVENING: WallTime = WallTime::from_millis(1_795_435_200_000);

fn failing(class: ErrorClass, code: Option<i64>) -> Failing {
    Failing { class, errcode: code.map(ErrCode), seen_ip: None, source: None }
}

fn waiting(interval: u64) -> Waiting {
    Waiting { interval: Duration::from_secs(interval), place: 42, now: EVENING }
}

/// `expected` are the delays in seconds for n = 0, 1, 2, …, before jitter of up to 10 %.
fn check(class: ErrorClass, code: Option<i64>, interval: u64, expected: &[u64]) {
    for (n, &expected) in (0..).zip(expected) {
        let delay = delay(&failing(class, code), n, waiting(interval)).as_secs_f64();
        let range = expected as f64..=expected as f64 * (1.0 + JITTER);
        assert!(range.contains(&delay), "{class:?} n={n}: {delay} not in {range:?}");
    }
}

#[test]
fn every_class_waits_as_the_table_says() {
    let ten_minutes = 10 * MIN;
    check(ErrorClass::Network, None, ten_minutes, &[600, 600, 600]);
    check(ErrorClass::Busy, Some(-1), ten_minutes, &[600, 600]);
    check(ErrorClass::Token, Some(40001), ten_minutes, &[600, 1_200, 2_400, H, H]);
    check(ErrorClass::Secret, Some(40125), ten_minutes, &[15 * MIN, 30 * MIN, H, H]);
    check(ErrorClass::Ip, Some(40164), MIN, &[5 * MIN, 10 * MIN, 15 * MIN, 15 * MIN]);
    check(ErrorClass::Risk, Some(89503), ten_minutes, &[15 * MIN, 15 * MIN]);
    check(ErrorClass::Risk, Some(89507), ten_minutes, &[H, H]);
    check(ErrorClass::Risk, Some(89506), ten_minutes, &[24 * H, 24 * H]);
    check(ErrorClass::QuotaMinute, Some(45011), MIN, &[]);
    check(ErrorClass::Permission, Some(48001), ten_minutes, &[H, 2 * H, 4 * H, 6 * H, 6 * H]);
    check(ErrorClass::Account, Some(50002), ten_minutes, &[6 * H, 12 * H, 24 * H, 24 * H]);
    check(ErrorClass::Authorization, Some(61003), ten_minutes, &[H, H]);
    check(ErrorClass::Ticket, Some(61005), MIN, &[10 * MIN, 10 * MIN]);
    check(ErrorClass::Request, Some(40066), ten_minutes, &[600, 1_200, 2_400, H]);
    check(ErrorClass::Decode, None, ten_minutes, &[600, 600]);
    check(ErrorClass::Other, Some(7), ten_minutes, &[600, 1_200, 2_400, H]);
}

#[test]
fn a_delay_is_never_shorter_than_the_interval() {
    check(ErrorClass::Ip, Some(40164), 2 * H, &[2 * H, 2 * H]);
    check(ErrorClass::Token, Some(40001), 2 * H, &[2 * H, 2 * H]);
    check(ErrorClass::Risk, Some(89503), 2 * H, &[2 * H]);
}

#[test]
fn a_minute_quota_is_waited_out_once_and_then_the_interval() {
    let class = failing(ErrorClass::QuotaMinute, Some(45011));
    let first = delay(&class, 0, waiting(10 * MIN)).as_secs_f64();
    assert!((60.0..75.0).contains(&first), "{first}");
    check(ErrorClass::QuotaMinute, Some(45011), 10 * MIN, &[]);
    let second = delay(&class, 1, waiting(10 * MIN)).as_secs_f64();
    assert!((600.0..=660.0).contains(&second), "{second}");
}

#[test]
fn a_day_quota_parks_to_the_next_midnight_in_shanghai() {
    let class = failing(ErrorClass::QuotaDay, Some(45009));
    let until_midnight = 4 * H;
    for place in [0, 7, u64::MAX] {
        let delay = delay(&class, 0, Waiting { place, ..waiting(MIN) }).as_secs();
        assert!((until_midnight..=until_midnight + 30 * MIN).contains(&delay), "{delay}");
    }
    let before_midnight = Waiting { now: EVENING.plus(Duration::from_secs(4 * H - 1)), ..waiting(MIN) };
    assert!(delay(&class, 0, before_midnight).as_secs() <= 30 * MIN + 1);
    let at_midnight = Waiting { now: EVENING.plus(Duration::from_secs(4 * H)), ..waiting(MIN) };
    assert!(delay(&class, 0, at_midnight).as_secs() >= 24 * H);
    check(ErrorClass::QuotaDay, Some(45009), MIN, &[]);
    let again = delay(&class, 1, waiting(MIN)).as_secs_f64();
    assert!((3_600.0..=3_960.0).contains(&again), "{again}");
}

#[test]
fn two_more_attempts_after_one_and_two_seconds() {
    let network = failing(ErrorClass::Network, None);
    let delays = [0, 1].map(|attempt| attempt_delay(&network, attempt, waiting(MIN)).unwrap().as_secs_f64());
    assert!((0.5..=1.5).contains(&delays[0]) && (1.0..=3.0).contains(&delays[1]), "{delays:?}");
    assert_eq!(attempt_delay(&network, ATTEMPTS - 1, waiting(MIN)), None);
    assert!(attempt_delay(&failing(ErrorClass::Busy, Some(-1)), 0, waiting(MIN)).is_some());
    assert_eq!(attempt_delay(&failing(ErrorClass::Ip, Some(40164)), 0, waiting(MIN)), None);
}

proptest! {
    #[test]
    fn delays_are_sane_for_any_input(
        row in 0..CLASSES.len(),
        n in any::<u32>(),
        interval in 1_u64..=86_400,
        place in any::<u64>(),
        millis in 0_i64..=4_102_444_800_000,
    ) {
        let waiting = Waiting { interval: Duration::from_secs(interval), place, now: WallTime::from_millis(millis) };
        let class = CLASSES[row].class;
        let wait = delay(&failing(class, None), n, waiting);
        prop_assert_eq!(wait, delay(&failing(class, None), n, waiting), "the same again");
        let longest = Duration::from_secs(interval.max(24 * H)).mul_f64(1.0 + JITTER);
        prop_assert!(wait <= longest + MORNING, "{:?} waits {:?}", class, wait);
        if !matches!(class, ErrorClass::QuotaMinute | ErrorClass::QuotaDay) {
            prop_assert!(wait >= waiting.interval);
        }
    }
}
