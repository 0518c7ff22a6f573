use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(name: &str) -> AccountKey {
    AccountKey::new(AccountName::parse(name).unwrap())
}

#[tokio::test(start_paused = true)]
async fn accounts_due_at_once_come_in_hash_order() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    for i in 0..100 {
        schedule.set(key(&format!("account-{i}")), Lane::Open, now);
    }
    let places: Vec<u64> =
        std::iter::from_fn(|| schedule.pop_due(Lane::Open, now)).map(|key| key.place()).collect();
    assert_eq!(places.len(), 100);
    assert!(places.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn the_second_poll_is_at_the_accounts_place_and_missed_ones_are_skipped() {
    let start = Instant::now();
    let interval = Duration::from_secs(600);
    let rhythm = Rhythm::entering(start, interval, 1 << 62);
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let first = rhythm.next(at(1), at(2), interval);
    assert_eq!((first - start).as_secs(), 750, "interval × (1 + ¼)");
    let second = rhythm.next(first, first + Duration::from_secs(3), interval);
    assert_eq!(second - first, interval);
    let late = rhythm.next(at(2_000), at(2_001), interval);
    assert_eq!((late - start).as_secs(), 2_550, "1,950 was missed");
    let close = rhythm.next(at(1_300), at(1_301), interval);
    assert_eq!((close - start).as_secs(), 1_950, "1,350 would be too soon");
    let stretched = rhythm.next(at(1_350), at(1_351), 2 * interval);
    assert_eq!((stretched - start).as_secs(), 2_550, "twice the interval, at a regular moment");
}

#[derive(Clone, Debug)]
enum Act {
    Set(u8, bool, u16),
    Remove(u8),
    Pop(bool, u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..20_u8, any::<bool>(), any::<u16>()).prop_map(|(account, lane, at)| Act::Set(account, lane, at)),
        (0..20_u8).prop_map(Act::Remove),
        (any::<bool>(), any::<u16>()).prop_map(|(lane, now)| Act::Pop(lane, now)),
    ]
}

fn lane(unreachable: bool) -> Lane {
    if unreachable { Lane::Unreachable } else { Lane::Open }
}

proptest! {
    /// Against a plain map: never early, never lost, never twice, earliest first.
    #[test]
    fn behaves_like_a_map_of_deadlines(acts in prop::collection::vec(act(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let start = runtime.block_on(async { Instant::now() });
        let at = |seconds: u16| start + Duration::from_secs(seconds.into());
        let name = |account: u8| key(&format!("a{account}"));
        let mut schedule = Schedule::default();
        let mut model: BTreeMap<AccountKey, (bool, u16)> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Set(account, unreachable, when) => {
                    schedule.set(name(account), lane(unreachable), at(when));
                    model.insert(name(account), (unreachable, when));
                }
                Act::Remove(account) => {
                    schedule.remove(&name(account));
                    model.remove(&name(account));
                }
                Act::Pop(unreachable, now) => {
                    let expected = model
                        .iter()
                        .filter(|(_, (l, when))| *l == unreachable && *when <= now)
                        .min_by_key(|(key, (_, when))| (*when, (*key).clone()))
                        .map(|(key, _)| key.clone());
                    prop_assert_eq!(schedule.pop_due(lane(unreachable), at(now)), expected.clone());
                    expected.map(|key| model.remove(&key));
                }
            }
            for unreachable in [false, true] {
                let earliest = model.values().filter(|(l, _)| *l == unreachable).map(|(_, when)| at(*when)).min();
                prop_assert_eq!(schedule.next_at(lane(unreachable)), earliest);
            }
        }
    }

    /// The rhythm never calls early, never stands still, and keeps its place.
    #[test]
    fn a_rhythm_moves_on(place in any::<u64>(), interval in 1_u64..=86_400, began in 0_u64..=10_000_000, took in 0_u64..=200, stretch in 1.0..=5.0_f64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let start = runtime.block_on(async { Instant::now() });
        let rhythm = Rhythm::entering(start, Duration::from_secs(interval), place);
        let began = start + Duration::from_secs(began);
        let ended = began + Duration::from_secs(took);
        let spacing = rhythm.interval.mul_f64(stretch);
        let next = rhythm.next(began, ended, spacing);
        prop_assert!(next > ended && next >= began + spacing - rhythm.interval / 2);
        prop_assert!(next >= start + rhythm.interval);
        let latest = ended.max(began + spacing).max(start + rhythm.interval) + rhythm.interval * 2;
        prop_assert!(next <= latest);
        let phase = (next - start).as_nanos() % rhythm.interval.as_nanos();
        prop_assert_eq!(phase, rhythm.interval.mul_f64(fraction(place)).as_nanos() % rhythm.interval.as_nanos());
    }
}
