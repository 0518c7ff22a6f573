use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use tokio::task::{JoinSet, yield_now};

use super::*;

/// A page whose renderings wait for a permit each and are numbered from 1.
fn gated() -> (Arc<SharedPage>, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (permit, permits) = mpsc::channel();
    let permits = Mutex::new(permits);
    let rendered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rendered);
    let page = SharedPage::new(move || {
        permits.lock().unwrap().recv().unwrap();
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(number.to_string().into_bytes())
    });
    (Arc::new(page), permit, rendered)
}

/// Starts `count` callers and returns when each of them waits: on a single thread a started task
/// runs on until it has to wait.
async fn waiting(page: &Arc<SharedPage>, count: usize) -> JoinSet<Result<Bytes, RenderingFailed>> {
    let started = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let (page, started) = (Arc::clone(page), Arc::clone(&started));
        callers.spawn(async move {
            started.fetch_add(1, Ordering::SeqCst);
            page.get().await
        });
    }
    while started.load(Ordering::SeqCst) < count {
        yield_now().await;
    }
    callers
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_rendering() {
    let (page, permit, rendered) = gated();
    let callers = waiting(&page, 64).await;
    permit.send(()).unwrap();
    let pages = callers.join_all().await;
    assert_eq!(pages.len(), 64);
    assert!(pages.iter().all(|page| page.as_deref() == Ok(b"1")));
    assert_eq!(rendered.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn at_most_two_pages_are_alive_however_slow_their_readers() {
    let (page, permit, rendered) = gated();
    (0..3).for_each(|_| permit.send(()).unwrap());
    let first = page.get().await.unwrap();
    let second = page.get().await.unwrap();
    for _ in 0..10 {
        assert_eq!(page.get().await.as_deref(), Ok(&b"2"[..]), "the newest alive");
    }
    assert_eq!(rendered.load(Ordering::SeqCst), 2);

    drop(second);
    assert_eq!(page.get().await.as_deref(), Ok(&b"3"[..]), "a released page makes room for a new one");
    assert_eq!(first, "1");
}

#[tokio::test]
async fn a_clone_keeps_a_page_alive_and_its_end_frees_it() {
    let (page, permit, _) = gated();
    permit.send(()).unwrap();
    let bytes = page.get().await.unwrap();
    let part = bytes.slice(..1);
    drop(bytes);
    let alive = || page.alive.lock().unwrap().pages.iter().filter(|page| page.strong_count() > 0).count();
    assert_eq!(alive(), 1);
    drop(part);
    assert_eq!(alive(), 0);
}

#[tokio::test]
async fn a_panicking_rendering_fails_its_callers_and_not_the_next() {
    let (permit, permits) = mpsc::channel::<bool>();
    let permits = Mutex::new(permits);
    let page = Arc::new(SharedPage::new(move || {
        let well = permits.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap();
        assert!(well, "the rendering fails as this test wants");
        Ok(b"page".to_vec())
    }));
    let callers = waiting(&page, 3).await;
    permit.send(false).unwrap();
    assert_eq!(callers.join_all().await, vec![Err(RenderingFailed); 3]);
    permit.send(true).unwrap();
    assert_eq!(page.get().await.as_deref(), Ok(&b"page"[..]));
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_with_it() {
    let (page, permit, rendered) = gated();
    let mut first = waiting(&page, 1).await;
    let others = waiting(&page, 3).await;
    first.shutdown().await;
    permit.send(()).unwrap();
    assert!(others.join_all().await.iter().all(|page| page.as_deref() == Ok(b"1")));
    assert_eq!(rendered.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_format_and_encoding_has_its_own_page() {
    let renderings = Renderings::new(|format, encoding| format!("{format:?} {encoding:?}").into_bytes());
    for format in [Format::Text, Format::OpenMetrics] {
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            let page = renderings.page(format, encoding).await.unwrap();
            assert_eq!(page, format!("{format:?} {encoding:?}"));
        }
    }
}
