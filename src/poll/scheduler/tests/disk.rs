//! A state file that is memory, as slow as a disk, and survives the death of its process.

use std::sync::Mutex;

use super::*;
use crate::state::record::SavedAccount;
use crate::state::saver::Message;

/// How long a change waits at most.
const GATHER: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Content {
    accounts: HashMap<AccountName, SavedAccount>,
    written_at: Option<WallTime>,
}

pub(super) struct Disk {
    /// Of the process that writes next.
    pub(super) clock: Clock,
    /// How long a write takes.
    pub(super) takes: Duration,
    content: Arc<Mutex<Content>>,
    writing: JoinSet<()>,
}

impl Disk {
    pub(super) fn new(clock: Clock) -> Self {
        let takes = Duration::from_millis(15);
        Self { clock, takes, content: Arc::default(), writing: JoinSet::new() }
    }

    /// A saver that writes here until the next [`Disk::kill`].
    pub(super) fn saver(&mut self) -> Saver {
        let (saver, mut messages) = Saver::in_memory();
        let (content, clock, takes) = (Arc::clone(&self.content), self.clock, self.takes);
        self.writing.spawn(async move {
            let mut unsaved = Vec::new();
            let (mut write_at, mut is_open) = (None, true);
            while is_open {
                let mut waiting = Vec::new();
                tokio::select! {
                    message = messages.recv() => match message {
                        None => is_open = false,
                        Some(Message::Keep(record)) => {
                            unsaved.push(record);
                            write_at.get_or_insert_with(|| Instant::now() + GATHER);
                            continue;
                        }
                        Some(Message::KeepNow(records, kept)) => {
                            unsaved.extend(records);
                            waiting.push(kept);
                        }
                    },
                    () = sleep_until(write_at.unwrap_or_else(Instant::now)), if write_at.is_some() => {}
                }
                let now = clock.now();
                tokio::time::sleep(takes).await;
                let mut content = content.lock().unwrap();
                content.written_at = Some(now);
                for record in unsaved.drain(..) {
                    if let Record::Account(account) = record {
                        content.accounts.insert(account.name.clone(), account);
                    }
                }
                write_at = None;
                for kept in waiting {
                    kept.send(()).unwrap_or_default();
                }
            }
        });
        saver
    }

    /// What is written of an account, to be asked at any time.
    pub(super) fn look(&self) -> impl Fn(&str) -> Option<SavedAccount> + Clone + Send + use<> {
        let content = Arc::clone(&self.content);
        move |name| content.lock().unwrap().accounts.get(&AccountName::parse(name).unwrap()).cloned()
    }

    /// What a process finds that starts now.
    pub(super) fn restored(&self) -> Restored {
        let content = self.content.lock().unwrap();
        Restored::of(content.written_at, content.accounts.values().cloned())
    }

    /// The process dies: what it has not written is lost.
    pub(super) fn kill(&mut self) {
        self.writing.abort_all();
    }
}
