use std::time::Duration;

use super::*;
use crate::config::ApiConfig;
use crate::metrics::own::ExporterMetrics;
use crate::state::restored::FormerPlatforms;
use crate::state::saver::Saver;

fn platforms() -> RunningPlatforms {
    let api = ApiConfig {
        timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        requests_per_second: NonZeroU32::MIN,
        max_in_flight: 1,
        ca_file: None,
    };
    let client = ApiClient::new(&api, &[], Arc::new(ExporterMetrics::new().unwrap())).unwrap();
    RunningPlatforms::new(PlatformParts {
        client: Arc::new(client),
        reader: Arc::new(Reader::new(api.connect_timeout, Clock::System)),
        store: Arc::default(),
        clock: Clock::System,
        profiles: Profiles::new(FormerPlatforms::default(), Saver::off()),
        changes: mpsc::channel(1).0,
        requests_per_second: api.requests_per_second,
    })
}

fn broken() -> impl Future<Output = Result<Rounds, JoinError>> {
    std::future::poll_fn(|_| panic!("on purpose"))
}

#[tokio::test]
async fn a_discovery_that_panics_is_noticed_whenever_it_does() {
    let mut at_work = platforms();
    at_work.at_work.spawn(broken());
    assert!(at_work.failed().await.to_string().contains("panicked"));

    let mut reloaded = platforms();
    reloaded.at_work.spawn(broken());
    assert!(reloaded.apply(&[], std::iter::empty()).await.is_empty());
    reloaded.resume();
    assert!(reloaded.failed().await.to_string().contains("panicked"));

    let mut once = platforms();
    once.at_work.spawn(broken());
    assert!(once.one_round().await.unwrap_err().to_string().contains("panicked"));

    let mut stopped = platforms();
    stopped.at_work.spawn(broken());
    assert!(stopped.stop().await.unwrap_err().to_string().contains("panicked"));
}

#[tokio::test(start_paused = true)]
async fn without_a_failure_none_is_told() {
    let mut platforms = platforms();
    let told = tokio::time::timeout(Duration::from_secs(3_600), platforms.failed()).await;
    assert!(told.is_err());
    platforms.stop().await.unwrap();
}
