//! The page writer by itself, for work on it. `make bench` compares it with others.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up must stop")]

mod fleet;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wechat_material_exporter::clock::WallTime;
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::metrics::page::{Page, render, render_in_parts};
use wechat_material_exporter::metrics::{Encoding, Format};

const NOW: WallTime = WallTime::from_millis(1_790_000_000_000);

fn page_writer(criterion: &mut Criterion) {
    let own = ExporterMetrics::new().expect("own metrics");
    for accounts in [100, 10_000, 100_000] {
        let readings: Vec<_> = fleet::fleet(accounts, NOW).into_iter().map(Arc::new).collect();
        let page = Page { readings: &readings, platforms: &[], info_labels: &[], now: NOW, own: Some(&own) };
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
                bencher.iter(|| {
                    let mut parts = Vec::new();
                    render_in_parts(&page, format, encoding, &mut |part| parts.push(part));
                    parts
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, page_writer);
criterion_main!(benches);
