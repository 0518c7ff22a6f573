//! Gets records into the state file, without anybody waiting for the disk but who has to.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::file::StateFile;
use super::record::{Key, Record};
use crate::clock::Clock;

/// A record waits so long for others to be written with it: a change is on the disk within 3 s.
const GATHER: Duration = Duration::from_secs(2);
/// A disk that cannot be written to is left alone for so long, unless somebody waits for it.
const RETRY: Duration = Duration::from_secs(10);

/// A handle on the task that writes the state file; clones share it.
#[derive(Clone, Debug)]
pub struct Saver {
    /// None if there is no state file.
    queue: Option<mpsc::UnboundedSender<Message>>,
}

/// What a handle asks of the task.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "almost all are single records")]
pub(crate) enum Message {
    Keep(Record),
    KeepNow(Vec<Record>, oneshot::Sender<()>),
}

/// Writes to `file`, at the times that `clock` tells. The task keeps what it is given until all
/// handles are gone, writes what is left, and ends.
pub fn start(file: StateFile, clock: Clock) -> (Saver, impl Future<Output = ()> + Send) {
    let (queue, messages) = mpsc::unbounded_channel();
    let unsaved = Unsaved { records: HashMap::new(), waiting: Vec::new(), write_at: None };
    (Saver { queue: Some(queue) }, Writer { messages, unsaved, clock, is_failing: false }.run(file))
}

impl Saver {
    /// Keeps nothing: there is no state file.
    pub fn off() -> Self {
        Self { queue: None }
    }

    /// Gives what it is to keep to a test.
    #[cfg(test)]
    pub(crate) fn in_memory() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (queue, messages) = mpsc::unbounded_channel();
        (Self { queue: Some(queue) }, messages)
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Keeps `record` within 3 s, or as soon as the disk allows.
    pub fn keep(&self, record: Record) {
        if let Some(queue) = &self.queue {
            // The task ends before its handles only when the disk part broke, which it has told.
            queue.send(Message::Keep(record)).unwrap_or_default();
        }
    }

    /// Keeps `records` and all before them now; with none of them the file still tells that it was
    /// written at this time. Told when they are on the disk, or when writing them has failed: an
    /// exporter that cannot save goes on polling. The same if the sender is gone.
    pub fn keep_now(&self, records: Vec<Record>) -> oneshot::Receiver<()> {
        let (kept, told) = oneshot::channel();
        match &self.queue {
            Some(queue) => queue.send(Message::KeepNow(records, kept)).unwrap_or_default(),
            None => kept.send(()).unwrap_or_default(),
        }
        told
    }
}

/// What is not on the disk yet: the newest record of each key, so that a disk that hangs or is full
/// costs bounded memory.
#[derive(Debug)]
struct Unsaved {
    records: HashMap<Key, Record>,
    /// Who waits for it.
    waiting: Vec<oneshot::Sender<()>>,
    /// None while there is nothing to write.
    write_at: Option<Instant>,
}

impl Unsaved {
    fn take(&mut self, message: Message) {
        match message {
            Message::Keep(record) => {
                self.write_at.get_or_insert_with(|| Instant::now() + GATHER);
                self.records.insert(record.key(), record);
            }
            Message::KeepNow(records, kept) => {
                self.write_at = Some(Instant::now());
                self.records.extend(records.into_iter().map(|record| (record.key(), record)));
                // Whoever lost patience with a disk that hangs has gone away.
                self.waiting.retain(|kept| !kept.is_closed());
                self.waiting.push(kept);
            }
        }
    }

    /// Takes back records that could not be written, to be written at `write_at` at the latest.
    fn take_back(&mut self, records: HashMap<Key, Record>, write_at: Instant) {
        for (key, record) in records {
            self.records.entry(key).or_insert(record);
        }
        if self.waiting.is_empty() {
            self.write_at = Some(write_at);
        }
    }
}

#[derive(Debug)]
struct Writer {
    messages: mpsc::UnboundedReceiver<Message>,
    unsaved: Unsaved,
    clock: Clock,
    is_failing: bool,
}

impl Writer {
    async fn run(mut self, mut file: StateFile) {
        loop {
            let is_open = self.gather().await;
            if !is_open && self.unsaved.write_at.is_none() {
                return;
            }
            file = match self.write(file).await {
                Ok(file) => file,
                Err(error) => {
                    tracing::error!(%error, "the state file is written no more");
                    return;
                }
            };
            if !is_open {
                return;
            }
        }
    }

    /// Takes messages until it is time to write; whether more may come.
    async fn gather(&mut self) -> bool {
        loop {
            let write_at = self.unsaved.write_at;
            if write_at.is_some_and(|at| at <= Instant::now()) {
                // Those who wait already share the write.
                while let Ok(message) = self.messages.try_recv() {
                    self.unsaved.take(message);
                }
                return true;
            }
            tokio::select! {
                message = self.messages.recv() => match message {
                    Some(message) => self.unsaved.take(message),
                    None => return false,
                },
                () = sleep_until(write_at.unwrap_or_else(Instant::now)), if write_at.is_some() => {}
            }
        }
    }

    /// Writes all that is unsaved, and takes messages meanwhile.
    async fn write(&mut self, mut file: StateFile) -> Result<StateFile, JoinError> {
        let records = std::mem::take(&mut self.unsaved.records);
        let asked_by = std::mem::take(&mut self.unsaved.waiting);
        self.unsaved.write_at = None;
        let now = self.clock.now();
        let mut writing = spawn_blocking(move || {
            let written = file.write(records.values(), now);
            (file, records, written)
        });
        let (file, records, written) = loop {
            tokio::select! {
                done = &mut writing => break done?,
                Some(message) = self.messages.recv() => self.unsaved.take(message),
            }
        };
        let path = file.path().display();
        match written {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                tracing::info!(%path, "the state file is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !self.is_failing {
                    self.is_failing = true;
                    tracing::warn!(
                        %path,
                        %error,
                        "cannot write the state file: polling goes on, what is not saved waits in memory"
                    );
                }
                self.unsaved.take_back(records, Instant::now() + RETRY);
            }
        }
        for kept in asked_by {
            // Who asked may have stopped waiting.
            kept.send(()).unwrap_or_default();
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
