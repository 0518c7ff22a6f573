use std::time::Duration;

use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const LIMITS: ConnectionLimits = ConnectionLimits {
    header: Duration::from_secs(5),
    stalled_write: Duration::from_secs(10),
    answer: Duration::from_secs(30),
    idle: Duration::from_secs(120),
    connections: 1,
};

fn fresh() -> Progress {
    Progress::new(Arc::default())
}

/// Seconds left until the connection is cut.
fn left(progress: &Progress) -> u64 {
    progress.deadline(&LIMITS).duration_since(Instant::now()).as_secs()
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_own_limit() {
    let progress = fresh();
    assert_eq!(left(&progress), 120);
    advance(SECOND).await;
    progress.bytes_came();
    assert_eq!(left(&progress), 5);
    advance(SECOND).await;
    progress.bytes_came();
    assert_eq!(left(&progress), 4, "more bytes of the same head");
    progress.request_began();
    assert_eq!((left(&progress), progress.idle_since()), (30, None));
    advance(SECOND).await;
    progress.flushed();
    assert_eq!(left(&progress), 29, "a flush before the body's end");
    progress.body_taken();
    assert_eq!(left(&progress), 29, "nothing is written yet");
    progress.flushed();
    assert_eq!((left(&progress), progress.idle_since()), (120, Some(Instant::now())));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_stalls_ends_before_the_answer_must() {
    let progress = fresh();
    progress.request_began();
    let stalled: Poll<io::Result<()>> = Poll::Pending;
    progress.note_write(&stalled);
    advance(4 * SECOND).await;
    progress.note_write(&stalled);
    assert_eq!(left(&progress), 6, "it stalls since the first attempt");
    progress.note_write(&Poll::Ready(Ok(1)));
    assert_eq!(left(&progress), 26);
    advance(20 * SECOND).await;
    progress.note_write(&stalled);
    assert_eq!(left(&progress), 6, "the answer's end comes before the stall's");
}

#[tokio::test(start_paused = true)]
async fn a_pipelined_request_does_not_put_the_end_of_an_unsent_answer_off() {
    let progress = fresh();
    progress.request_began();
    progress.body_taken();
    advance(10 * SECOND).await;
    progress.request_began();
    assert_eq!(left(&progress), 20);
    progress.flushed();
    assert_eq!(progress.idle_since(), None, "the second answer is not taken yet");
}

#[tokio::test(start_paused = true)]
async fn bytes_during_an_answer_begin_the_next_head() {
    let progress = fresh();
    progress.request_began();
    progress.bytes_came();
    progress.body_taken();
    progress.flushed();
    assert_eq!((left(&progress), progress.idle_since()), (5, None));
    progress.request_began();
    progress.body_taken();
    progress.flushed();
    assert_eq!(left(&progress), 120);
}
