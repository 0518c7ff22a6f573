//! Many scrapers of a large page at once, served by the real binary.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faults::child::{configure, listed};
use crate::faults::drill::{alone, assert_undisturbed, seen};
use crate::faults::peer::Peer;
use crate::program::{Serving, command};

const ACCOUNTS: usize = 2_000;
const SCRAPERS: usize = 200;

/// What ends an answer whose length is not told, after its last part.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// One scrape: how many bytes came, and the last of them.
async fn scrape(address: SocketAddr) -> io::Result<(usize, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let (mut received, mut last, mut buffer) = (0, Vec::new(), vec![0; 64 * 1024]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if received == 0 {
            assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
        if count == 0 {
            return Ok((received, last));
        }
        received += count;
        last.extend_from_slice(&buffer[..count]);
        last.drain(..last.len().saturating_sub(END.len()));
    }
}

/// Memory of a process, as Linux tells it: now, and at most so far.
fn memory(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |key| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    format!("{}, peak {}", of("VmRSS:"), of("VmHWM:"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_scrapers_at_once_all_get_the_whole_page_of_two_thousand_accounts() {
    let _turn = alone().await;
    let (fleet, healthy) = (Peer::start().await, Peer::start().await);
    let dir = tempfile::tempdir().unwrap();
    let many = (0..ACCOUNTS).map(|n| listed(&format!("fleet-{n}"), n, &fleet, "24h"));
    let config = configure(dir.path(), many.chain([listed("healthy", ACCOUNTS, &healthy, "1s")]));
    let serving = Serving::spawn(command(&["--config.file", config.to_str().unwrap()])).await;
    let is_up = |page: &str| page.matches("\nwechat_account_up{").count() > ACCOUNTS;
    let page = serving.wait_for("/metrics", is_up).await;
    let process = serving.child.id().unwrap();
    seen(&format!("a page of {} bytes; memory before: {}", page.len(), memory(process)));

    let address: SocketAddr = serving.url.strip_prefix("http://").unwrap().parse().unwrap();
    let (together, began) = (Arc::new(Barrier::new(SCRAPERS)), Instant::now());
    let mut scrapers = JoinSet::new();
    for _ in 0..SCRAPERS {
        let together = Arc::clone(&together);
        scrapers.spawn(async move {
            together.wait().await;
            scrape(address).await.unwrap()
        });
    }
    for (received, last) in scrapers.join_all().await {
        assert_eq!(last, END);
        assert!(received > page.len() - page.len() / 10, "{received}");
    }
    let took = began.elapsed();
    seen(&format!("{SCRAPERS} scrapers at once: {took:?}; memory after: {}", memory(process)));
    assert_undisturbed(&healthy, Duration::from_secs(1), began).await;
    assert_eq!(
        fleet.all_calls().len(),
        2 * ACCOUNTS,
        "a token and the counts of each, and no call by a scrape"
    );
    let page = serving.page("/metrics").await;
    assert!(page.contains("wechat_account_poll_failures_total{account=\"healthy\"} 0\n"));
    serving.signal("TERM");
    assert_eq!(serving.ended().await.0, Some(0));
}
