//! The clock is paused; the disk is real, and time stands still while it is written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::clock::WallTime;
use crate::state::samples::{NOW, account, records};

struct World {
    directory: TempDir,
    path: PathBuf,
    tasks: JoinSet<()>,
    log: Log,
    _logging: DefaultGuard,
}

/// A saver on a state file `name` in a directory of its own. Each has a log: an event that first
/// occurs on a thread without one may be off for all others.
fn saver_on(name: &str) -> (World, Saver) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let logging = set_default(subscriber);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let file = StateFile::open(&path, NOW).unwrap().file;
    let clock = Clock::Anchored { wall: NOW, since: Instant::now() };
    let (saver, task) = start(file, clock);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    (World { directory, path, tasks, log, _logging: logging }, saver)
}

fn one(i: usize, image: u64) -> Record {
    Record::Account(account(i, image))
}

/// The batches of the file: the seconds since the start at which each was written, and the lines
/// with the number of images given.
fn batches(path: &Path) -> Vec<(i64, Vec<String>)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut batches: Vec<(i64, Vec<String>)> = Vec::new();
    for line in text.lines().skip(1) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(at) = value.get("saved_at") {
            let at = WallTime::from_millis(at.as_i64().unwrap());
            batches.push((i64::try_from(at.since(NOW).as_secs()).unwrap(), Vec::new()));
        } else {
            let account = &value["account"];
            let image = &account["material"]["good"]["value"]["image"];
            let told = format!("{}={image}", account["name"].as_str().unwrap());
            batches.last_mut().unwrap().1.push(told);
        }
    }
    for (_, lines) in &mut batches {
        lines.sort();
    }
    batches
}

fn batch(at: i64, lines: &[&str]) -> (i64, Vec<String>) {
    (at, lines.iter().map(|&line| line.to_owned()).collect())
}

/// What is logged meanwhile.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn without_a_file_nothing_is_kept_and_nobody_waits() {
    let saver = Saver::off();
    assert!(!saver.is_on());
    saver.keep(one(0, 1));
    saver.keep_now(records(0..3, 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn changes_are_gathered_and_written_within_three_seconds() {
    let (world, saver) = saver_on("state");
    assert!(saver.is_on());
    sleep(Duration::from_secs(5)).await;
    saver.keep(one(0, 1));
    sleep(Duration::from_secs(1)).await;
    saver.clone().keep(one(1, 1));
    saver.keep(one(0, 2));
    assert_eq!(batches(&world.path), []);
    sleep(Duration::from_secs(2)).await;
    let first = batch(7, &["account-0=2", "account-1=1"]);
    assert_eq!(batches(&world.path), std::slice::from_ref(&first));
    sleep(Duration::from_secs(60)).await;
    saver.keep(one(2, 1));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(batches(&world.path), [first, batch(70, &["account-2=1"])]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_it_is_on_the_disk() {
    let (world, saver) = saver_on("state");
    saver.keep(one(0, 1));
    saver.keep_now(records(1..3, 1)).await.unwrap();
    let first = batch(0, &["account-0=1", "account-1=1", "account-2=1"]);
    assert_eq!(batches(&world.path), std::slice::from_ref(&first));
    sleep(Duration::from_secs(9)).await;
    saver.keep_now(Vec::new()).await.unwrap();
    assert_eq!(batches(&world.path), [first, batch(9, &[])]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_together_shares_one_write() {
    let (world, saver) = saver_on("state");
    let waiting: Vec<_> = (0..10).map(|i| saver.keep_now(vec![one(i % 2, 1)])).collect();
    for told in waiting {
        told.await.unwrap();
    }
    assert_eq!(batches(&world.path), [batch(0, &["account-0=1", "account-1=1"])]);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_written_when_the_handles_are_gone() {
    let (mut world, saver) = saver_on("state");
    saver.clone().keep(one(0, 1));
    drop(saver);
    world.tasks.join_next().await.unwrap().unwrap();
    assert_eq!(batches(&world.path), [batch(0, &["account-0=1"])]);
    StateFile::open(&world.path, NOW).expect("it is unlocked");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_is_told_once_and_loses_nothing() {
    let (world, saver) = saver_on("missing/state");
    saver.keep_now(records(0..2, 1)).await.unwrap();
    saver.keep(one(1, 2));
    sleep(Duration::from_secs(60)).await;
    saver.keep_now(vec![one(2, 1)]).await.unwrap();
    let lines = world.log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" WARN "), "{lines:?}");
    assert!(lines[0].contains("missing/state error=No such file or directory"), "{lines:?}");
    fs::create_dir(world.directory.path().join("missing")).unwrap();
    sleep(RETRY + GATHER).await;
    let [(_, written)] = &batches(&world.path)[..] else { panic!("{:?}", batches(&world.path)) };
    assert_eq!(written, &["account-0=1", "account-1=2", "account-2=1"]);
    let lines = world.log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains(" INFO ") && lines[1].contains("written again"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_on_a_failing_disk_is_an_end() {
    let (mut world, saver) = saver_on("missing/state");
    saver.keep(one(0, 1));
    sleep(Duration::from_secs(30)).await;
    drop(saver);
    world.tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_failed_does_not_undo_what_came_meanwhile() {
    let mut unsaved = Unsaved { records: HashMap::new(), waiting: Vec::new(), write_at: None };
    unsaved.take(Message::Keep(one(0, 2)));
    let failed = [one(0, 1), one(1, 1)].map(|record| (record.key(), record));
    let retry = Instant::now() + RETRY;
    unsaved.take_back(failed.into(), retry);
    assert_eq!(unsaved.records.len(), 2);
    assert_eq!(unsaved.records[&one(0, 0).key()], one(0, 2));
    assert_eq!(unsaved.write_at, Some(retry));
}

#[tokio::test(start_paused = true)]
async fn who_waits_no_more_for_a_disk_that_hangs_costs_no_memory() {
    let mut unsaved = Unsaved { records: HashMap::new(), waiting: Vec::new(), write_at: None };
    let (patient, told) = oneshot::channel();
    unsaved.take(Message::KeepNow(vec![one(0, 1)], patient));
    for image in 0..1_000 {
        let (kept, told) = oneshot::channel();
        unsaved.take(Message::KeepNow(vec![one(0, image)], kept));
        drop(told);
    }
    assert_eq!((unsaved.records.len(), unsaved.waiting.len()), (1, 2), "the patient one and the last");
    drop(told);
}
