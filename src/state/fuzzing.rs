//! The body of the fuzz target `state_file`: any bytes as the state file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "it is part of a test")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::{Opened, StateFile};
use super::line::{self, HEADER, Line};
use super::record::Record;
use super::restored::Trouble;
use crate::clock::WallTime;

const NOW: WallTime = WallTime::from_millis(1_764_547_200_000);
/// A line of an account that no input is likely to hold.
const RECORD: &[u8] = br#"{"account":{"name":"written-by-the-test","app_id":"wx00000000000000ff","material":{"last":"succeeded","next":1764547800000}}}"#;

/// Opens `bytes` as a state file in `directory`, which is empty, writes to it and opens it again.
/// Opening changes nothing, a foreign file is never changed, and otherwise no good record is lost
/// and nothing is wrong any more.
pub fn state_file(directory: &Path, bytes: &[u8]) {
    open_and_write(&directory.join("as_it_is"), bytes);
    // The same in a file of ours, with a good batch after it.
    let mut ours = [HEADER.as_bytes(), bytes, b"\n"].concat();
    ours.extend(line::batch([record()].iter(), NOW).unwrap());
    let found = open_and_write(&directory.join("ours"), &ours);
    assert!(found, "what stands after bad lines is lost");
}

/// Whether the record was in it before it was written.
fn open_and_write(path: &Path, bytes: &[u8]) -> bool {
    fs::write(path, bytes).unwrap();
    let Opened { mut file, mut restored, troubles } = StateFile::open(path, NOW).unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes, "opening changed the file");
    let written = file.write([record()].iter(), NOW);
    let mut kept = None;
    for trouble in troubles {
        match trouble {
            Trouble::Foreign { .. } => {
                assert!(written.is_err(), "a foreign file is written");
                assert_eq!(fs::read(path).unwrap(), bytes, "a foreign file is changed");
                assert_eq!(restored.written_at, None);
                return false;
            }
            Trouble::Corrupt { .. } => kept = Some(".corrupt".to_owned()),
            Trouble::OtherVersion { version, .. } => kept = Some(format!(".version-{version}")),
            other => panic!("{other}"),
        }
    }
    written.unwrap();
    if let Some(suffix) = kept {
        assert_eq!(fs::read(beside(path, &suffix)).unwrap(), bytes, "the bad file is not kept");
    }
    drop(file);
    let was_there = restored.accounts.values().any(|account| Record::Account(account.clone()) == record());
    restored.put(record());
    // Now it is appended to, and then it is the same again.
    for _ in 0..2 {
        let Opened { mut file, restored: again, troubles } = StateFile::open(path, NOW).unwrap();
        assert!(troubles.is_empty(), "{troubles:?}");
        assert_eq!(again.written_at, Some(NOW));
        assert_eq!(again.accounts, restored.accounts);
        assert_eq!(again.profiles, restored.profiles);
        assert_eq!(again.lists, restored.lists);
        file.write([record()].iter(), NOW).unwrap();
    }
    was_there
}

fn record() -> Record {
    match line::parse(RECORD) {
        Some(Line::Record(record)) => record,
        other => panic!("{other:?}"),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::state_file;

    #[test]
    fn any_state_file_is_used_or_left_alone() {
        crate::fuzzing::check("state_file", |bytes| {
            state_file(tempfile::tempdir().unwrap().path(), bytes);
        });
    }
}
