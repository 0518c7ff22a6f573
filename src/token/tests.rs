use super::*;

fn state(until: Until, tried_ago: Option<u64>, now: Instant) -> TokenState {
    TokenState {
        held: Some(Held { value: Secret::new("t".into()), until }),
        tried_at: tried_ago.map(|ago| now - Duration::from_secs(ago)),
        ..TokenState::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetched_token_is_renewed_late_and_rarely() {
    let now = Instant::now() + Duration::from_secs(10_000);
    let held = || Secret::new("t".into());
    let need = |remains, tried_ago| {
        state(Until::Expiry(now + Duration::from_secs(remains)), tried_ago, now).need(now)
    };
    assert_eq!(TokenState::default().need(now), Need::Token);
    assert_eq!(need(7_200, Some(0)), Need::Nothing(held()));
    assert_eq!(need(301, Some(9_000)), Need::Nothing(held()));
    assert_eq!(need(300, Some(6_900)), Need::Renewal(held()));
    assert_eq!(need(300, Some(59)), Need::Nothing(held()), "the floor of 60 s");
    assert_eq!(need(300, Some(60)), Need::Renewal(held()));
    assert_eq!(need(0, Some(7_200)), Need::Token);
    assert_eq!(need(0, Some(59)), Need::Nothing(held()), "a token born with no life");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_read_is_looked_at_again_in_time() {
    let now = Instant::now();
    let later = now + Duration::from_secs(1);
    assert_eq!(state(Until::Look(later), Some(0), now).need(now), Need::Nothing(Secret::new("t".into())));
    assert_eq!(state(Until::Look(now), Some(0), now).need(now), Need::Token);
}

#[test]
fn each_credential_has_its_query() {
    let secret = || Secret::new("t".into());
    let app_id = || AppId::parse("wx0123456789abcdef");
    assert_eq!(Credential::AccessToken(secret()).query(), [("access_token", "t")]);
    assert_eq!(Credential::CloudToken(secret(), None).query(), [("cloudbase_access_token", "t")]);
    assert_eq!(
        Credential::CloudToken(secret(), app_id()).query(),
        [("cloudbase_access_token", "t"), ("from_appid", "wx0123456789abcdef")]
    );
    assert_eq!(Credential::CloudHosted(None).query(), []);
    assert_eq!(Credential::CloudHosted(app_id()).query(), [("from_appid", "wx0123456789abcdef")]);
}
