use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use axum::body::{Bytes, to_bytes};
use axum::response::IntoResponse as _;
use hyper::body::Body as _;
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

/// A page that is made of what is sent. Sent nothing, it ends; and it fails when the sender is gone.
fn written() -> (SharedPage, mpsc::Sender<&'static str>) {
    let (parts, to_come) = mpsc::channel::<&str>();
    let to_come = Mutex::new(to_come);
    let page = SharedPage::in_parts(move |pass_on| {
        loop {
            match to_come.lock().unwrap().recv() {
                Ok("") => return Ok(()),
                Ok(part) => pass_on(part.as_bytes().to_vec()),
                Err(_) => return Err(RenderingFailed),
            }
        }
    });
    (page, parts)
}

fn send(parts: &mpsc::Sender<&'static str>, what: &[&'static str]) {
    for part in what {
        parts.send(part).unwrap();
    }
}

/// The first page, which is made, and the second, which is begun.
async fn two_begun(page: &SharedPage, parts: &mpsc::Sender<&'static str>) -> (Answer, Answer) {
    send(parts, &["1", "a"]);
    let first = page.get().await.unwrap();
    let second = page.read();
    send(parts, &["", "2", "a"]);
    (first, second.answer().await.unwrap())
}

async fn sent(answer: Answer) -> Result<Bytes, axum::Error> {
    to_bytes(answer.into_response().into_body(), usize::MAX).await
}

async fn text(answer: Answer) -> String {
    String::from_utf8(sent(answer).await.unwrap().into()).unwrap()
}

impl SharedPage {
    /// The page, which is made as a whole.
    async fn whole(&self) -> Result<Bytes, RenderingFailed> {
        match self.get().await? {
            Answer::Whole(page) => Ok(page),
            Answer::InParts(parts) => panic!("{parts:?}"),
        }
    }

    fn count_alive(&self) -> usize {
        lock(&self.alive).pages.iter().filter(|page| page.strong_count() > 0).count()
    }
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
            page.whole().await
        });
    }
    while started.load(Ordering::SeqCst) < count {
        yield_now().await;
    }
    callers
}

#[tokio::test]
async fn callers_share_the_next_rendering_while_one_is_made() {
    let (page, permit, rendered) = gated();
    let first = waiting(&page, 1).await;
    let others = waiting(&page, 63).await;
    (0..2).for_each(|_| permit.send(()).unwrap());
    assert_eq!(first.join_all().await[0].as_deref(), Ok(&b"1"[..]));
    let others = others.join_all().await;
    assert_eq!(others.len(), 63);
    assert!(others.iter().all(|page| page.as_deref() == Ok(b"2")));
    assert_eq!(rendered.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn at_most_two_pages_are_alive_however_slow_their_readers() {
    let (page, permit, rendered) = gated();
    (0..3).for_each(|_| permit.send(()).unwrap());
    let first = page.whole().await.unwrap();
    let second = page.whole().await.unwrap();
    for _ in 0..10 {
        assert_eq!(page.whole().await.as_deref(), Ok(&b"2"[..]), "the newest alive");
    }
    assert_eq!(rendered.load(Ordering::SeqCst), 2);

    drop(second);
    assert_eq!(page.whole().await.as_deref(), Ok(&b"3"[..]), "a released page makes room for a new one");
    assert_eq!(first, "1");
}

#[tokio::test]
async fn a_clone_keeps_a_page_alive_and_its_end_frees_it() {
    let (page, permit, _) = gated();
    permit.send(()).unwrap();
    let bytes = page.whole().await.unwrap();
    let part = bytes.slice(..1);
    drop(bytes);
    assert_eq!(page.count_alive(), 1);
    drop(part);
    assert_eq!(page.count_alive(), 0);
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
    (0..2).for_each(|_| permit.send(false).unwrap());
    assert_eq!(callers.join_all().await, vec![Err(RenderingFailed); 3]);
    permit.send(true).unwrap();
    assert_eq!(page.whole().await.as_deref(), Ok(&b"page"[..]));
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_with_it() {
    let (page, permit, rendered) = gated();
    let mut first = waiting(&page, 1).await;
    let mut second = waiting(&page, 1).await;
    let others = waiting(&page, 3).await;
    first.shutdown().await;
    second.shutdown().await;
    (0..2).for_each(|_| permit.send(()).unwrap());
    assert!(others.join_all().await.iter().all(|page| page.as_deref() == Ok(b"2")));
    assert_eq!(rendered.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_page_is_sent_while_it_is_made() {
    let (page, parts) = written();
    send(&parts, &["a", "b"]);
    let answer = page.get().await.unwrap();
    let mut body = answer.into_response().into_body();
    let mut next = async || {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await?;
        Some(frame.unwrap().into_data().unwrap())
    };
    assert_eq!(next().await.unwrap(), "a");
    assert_eq!(next().await.unwrap(), "b");
    send(&parts, &["c"]);
    assert_eq!(next().await.unwrap(), "c");
    send(&parts, &[""]);
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn the_length_of_a_short_page_is_told() {
    let (page, parts) = written();
    for (made, length) in [(&["abc", ""][..], Some(3)), (&[""], Some(0)), (&["a", "bc", ""], None)] {
        send(&parts, made);
        let body = page.get().await.unwrap().into_response().into_body();
        assert_eq!(body.size_hint().exact(), length);
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), made.concat());
    }
}

#[tokio::test]
async fn who_comes_late_waits_for_the_next_page_or_shares_a_kept_one_from_its_beginning() {
    let (page, parts) = written();
    let (first, second) = two_begun(&page, &parts).await;
    let third = page.read();
    send(&parts, &["b", ""]);
    assert_eq!(text(third.answer().await.unwrap()).await, "2ab", "the second is in the making");
    assert_eq!(text(page.get().await.unwrap()).await, "2ab", "two are alive");
    assert_eq!(text(first).await, "1a");
    assert_eq!(text(second).await, "2ab");
    assert_eq!(page.count_alive(), 0);
    send(&parts, &["3", ""]);
    assert_eq!(text(page.get().await.unwrap()).await, "3");
}

#[tokio::test]
async fn the_only_page_gives_back_what_was_read() {
    let (page, parts) = written();
    send(&parts, &["a", "b"]);
    let answer = page.get().await.unwrap();
    let made = lock(&page.alive).pages[0].upgrade().unwrap();
    assert!(!made.is_kept());
    send(&parts, &["c", ""]);
    assert_eq!(text(answer).await, "abc");
    drop(made);
    assert_eq!(page.count_alive(), 0);
}

#[tokio::test]
async fn a_page_that_fails_half_way_is_cut_short_for_all_who_read_it() {
    let (page, parts) = written();
    let (first, second) = two_begun(&page, &parts).await;
    drop(parts);
    assert_eq!(text(first).await, "1a");
    assert!(sent(second).await.is_err());
    assert_eq!(page.get().await.unwrap_err(), RenderingFailed, "nothing came before it failed");
}

#[tokio::test]
async fn a_finished_page_tells_its_length_and_is_alive_until_it_is_sent() {
    let (page, parts) = written();
    send(&parts, &["a", "b", "cd", ""]);
    let answer = page.get().await.unwrap().finished().await.unwrap();
    assert_eq!(page.count_alive(), 1);
    let body = answer.into_response().into_body();
    assert_eq!(body.size_hint().exact(), Some(4));
    assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), "abcd");
    assert_eq!(page.count_alive(), 0);

    send(&parts, &["a", "b"]);
    let answer = page.get().await.unwrap();
    drop(parts);
    assert_eq!(answer.finished().await.unwrap_err(), RenderingFailed);
}

#[tokio::test]
async fn a_page_that_failed_is_shared_with_nobody_who_comes_later() {
    let (permit, permits) = mpsc::channel::<bool>();
    let permits = Mutex::new(permits);
    let count = AtomicUsize::new(0);
    let page = SharedPage::in_parts(move |pass_on| {
        pass_on((count.fetch_add(1, Ordering::SeqCst) + 1).to_string().into_bytes());
        pass_on(b"a".to_vec());
        if permits.lock().unwrap().recv().unwrap() { Ok(()) } else { Err(RenderingFailed) }
    });
    let first = page.get().await.unwrap();
    let second = page.read();
    permit.send(true).unwrap();
    let second = second.answer().await.unwrap();
    permit.send(false).unwrap();
    while lock(&page.alive).is_making {
        yield_now().await;
    }
    permit.send(true).unwrap();
    assert_eq!(page.count_alive(), 2);
    assert_eq!(text(page.get().await.unwrap()).await, "3a", "though two are alive");
    assert_eq!(text(first).await, "1a");
    assert!(sent(second).await.is_err());
}

#[tokio::test]
async fn each_format_and_encoding_has_its_own_page() {
    let renderings = Renderings::new(|format, encoding, pass_on| {
        pass_on(format!("{format:?} {encoding:?}").into_bytes());
    });
    for format in [Format::Text, Format::OpenMetrics] {
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            let page = renderings.page(format, encoding).await.unwrap();
            assert_eq!(text(page).await, format!("{format:?} {encoding:?}"));
        }
    }
}
