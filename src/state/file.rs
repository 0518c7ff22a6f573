//! The state file on the disk: opened and locked once, then written batch by batch. Blocks.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::line::{self, HEADER};
use super::read::{self, Contents, Corrupt, Found};
use super::record::Record;
use super::restored::{Restored, Trouble};
use crate::clock::WallTime;

/// A file is not worth writing anew below this length, in bytes: about 700 records.
const SHORTEST_TO_COMPACT: u64 = 256 * 1024;
/// For the owner only.
const MODE: u32 = 0o600;

/// A state file that only this process uses, until it is dropped.
#[derive(Debug)]
pub struct StateFile {
    /// Free of symbolic links: renaming would replace the link.
    path: PathBuf,
    /// None if it cannot be locked.
    _lock: Option<Lock>,
    /// How long the file is, in bytes, if a batch may be appended to it. Else it is written anew.
    good_len: Option<u64>,
    /// The length in bytes beyond which the file is compacted.
    compact_above: u64,
}

/// A file that no other process locks meanwhile.
#[derive(Debug)]
struct Lock(File);

/// A state file as it was found.
#[derive(Debug)]
pub struct Opened {
    /// Where to write.
    pub file: StateFile,
    /// What was in it.
    pub restored: Restored,
    /// What was wrong with it, to be told once.
    pub troubles: Vec<Trouble>,
}

/// Another process uses the state file.
#[derive(Debug, thiserror::Error)]
#[error("the state file `{}` is in use by another process: stop that one, or give each process its own `--state.file`", path.display())]
pub struct InUse {
    /// The file.
    pub path: PathBuf,
}

impl StateFile {
    /// Locks and reads the file at `path`, without what was saved more than 30 days before `now`.
    /// Writes nothing but the lock. A missing file is a fresh start, a bad one a trouble.
    pub fn open(path: &Path, now: WallTime) -> Result<Opened, InUse> {
        let path = real_path(path);
        let mut troubles = Vec::new();
        let lock_path = beside(&path, ".lock");
        let lock = match Lock::take(&lock_path) {
            Ok(lock) => Some(lock),
            Err(TryLockError::WouldBlock) => return Err(InUse { path }),
            Err(TryLockError::Error(error)) => {
                troubles.push(Trouble::NotLocked { lock: lock_path, error });
                None
            }
        };
        let mut restored = Restored::default();
        let mut file = Self { path, _lock: lock, good_len: None, compact_above: 0 };
        let path = || file.path.clone();
        match read::find(&file.path, now, |record| restored.put(record)) {
            Ok(Found::Nothing) => {}
            Ok(Found::Ours(contents)) => {
                restored.written_at = contents.written_at;
                if let Some(Corrupt { count, first_line }) = contents.corrupt {
                    troubles.push(Trouble::Corrupt { path: path(), lines: count, first: first_line });
                }
                file.take_over(&contents);
            }
            Ok(Found::OtherVersion(version)) => {
                troubles.push(Trouble::OtherVersion { path: path(), version });
            }
            Ok(Found::Foreign) => troubles.push(Trouble::Foreign { path: path() }),
            Err(error) => {
                restored = Restored::default();
                troubles.push(Trouble::Unreadable { path: path(), error });
            }
        }
        Ok(Opened { file, restored, troubles })
    }

    /// Where the file is, symbolic links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a batch, which is on the disk when this returns. After an error the file is as it was
    /// before, and the next call tries all that is needed.
    #[expect(single_use_lifetimes, reason = "an anonymous one is not stable here")]
    pub fn write<'r>(&mut self, records: impl Iterator<Item = &'r Record>, now: WallTime) -> io::Result<()> {
        let batch = line::batch(records, now)?;
        let Some((file, len)) = self.open_to_append() else { return self.rewrite(&batch, now) };
        if len + batch.len() as u64 > self.compact_above {
            match self.rewrite(&batch, now) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::debug!(path = %self.path.display(), "cannot compact the state file: {error}");
                    self.compact_above = len + len / 2;
                }
            }
        }
        self.append(file, len, &batch)
    }

    fn take_over(&mut self, contents: &Contents) {
        if contents.is_torn {
            tracing::debug!(path = %self.path.display(), "the last line of the state file is not whole");
        } else if contents.corrupt.is_none() {
            self.grown_to(contents.len, contents.live_len());
        }
    }

    fn grown_to(&mut self, len: u64, live_len: u64) {
        self.good_len = Some(len);
        self.compact_above = (2 * live_len).max(SHORTEST_TO_COMPACT);
    }

    /// The file, if it is as it was left: it may have been removed or cut meanwhile.
    fn open_to_append(&self) -> Option<(File, u64)> {
        let len = self.good_len?;
        let file = OpenOptions::new().write(true).open(&self.path).ok()?;
        (file.metadata().ok()?.len() == len).then_some((file, len))
    }

    fn append(&mut self, mut file: File, len: u64, batch: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(len))?;
        match file.write_all(batch).and_then(|()| file.sync_data()) {
            Ok(()) => {
                self.good_len = Some(len + batch.len() as u64);
                Ok(())
            }
            Err(error) => {
                // A file that cannot be cut is written anew, because its length is another.
                file.set_len(len).unwrap_or_default();
                Err(error)
            }
        }
    }

    /// Replaces the file by one that holds its live records and `batch`.
    fn rewrite(&mut self, batch: &[u8], now: WallTime) -> io::Result<()> {
        let live = match read::find(&self.path, now, drop)? {
            Found::Nothing => None,
            Found::Ours(contents) => {
                if contents.corrupt.is_some() {
                    keep_as(&self.path, &beside(&self.path, ".corrupt"))?;
                }
                Some(contents)
            }
            Found::OtherVersion(version) => {
                keep_as(&self.path, &beside(&self.path, &format!(".version-{version}")))?;
                None
            }
            Found::Foreign => return Err(io::Error::other("it is no state file of this exporter")),
        };
        let new = beside(&self.path, ".new");
        let written = write_new(&new, live, batch).and_then(|len| fs::rename(&new, &self.path).map(|()| len));
        if written.is_err() {
            // Room is given back; a leftover would be removed by the next attempt.
            remove(&new).unwrap_or_default();
        }
        let len = written?;
        if let Some(directory) = self.path.parent() {
            // Some file systems cannot sync a directory; a rename is then as lasting as they make it.
            File::open(directory).and_then(|directory| directory.sync_all()).unwrap_or_default();
        }
        self.grown_to(len, len);
        Ok(())
    }
}

impl Lock {
    fn take(path: &Path) -> Result<Self, TryLockError> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(path);
        let file = open.map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is just being spawned has the file open too: closing it here is not enough.
        self.0.unlock().unwrap_or_default();
    }
}

/// Writes a whole file; its length in bytes.
fn write_new(path: &Path, live: Option<Contents>, batch: &[u8]) -> io::Result<u64> {
    remove(path)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    let mut writer = BufWriter::with_capacity(64 * 1024, file);
    writer.write_all(HEADER.as_bytes())?;
    if let Some(live) = live {
        live.copy_live(&mut writer)?;
    }
    writer.write_all(batch)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Gives the file at `path` a second name, in place of any file of that name.
fn keep_as(path: &Path, name: &Path) -> io::Result<()> {
    remove(name)?;
    // Not every file system has hard links.
    fs::hard_link(path, name).or_else(|_| fs::copy(path, name).map(|_| ()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `path` with `suffix` after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// `path` with symbolic links followed, also one to a file that is not there yet.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let path = match (fs::read_link(path), path.parent()) {
        (Ok(target), Some(directory)) => directory.join(target),
        _ => path.to_owned(),
    };
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests;
