//! Gets records into the state file, without anybody waiting for the disk but who has to.

use tokio::sync::oneshot;

use super::record::Record;

/// A handle on the task that writes the state file; clones share it.
#[derive(Clone, Debug)]
pub struct Saver {}

impl Saver {
    /// Keeps nothing: there is no state file.
    pub fn off() -> Self {
        Self {}
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        false
    }

    /// Keeps `record` within 3 s, or as soon as the disk allows.
    pub fn keep(&self, record: Record) {
        drop(record);
    }

    /// Keeps `records` and all before them now. Told when they are on the disk, or when writing
    /// them has failed: an exporter that cannot save goes on polling.
    pub fn keep_now(&self, records: Vec<Record>) -> oneshot::Receiver<()> {
        drop(records);
        let (kept, told) = oneshot::channel();
        kept.send(()).unwrap_or_default();
        told
    }
}
