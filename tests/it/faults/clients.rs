//! Clients of our own port that misbehave.

mod scrapers;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::faults::drill::{Drill, seen};
use crate::program::PATIENCE;

/// Most connections that are served at once, and how long a request head may take.
const CONNECTIONS: usize = 512;
const HEADER_TIME: Duration = Duration::from_secs(5);

/// Raises this process' own limit of open files: many machines allow 1,024 at first.
fn allow_many_files() {
    let process = std::process::id().to_string();
    let raised = std::process::Command::new("prlimit").args(["--nofile=8192:", "--pid", &process]).status();
    assert!(raised.unwrap().success(), "these tests open up to 3,000 files");
}

/// Scrapes, and how long it took.
async fn scrape(drill: &Drill) -> Duration {
    let began = Instant::now();
    let page = timeout(PATIENCE, drill.exporter.page("/metrics")).await.unwrap();
    assert!(page.contains("wechat_account_up{account=\"healthy\"}"), "{page}");
    began.elapsed()
}

/// Goes on with a request head and never ends it. Returns when the server has had enough.
async fn dawdle(client: TcpStream) {
    let (mut read, mut write) = client.into_split();
    let trickle = async {
        let mut pace = tokio::time::interval(Duration::from_millis(250));
        while write.write_all(b"y").await.is_ok() {
            pace.tick().await;
        }
    };
    let mut end = [0];
    tokio::select! {
        () = trickle => {}
        _ = read.read(&mut end) => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_slow_heads_as_connections_delay_a_scrape_by_the_header_time() {
    allow_many_files();
    let drill = Drill::start(Vec::new()).await;
    drill.healthy_is_polled().await;
    let mut slow = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = TcpStream::connect(drill.exporter.address).await.unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\nX: ").await.unwrap();
        slow.spawn(dawdle(client));
    }
    // It stands in line behind them.
    let waited = scrape(&drill).await;
    seen(&format!("{} slow heads: a scrape took {waited:?}", slow.len()));
    assert!(waited <= 2 * HEADER_TIME, "{waited:?}");
    timeout(PATIENCE, slow.join_all()).await.expect("all of them are cut");
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_keep_nobody_out() {
    allow_many_files();
    let drill = Drill::start(Vec::new()).await;
    drill.healthy_is_polled().await;
    let mut idle = Vec::new();
    for n in 0..1_000 {
        idle.push(TcpStream::connect(drill.exporter.address).await.unwrap());
        if n % 100 == 99 {
            let waited = scrape(&drill).await;
            assert!(waited <= HEADER_TIME, "{waited:?}");
        }
    }
    // The oldest has given way, the newest is still served.
    let mut oldest = idle.remove(0);
    let read = timeout(PATIENCE, oldest.read(&mut [0])).await.unwrap();
    assert!(read.is_err() || read.is_ok_and(|bytes| bytes == 0));
    let mut newest = idle.pop().unwrap();
    newest.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    timeout(PATIENCE, newest.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    drill.end().await;
}

#[tokio::test]
async fn oversized_heads_are_refused_and_closed() {
    let drill = Drill::start(Vec::new()).await;
    drill.healthy_is_polled().await;
    let line = format!("X: {}\r\n", "x".repeat(1_000_000));
    let many = "X: 0123456789abcdef\r\n".repeat(50_000);
    let target = "x".repeat(1_000_000);
    let mut clients = JoinSet::new();
    for _ in 0..10 {
        for head in [
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{line}\r\n"),
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
            format!("GET /{target} HTTP/1.1\r\nHost: x\r\n\r\n"),
        ] {
            let address = drill.exporter.address;
            clients.spawn(async move {
                let mut client = TcpStream::connect(address).await.unwrap();
                let mut answer = Vec::new();
                // The server may close before all of it is sent, and its answer be lost then.
                client.write_all(head.as_bytes()).await.ok();
                timeout(PATIENCE, client.read_to_end(&mut answer)).await.unwrap().ok();
                String::from_utf8(answer).unwrap()
            });
        }
    }
    let answers = clients.join_all().await;
    for answer in &answers {
        let is_refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 ", "HTTP/1.1 400 "]
            .iter()
            .any(|status| answer.starts_with(status));
        assert!(answer.is_empty() || is_refused, "{answer}");
    }
    let told = answers.iter().filter(|answer| !answer.is_empty()).count();
    seen(&format!("oversized heads: {told} of {} were told so before the end", answers.len()));
    scrape(&drill).await;
    drill.end().await;
}
