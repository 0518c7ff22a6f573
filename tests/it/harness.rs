//! What the tests share: accounts against a mock server, polls by hand.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::{
    Account, AccountName, ApiConfig, AppId, BaseUrl, Budget, Endpoint, Limits, TokenSource,
};
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::platform::PlatformHandles;
use wechat_material_exporter::poll::account::{PollReport, Visit, poll_account};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::token::TokenState;
use wechat_material_exporter::token::read::Reader;
use wechat_material_exporter::upstream::Upstream;
use wechat_material_exporter::wechat::client::ApiClient;
use wechat_material_exporter::wechat::collect::{Collected, Collector};
use wechat_material_exporter::wechat::error::ApiError;
use wiremock::matchers::{body_string_contains, path_regex};
use wiremock::{Match, Mock, MockServer, ResponseTemplate};

/// The secret of [`account`].
pub(crate) const APP_SECRET: &str = "0123456789abcdef-canary-secret";

pub(crate) fn account(base_url: &str) -> Account {
    Account {
        name: AccountName::parse("brand").unwrap(),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: "".into(),
        info_labels: Box::default(),
        interval: Duration::from_secs(600),
        collect: wechat_material_exporter::config::Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
        endpoint: endpoint(base_url),
        token: TokenSource::StableToken { app_secret: SecretSource::Inline(Secret::new(APP_SECRET.into())) },
    }
}

pub(crate) fn endpoint(base_url: &str) -> Arc<Endpoint> {
    Arc::new(Endpoint { base_url: BaseUrl::parse(base_url).unwrap(), fallback: None, proxy: None })
}

pub(crate) fn api_config() -> ApiConfig {
    ApiConfig {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(2),
        requests_per_second: NonZeroU32::new(10_000).unwrap(),
        max_in_flight: 16,
        ca_file: None,
    }
}

/// A mock server of the API that fails its test if a call could retire somebody's token or quota.
pub(crate) async fn api_server() -> MockServer {
    let server = MockServer::start().await;
    for path in
        ["/cgi-bin/token", "/cgi-bin/clear_quota", "/cgi-bin/clear_quota/v2", "/cgi-bin/openapi/quota/clear"]
    {
        guard(path_regex(format!("{path}$")), &server).await;
    }
    guard(body_string_contains("force_refresh"), &server).await;
    server
}

async fn guard(forbidden: impl Match + 'static, server: &MockServer) {
    let refused = ResponseTemplate::new(599);
    Mock::given(forbidden).respond_with(refused).with_priority(1).expect(0).mount(server).await;
}

/// One account that is polled by hand.
pub(crate) struct Poller {
    upstream: Upstream,
    account: Arc<Account>,
    token: Option<TokenState>,
}

impl Poller {
    pub(crate) fn new(account: Account, api: &ApiConfig) -> Self {
        Self::through(Arc::default(), account, api)
    }

    /// Of an account of one of these platforms.
    pub(crate) fn through(platforms: Arc<PlatformHandles>, account: Account, api: &ApiConfig) -> Self {
        let account = Arc::new(account);
        let metrics = Arc::new(ExporterMetrics::new().unwrap());
        let client = Arc::new(ApiClient::new(api, &[&account.endpoint], metrics).unwrap());
        let upstream = Upstream {
            client,
            reader: Arc::new(Reader::new(api.connect_timeout, Clock::System)),
            platforms,
            started: Instant::now(),
        };
        Self { upstream, account, token: Some(TokenState::default()) }
    }

    pub(crate) async fn poll(&mut self) -> PollReport {
        let token = self.token.take().unwrap();
        let due = Collector::ALL.into_iter().filter(|collector| match collector {
            Collector::Material => true,
            Collector::Draft => self.account.collect.draft.is_some(),
            Collector::Quota => self.account.collect.quota.is_some(),
        });
        let visit =
            Visit { account: Arc::clone(&self.account), token, due: due.collect(), last_attempt: true };
        let mut report = poll_account(&self.upstream, visit).await;
        self.token = Some(std::mem::take(&mut report.token));
        report
    }
}

/// What the poll of material came to.
pub(crate) fn outcome(report: &PollReport) -> Result<&Collected, &ApiError> {
    match (report.outcomes.first(), &report.token_error) {
        (Some((Collector::Material, result)), _) => result.as_ref(),
        (None, Some(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}
