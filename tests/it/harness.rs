//! What the tests share: accounts against a mock server, polls by hand.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::{
    Account, AccountName, ApiConfig, AppId, BaseUrl, Endpoint, Limits, TokenSource,
};
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::poll::account::{PollReport, Visit, poll_account};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::token::TokenState;
use wechat_material_exporter::token::read::Reader;
use wechat_material_exporter::upstream::Upstream;
use wechat_material_exporter::wechat::client::ApiClient;

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

/// One account that is polled by hand.
pub(crate) struct Poller {
    upstream: Upstream,
    account: Arc<Account>,
    token: Option<TokenState>,
}

impl Poller {
    pub(crate) fn new(account: Account, api: &ApiConfig) -> Self {
        let account = Arc::new(account);
        let metrics = Arc::new(ExporterMetrics::new().unwrap());
        let client = Arc::new(ApiClient::new(api, &[Arc::clone(&account)], metrics).unwrap());
        let upstream = Upstream {
            client,
            reader: Arc::new(Reader::new(api.connect_timeout, Clock::System)),
            platforms: HashMap::new(),
            started: Instant::now(),
        };
        Self { upstream, account, token: Some(TokenState::default()) }
    }

    pub(crate) async fn poll(&mut self) -> PollReport {
        let token = self.token.take().unwrap();
        let visit = Visit { account: Arc::clone(&self.account), token, last_attempt: true };
        let mut report = poll_account(&self.upstream, visit).await;
        self.token = Some(std::mem::take(&mut report.token));
        report
    }
}
