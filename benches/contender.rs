//! The Rust programs that `make bench` measures, one a sub-command:
//!
//! - `serve ACCOUNTS`: our web side over a store of that many accounts. Prints its URL; at each line
//!   on stdin it publishes new readings of every account and then prints `changed`.
//! - `registry ACCOUNTS`: the same for as many series in the registry of the `prometheus` crate.
//! - `render ACCOUNTS RUNS`: prints, for each run, the seconds that rendering takes us and that
//!   gathering and encoding take the registry.
//! - `request URL SECONDS IN_FLIGHT`: a bare `reqwest` loop. Prints how many requests were answered.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up must stop")]

mod fleet;
mod registry;

use std::io::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::metrics::page::{Page, render_in_parts};
use wechat_material_exporter::metrics::{Encoding, Format};
use wechat_material_exporter::store::Store;
use wechat_material_exporter::web::connection::ConnectionLimits;
use wechat_material_exporter::web::ready::Readiness;
use wechat_material_exporter::web::rendering::Renderings;
use wechat_material_exporter::web::telemetry_path::TelemetryPath;
use wechat_material_exporter::web::{WebState, accept, router};

use crate::fleet::{fleet, polled};
use crate::registry::Series;

const CLOCK: Clock = Clock::System;
const METRICS: &str = "/metrics";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", accounts] => serve_store(parse(accounts)),
        ["registry", accounts] => serve_registry(parse(accounts)),
        ["render", accounts, runs] => compare_rendering(parse(accounts), parse(runs)),
        ["request", url, seconds, in_flight] => {
            runtime().block_on(request(url, Duration::from_secs(parse(seconds)), parse(in_flight)));
        }
        // `cargo bench` runs every benchmark without arguments of its own.
        _ => say("this program is started by `make bench`"),
    }
}

fn parse<T: FromStr>(number: &str) -> T {
    number.parse().ok().expect("a number")
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn say(line: impl std::fmt::Display) {
    writeln!(io::stdout(), "{line}").expect("somebody listens");
}

fn serve_store(accounts: u64) {
    let store = Arc::new(Store::default());
    store.publish_all(fleet(accounts, CLOCK.now()).into_iter().map(Arc::new).collect(), &[], None);
    let own = Arc::new(ExporterMetrics::new().expect("own metrics"));
    let (shown, scrapes) = (Arc::clone(&store), Arc::clone(&own));
    let renderings = Renderings::new(move |format, encoding, pass_on| {
        let (readings, info_labels) = shown.snapshot_with_labels();
        let now = CLOCK.now();
        let page =
            Page { readings: &readings, platforms: &[], info_labels: &info_labels, now, own: Some(&own) };
        render_in_parts(&page, format, encoding, pass_on);
    });
    let state = WebState {
        store: Arc::clone(&store),
        clock: CLOCK,
        readiness: Readiness::default(),
        telemetry_path: TelemetryPath::parse(METRICS).expect("a path"),
        renderings: Arc::new(renderings),
        external_url: None,
        tls: false,
        lifecycle: None,
        on_scrape: Box::new(move || scrapes.scraped()),
    };
    serve(router(state), || {
        let now = CLOCK.now();
        let polled = store.snapshot().iter().map(|readings| Arc::new(polled(readings, now))).collect();
        store.publish_all(polled, &[], None);
    });
}

fn serve_registry(accounts: u64) {
    let series = Arc::new(Series::new(accounts));
    let shown = Arc::clone(&series);
    let page = move || {
        let shown = Arc::clone(&shown);
        async move { spawn_blocking(move || shown.encode()).await.expect("a page") }
    };
    let mut round = 0;
    serve(Router::new().route(METRICS, get(page)), || {
        round += 1;
        series.set(round);
    });
}

/// Serves until stdin ends, and calls `change` at each of its lines.
fn serve(router: Router, mut change: impl FnMut()) {
    let runtime = runtime();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (limits, stop) = (ConnectionLimits::default(), CancellationToken::new());
    runtime.spawn(accept::serve(vec![listener], router, None, limits, stop));
    say(format_args!("http://{address}{METRICS}"));
    for line in io::stdin().lines() {
        line.expect("a line");
        change();
        say("changed");
    }
}

fn compare_rendering(accounts: u64, runs: usize) {
    let own = ExporterMetrics::new().expect("own metrics");
    let now = CLOCK.now();
    let readings: Vec<_> = fleet(accounts, now).into_iter().map(Arc::new).collect();
    let page = Page { readings: &readings, platforms: &[], info_labels: &[], now, own: Some(&own) };
    let series = Series::new(accounts);
    for _ in 0..runs {
        let ours = seconds(|| {
            let mut parts = Vec::new();
            render_in_parts(&page, Format::Text, Encoding::Identity, &mut |part| parts.push(part));
            parts
        });
        let theirs = seconds(|| series.encode());
        say(format_args!("{ours} {theirs}"));
    }
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    let page = std::hint::black_box(work());
    let taken = began.elapsed().as_secs_f64();
    drop(page);
    taken
}

async fn request(url: &str, time: Duration, in_flight: usize) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let end = Instant::now() + time;
    let mut loops = JoinSet::new();
    for _ in 0..in_flight {
        let (client, url) = (client.clone(), url.to_owned());
        loops.spawn(async move {
            let mut answered = 0_u64;
            while Instant::now() < end {
                let answer = client.get(&url).send().await.expect("an answer");
                answer.error_for_status().expect("a good one").bytes().await.expect("its body");
                answered += 1;
            }
            answered
        });
    }
    say(loops.join_all().await.into_iter().sum::<u64>());
}
