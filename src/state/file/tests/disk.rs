//! Other processes, and disks that are full: a process whose files may not grow gets the same
//! answer from the system, and so can the superuser.

use std::env;
use std::process::{Command, Stdio};

use super::*;

/// Tells another process of this test binary which file to work on.
const FILE: &str = "STATE_FILE_OF_TEST";
/// The longest file that process may write, in blocks of 512 bytes, or of 1024 in some shells.
const BLOCKS: &str = "8";

/// Runs the test `name` in another process whose files are limited.
fn run_limited(name: &str, path: &Path) -> bool {
    let mut command = Command::new("sh");
    // Without the trap the system kills who writes too much.
    command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", BLOCKS]);
    command.arg(env::current_exe().unwrap()).args(["--exact", &format!("state::file::tests::disk::{name}")]);
    command.env(FILE, path).stdout(Stdio::null()).status().unwrap().success()
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let Some(path) = env::var_os(FILE) else {
        let (directory, path) = place();
        assert!(run_limited("a_full_disk_loses_nothing_that_was_there", &path));
        assert_eq!(names_in(&directory), ["state", "state.lock"]);
        return;
    };
    let path = Path::new(&path);
    let mut file = open(path).file;
    let mut one = |i: usize| file.write(records(i..i + 1, 1).iter(), NOW);
    let fit = (0..1_000).take_while(|&i| one(i).is_ok()).count();
    assert!(fit > 5, "{fit}");
    one(fit).unwrap_err();
    // Room for less than a record was left: shorter ones still fit.
    file.write([].iter(), NOW).unwrap();
    drop(file);
    let images = images(&mut restore(path), 0..fit + 1);
    assert_eq!(images, [vec![Some(1); fit], vec![None]].concat());
}

#[test]
fn a_file_that_cannot_be_written_anew_stays_as_it_is() {
    let Some(path) = env::var_os(FILE) else {
        let (directory, path) = place();
        write(&path, &[records(0..200, 1)]);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert!(run_limited("a_file_that_cannot_be_written_anew_stays_as_it_is", &path));
        assert_eq!(fs::read(&path).unwrap(), whole[..whole.len() - 5]);
        assert_eq!(names_in(&directory), ["state", "state.lock"]);
        return;
    };
    let mut file = open(Path::new(&path)).file;
    let error = file.write(records(0..1, 2).iter(), NOW).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn another_process_is_refused() {
    let Some(path) = env::var_os(FILE) else {
        let (_directory, path) = place();
        let first = open(&path);
        assert!(run_limited("another_process_is_refused", &path));
        drop(first);
        assert!(!run_limited("another_process_is_refused", &path));
        return;
    };
    StateFile::open(Path::new(&path), NOW).unwrap_err();
}
