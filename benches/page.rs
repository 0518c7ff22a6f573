//! The page writer, beside the `prometheus` crate's way for as many series: a registry of gauges.
//! Rendering should take at most a thirtieth of gathering and encoding.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up must stop")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prometheus::{Encoder as _, GaugeVec, Opts, Registry, TextEncoder};
use wechat_material_exporter::clock::WallTime;
use wechat_material_exporter::config::{
    Account, AccountName, AppId, BaseUrl, Budget, Endpoint, Kind, Limits, PerKind, TokenSource,
};
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::metrics::page::{Page, render};
use wechat_material_exporter::metrics::{Encoding, Format};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::store::{LastGood, LastPoll, Readings};

const NOW: WallTime = WallTime::from_millis(1_790_000_000_000);

/// Series that a healthy account without pools has.
const SERIES: usize = 21;

fn fleet(accounts: u64) -> Vec<Arc<Readings>> {
    let base_url = BaseUrl::parse("https://api.weixin.qq.com").expect("a base URL");
    let endpoint = Arc::new(Endpoint { base_url, fallback: None, proxy: None });
    (0..accounts)
        .map(|n| {
            let account = Account {
                collect: wechat_material_exporter::config::Collect::default(),
                name: AccountName::parse(&format!("brand-{n:06}")).expect("a name"),
                app_id: AppId::parse(&format!("wx{n:016x}")).expect("an app id"),
                display_name: format!("品牌 {n}").into(),
                info_labels: Box::default(),
                interval: Duration::from_secs(600),
                hold: Duration::from_secs(86_400),
                limits: Limits::default(),
                budget: Budget::default(),
                shard: None,
                endpoint: Arc::clone(&endpoint),
                token: TokenSource::StableToken {
                    app_secret: SecretSource::Inline(Secret::new(format!("{n:032x}"))),
                },
            };
            let at = WallTime::from_millis(NOW.millis() - i64::try_from(n % 600_000).expect("small"));
            Arc::new(Readings {
                last_good: Some(LastGood { counts: PerKind::new(|kind| spread(n, kind)), at }),
                last_poll: LastPoll::Succeeded,
                polls: 1_000 + n,
                token_refreshes: 90,
                ..Readings::new(Arc::new(account), at.plus(Duration::from_secs(600)))
            })
        })
        .collect()
}

/// Counts of all lengths below the limits, different from account to account.
fn spread(account: u64, kind: Kind) -> u64 {
    let limit = Limits::default().items[kind];
    account.wrapping_mul(2_654_435_761).wrapping_add(kind as u64 * 7_919) % limit
}

/// As many series in the registry's vectors, with labels as long.
fn registry(accounts: u64) -> Registry {
    let registry = Registry::new();
    for family in 0..SERIES {
        let opts = Opts::new(format!("wechat_material_family_{family}"), "Help of this family.");
        let gauges = GaugeVec::new(opts, &["account", "kind"]).expect("a family");
        for n in 0..accounts {
            let kind = Kind::ALL[family % 4];
            let value = if family % 3 == 0 { 0.001 * n as f64 } else { spread(n, kind) as f64 };
            gauges.with_label_values(&[&format!("brand-{n:06}"), kind.label()]).set(value);
        }
        registry.register(Box::new(gauges)).expect("a new family");
    }
    registry
}

fn page_writer(criterion: &mut Criterion) {
    let own = ExporterMetrics::new().expect("own metrics");
    for accounts in [100, 10_000, 100_000] {
        let readings = fleet(accounts);
        let page = Page { readings: &readings, platforms: &[], info_labels: &[], now: NOW, own: &own };
        let mut group = criterion.benchmark_group("page");
        group.sample_size(10).measurement_time(Duration::from_secs(if accounts > 10_000 { 6 } else { 3 }));
        let bytes = render(&page, Format::Text, Encoding::Identity).len();
        group.throughput(Throughput::Bytes(u64::try_from(bytes).expect("a page")));
        for (name, format, encoding) in [
            ("text", Format::Text, Encoding::Identity),
            ("text_gzip", Format::Text, Encoding::Gzip),
            ("openmetrics", Format::OpenMetrics, Encoding::Identity),
        ] {
            group.bench_function(BenchmarkId::new(name, accounts), |bencher| {
                bencher.iter(|| render(&page, format, encoding));
            });
        }
        group.finish();
    }
}

fn registry_way(criterion: &mut Criterion) {
    for accounts in [100, 10_000] {
        let registry = registry(accounts);
        let mut group = criterion.benchmark_group("registry");
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        group.bench_function(BenchmarkId::new("gather_and_encode", accounts), |bencher| {
            bencher.iter(|| {
                let mut text = Vec::new();
                TextEncoder::new().encode(&registry.gather(), &mut text).expect("a page");
                text
            });
        });
        group.finish();
    }
}

criterion_group!(benches, page_writer, registry_way);
criterion_main!(benches);
