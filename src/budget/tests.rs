use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn polling(interval: u64, token: TokenCalls) -> Polling {
    Polling { interval: seconds(interval), collect: Collect::default(), daily_calls: 1_000, token }
}

/// Calls a day and the most of them, by label.
fn told(plan: &[Planned]) -> Vec<(&'static str, f64, Option<u64>)> {
    plan.iter().map(|one| (one.api.label(), (one.per_day() * 10.0).round() / 10.0, one.at_most)).collect()
}

#[test]
fn the_default_plan_is_144_calls_and_12_tokens() {
    let plan = polling(600, TokenCalls::Fetched(Api::StableToken)).plan();
    // 2 × (144 + 2) + 1 polls of 3 attempts, of which one in 5 minutes is repeated.
    let attempts = 879;
    assert_eq!(
        told(&plan),
        [("get_materialcount", 144.0, Some(attempts + 289)), ("stable_token", 12.5, Some(attempts + 289)),]
    );
    assert_eq!(plan[0].share_millionths(), Some(144_000));
    assert_eq!(plan[1].daily_quota, Some(500_000));
}

#[test]
fn every_collector_and_source_has_its_calls() {
    let collect = Collect { draft: Some(seconds(3_600)), quota: Some(seconds(7_200)) };
    let plan = |token| told(&Polling { collect, ..polling(3_600, token) }.plan());
    // 159 attempts at an interval of an hour, 87 of two.
    assert_eq!(
        plan(TokenCalls::Absent),
        [
            ("get_materialcount", 24.0, Some(159)),
            ("draft_count", 24.0, Some(159)),
            ("quota_get", 24.0, Some(174))
        ],
        "without a token there is nothing to repeat"
    );
    assert_eq!(
        plan(TokenCalls::Read),
        [
            ("get_materialcount", 24.0, Some(318)),
            ("draft_count", 24.0, Some(318)),
            ("quota_get", 24.0, Some(348))
        ],
        "a token that is read may be another one each time"
    );
    let all = 159 + 159 + 87;
    let fetched = plan(TokenCalls::Fetched(Api::Token));
    assert_eq!(fetched[3], ("token", 12.5, Some(all + 289)));
    let fetched = plan(TokenCalls::Fetched(Api::AuthorizerToken));
    assert_eq!(fetched[3], ("api_authorizer_token", 12.5, Some(4 * (all + 289))));
}

#[test]
fn a_token_is_fetched_no_more_often_than_it_is_used() {
    let plan = polling(8 * 3_600, TokenCalls::Fetched(Api::StableToken)).plan();
    assert_eq!(plan[1].every, seconds(8 * 3_600));
}

#[test]
fn the_shortest_interval_that_fits_is_a_whole_one() {
    let planned = |every| Planned { every: seconds(every), ..polling(600, TokenCalls::Absent).plan()[0] };
    let shortest = |share| planned(1).shortest_within(Share::of_million(share)).unwrap();
    // 432 s would be exact.
    assert_eq!(shortest(200_000), seconds(8 * 60));
    assert!(!planned(432).is_above(Share::of_million(200_000)));
    assert!(planned(431).is_above(Share::of_million(200_000)));
    assert_eq!(shortest(1_000_000), seconds(120));
    assert_eq!(shortest(20_000), seconds(2 * 3_600));
    assert_eq!(
        Planned { daily_quota: Some(5_000), ..planned(1) }.shortest_within(Share::of_million(500_000)),
        Some(seconds(35))
    );
}

fn intervals() -> impl Strategy<Value = Duration> {
    (1_000_u64..=86_400_000).prop_map(Duration::from_millis)
}

proptest! {
    #[test]
    fn what_is_said_to_fit_fits(every in intervals(), quota in 1..1_000_000_u64, share in 1..=1_000_000_u32) {
        let most = Share::of_million(share);
        let planned = Planned { every, daily_quota: Some(quota), ..polling(600, TokenCalls::Absent).plan()[0] };
        let shortest = planned.shortest_within(most).unwrap();
        let at_shortest = Planned { every: shortest, ..planned };
        prop_assert!(!at_shortest.is_above(most));
        prop_assert_eq!(planned.is_above(most), planned.share_millionths().unwrap() > u128::from(share));
        prop_assert!(!planned.is_above(most) || every < shortest);
        let exact = planned.per_day() / quota as f64 * 1e6;
        let share = planned.share_millionths().unwrap() as f64;
        prop_assert!(share >= exact * (1.0 - 1e-12) && share < exact * (1.0 + 1e-12) + 1.0);
    }

    #[test]
    fn retries_only_add_to_a_plan(
        interval in intervals(),
        draft in proptest::option::of(intervals()),
        quota in proptest::option::of(intervals()),
        reads in any::<bool>(),
    ) {
        let token = if reads { TokenCalls::Read } else { TokenCalls::Fetched(Api::StableToken) };
        let plan = Polling { interval, collect: Collect { draft, quota }, daily_calls: 1_000, token }.plan();
        for planned in &plan {
            prop_assert!(planned.at_most.unwrap() as f64 >= planned.per_day(), "{planned:?}");
        }
        let apis: std::collections::HashSet<_> = plan.iter().map(|planned| planned.api).collect();
        prop_assert_eq!(apis.len(), plan.len(), "each API stands once");
    }
}
