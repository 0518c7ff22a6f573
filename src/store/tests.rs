use super::*;
use crate::metrics::fleet::account;

const NOW: WallTime = WallTime::from_millis(1_790_000_000_250);

#[test]
fn values_are_held_as_long_from_the_future_as_from_the_past() {
    let mut readings = Readings::new(Arc::new(account("a")), NOW);
    let hold = readings.account.hold;
    let beyond = hold + Duration::from_millis(1);
    for (apart, is_shown) in [(hold, true), (beyond, false)] {
        let later = NOW.plus(apart);
        for (at, now) in [(NOW, later), (later, NOW)] {
            readings.last_good = Some(LastGood { counts: PerKind::new(|_| 1), at });
            let drafts = OptionalReadings { last_good: Some((5, at)), last_poll: LastPoll::Succeeded };
            assert_eq!(readings.held(now).is_some(), is_shown, "{at:?} at {now:?}");
            assert_eq!(drafts.held(hold, now).is_some(), is_shown, "{at:?} at {now:?}");
        }
    }
}
