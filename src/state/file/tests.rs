use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::state::samples::{NOW, account, any_record, app_id, name, records};

mod damage;
mod disk;
mod size;

/// A directory, and the path of a state file in it that is not there yet.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("state");
    (directory, path)
}

fn open(path: &Path) -> Opened {
    StateFile::open(path, NOW).unwrap()
}

/// What is restored from a file that nothing is wrong with.
fn restore(path: &Path) -> Restored {
    let Opened { restored, troubles, .. } = open(path);
    assert!(troubles.is_empty(), "{troubles:?}");
    restored
}

fn write(path: &Path, batches: &[Vec<Record>]) {
    let mut file = open(path).file;
    for batch in batches {
        file.write(batch.iter(), NOW).unwrap();
    }
}

/// The images of each account of `accounts`, where it is known.
fn images(restored: &mut Restored, accounts: std::ops::Range<usize>) -> Vec<Option<u64>> {
    use crate::config::Kind;
    let mut take = |i| restored.take_account(&name(i), &app_id(i))?.material.last_good;
    accounts.map(|i| take(i).map(|(counts, _)| counts[Kind::Image])).collect()
}

fn names_in(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_last_records_come_back_as_they_were(
        batches in prop::collection::vec(prop::collection::vec(any_record(), 0..5), 1..4),
    ) {
        let (_directory, path) = place();
        write(&path, &batches);
        let mut expected = Restored::default();
        batches.concat().into_iter().for_each(|record| expected.put(record));
        expected.written_at = Some(NOW);
        let restored = restore(&path);
        prop_assert_eq!(&restored.accounts, &expected.accounts);
        prop_assert_eq!(&restored.profiles, &expected.profiles);
        prop_assert_eq!(&restored.lists, &expected.lists);
        prop_assert_eq!(restored.written_at, expected.written_at);
    }
}

#[test]
fn a_fresh_start_restores_nothing_and_writes_nothing() {
    let (directory, path) = place();
    let mut restored = restore(&path);
    assert_eq!(restored.written_at, None);
    assert_eq!(restored.take_account(&name(0), &app_id(0)), None);
    assert_eq!(restored.take_platforms().profiles, []);
    assert_eq!(names_in(&directory), ["state.lock"]);
}

#[test]
fn another_app_id_is_another_account() {
    let (_directory, path) = place();
    write(&path, &[records(0..1, 7)]);
    let mut restored = restore(&path);
    assert_eq!(restored.take_account(&name(0), &app_id(1)), None);
    assert_eq!(restored.take_account(&name(0), &app_id(0)), None, "its record is dropped");
    assert_eq!(restore(&path).take_account(&name(0), &app_id(0)), Some(account(0, 7)));
}

#[test]
fn an_empty_batch_tells_the_time_of_writing() {
    let (_directory, path) = place();
    let mut file = open(&path).file;
    file.write(records(0..1, 1).iter(), NOW).unwrap();
    let later = WallTime::from_millis(NOW.millis() + 5_000);
    file.write([].iter(), later).unwrap();
    drop(file);
    let mut restored = restore(&path);
    assert_eq!(restored.written_at, Some(later));
    assert_eq!(images(&mut restored, 0..1), [Some(1)]);
}

#[test]
fn nobody_else_can_read_it() {
    let (directory, path) = place();
    write(&path, &[records(0..1, 1), records(0..1, 2)]);
    for name in names_in(&directory) {
        let mode = directory.path().join(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(names_in(&directory), ["state", "state.lock"]);
}

#[test]
fn a_second_one_on_the_same_file_is_refused() {
    let (directory, path) = place();
    let first = open(&path);
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let error = StateFile::open(path, NOW).unwrap_err().to_string();
        assert!(error.contains("state` is in use by another process"), "{error}");
        assert!(error.contains("`--state.file`"), "{error}");
    }
    drop(first);
    restore(&path);
}

#[test]
fn a_link_stays_and_the_real_file_is_written() {
    let (directory, real) = place();
    let link = directory.path().join("link");
    symlink("state", &link).unwrap();
    for image in 1..3 {
        // First through a link to nothing, then to a file, which is then compacted.
        let mut file = open(&link).file;
        file.write(records(0..1, image).iter(), NOW).unwrap();
        file.compact_above = 0;
        file.write(records(1..2, image).iter(), NOW).unwrap();
        drop(file);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(images(&mut restore(&real), 0..2), [Some(image); 2]);
    }
    assert_eq!(names_in(&directory), ["link", "state", "state.lock"]);
}
