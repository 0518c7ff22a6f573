//! Files that are not as they should be.

use super::*;

/// What `troubles` say, with the file's path as `PATH`.
fn told(troubles: &[Trouble], path: &Path) -> Vec<String> {
    troubles.iter().map(|trouble| trouble.to_string().replace(path.to_str().unwrap(), "PATH")).collect()
}

#[test]
fn a_crash_in_a_batch_costs_only_what_was_not_written() {
    let (_directory, path) = place();
    write(&path, &[records(0..3, 1)]);
    let before = fs::metadata(&path).unwrap().len();
    write(&path, &[records(1..5, 2)]);
    let whole = fs::read(&path).unwrap();
    for len in usize::try_from(before).unwrap()..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let images = images(&mut restore(&path), 0..5);
        // The records of the batch that are there come first, and the old ones stand for the others.
        let newer = (1..5).take_while(|&i| images[i] == Some(2)).count();
        let expected: Vec<_> = (0..5)
            .map(|i| match i {
                0 => Some(1),
                i if i <= newer => Some(2),
                i => (i < 3).then_some(1),
            })
            .collect();
        assert_eq!(images, expected, "cut at {len}");
        let written = whole[usize::try_from(before).unwrap()..len].split(|&byte| byte == b'\n').count() - 1;
        assert_eq!(newer, written.saturating_sub(1), "cut at {len}");
    }
}

#[test]
fn writing_goes_on_after_a_crash() {
    let (directory, path) = place();
    write(&path, &[records(0..2, 1)]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 7);
    fs::write(&path, bytes).unwrap();
    write(&path, &[records(2..3, 2), records(3..4, 2)]);
    assert_eq!(images(&mut restore(&path), 0..4), [Some(1), None, Some(2), Some(2)]);
    assert_eq!(names_in(&directory), ["state", "state.lock"]);
}

#[test]
fn corrupt_lines_are_told_and_the_file_is_kept() {
    let (directory, path) = place();
    write(&path, &[records(0..3, 1)]);
    fs::write(path.with_extension("corrupt"), "an earlier one").unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let bad = good.replace("\"account-1\"", "\"account 1\"") + "\u{0}\u{0}\n";
    fs::write(&path, &bad).unwrap();
    let Opened { mut file, mut restored, troubles } = open(&path);
    assert_eq!(
        told(&troubles, &path),
        [
            "the state file `PATH` is corrupt from line 4, in 2 of its lines: the others are used, and the file is kept as `PATH.corrupt`"
        ]
    );
    assert_eq!(images(&mut restored, 0..3), [Some(1), None, Some(1)]);
    assert_eq!(fs::read_to_string(&path).unwrap(), bad, "nothing is done before the first write");
    file.write(records(3..4, 2).iter(), NOW).unwrap();
    file.write(records(4..5, 2).iter(), NOW).unwrap();
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..5), [Some(1), None, Some(1), Some(2), Some(2)]);
    assert_eq!(fs::read_to_string(directory.path().join("state.corrupt")).unwrap(), bad);
    assert_eq!(names_in(&directory), ["state", "state.corrupt", "state.lock"]);
}

#[test]
fn another_version_is_kept_and_a_fresh_start_made() {
    let (directory, path) = place();
    let newer = "{\"format\":\"wechat-material-exporter state\",\"version\":2}\nbinary from here\n";
    fs::write(&path, newer).unwrap();
    let Opened { mut file, restored, troubles } = open(&path);
    assert_eq!(
        told(&troubles, &path),
        [
            "the state file `PATH` is of version 2, this exporter's of version 1: nothing is restored, and the file is kept as `PATH.version-2`"
        ]
    );
    assert_eq!(restored.written_at, None);
    file.write(records(0..1, 2).iter(), NOW).unwrap();
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..1), [Some(2)]);
    assert_eq!(fs::read_to_string(directory.path().join("state.version-2")).unwrap(), newer);
}

#[test]
fn a_foreign_file_is_never_touched() {
    let (directory, path) = place();
    let foreign = "accounts:\n  brand-main: {app_id: wx0123456789abcdef}\n";
    fs::write(&path, foreign).unwrap();
    let Opened { mut file, troubles, .. } = open(&path);
    assert_eq!(
        told(&troubles, &path),
        [
            "`PATH` is no state file of this exporter: nothing is restored, and nothing is saved while it is there: move it away, or name another file by `--state.file`"
        ]
    );
    for _ in 0..2 {
        let error = file.write(records(0..1, 1).iter(), NOW).unwrap_err();
        assert_eq!(error.to_string(), "it is no state file of this exporter");
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
        assert_eq!(names_in(&directory), ["state", "state.lock"]);
    }
    fs::rename(&path, path.with_extension("yaml")).unwrap();
    file.write(records(0..1, 1).iter(), NOW).unwrap();
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..1), [Some(1)]);
}

#[test]
fn what_is_no_file_is_left_alone() {
    let (_directory, path) = place();
    let pipe = path.with_extension("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fs::create_dir(&path).unwrap();
    for path in [&path, &pipe] {
        let Opened { mut file, troubles, .. } = open(path);
        assert_eq!(
            told(&troubles, path),
            [
                "cannot read the state file `PATH`: it is no regular file: nothing is restored, and nothing is saved until it can be read"
            ]
        );
        file.write(records(0..1, 1).iter(), NOW).unwrap_err();
        assert!(!path.is_file());
    }
}

#[test]
fn a_missing_directory_does_not_stop_the_start() {
    let (directory, path) = place();
    let below = path.join("file");
    let Opened { mut file, troubles, .. } = open(&below);
    let told = told(&troubles, &below);
    assert!(told[0].starts_with("cannot lock `PATH.lock`: No such file or directory"), "{told:?}");
    assert_eq!(told.len(), 1);
    file.write(records(0..1, 1).iter(), NOW).unwrap_err();
    fs::create_dir(&path).unwrap();
    file.write(records(0..1, 2).iter(), NOW).unwrap();
    assert_eq!(images(&mut restore(&below), 0..1), [Some(2)]);
    drop(directory);
}

#[test]
fn a_path_below_a_file_does_not_stop_the_start() {
    let (_directory, path) = place();
    fs::write(&path, "a file").unwrap();
    let below = path.join("file");
    let Opened { mut file, troubles, .. } = open(&below);
    assert_eq!(told(&troubles, &below).len(), 2, "{troubles:?}");
    file.write(records(0..1, 1).iter(), NOW).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
}

#[test]
fn a_file_that_went_is_written_anew() {
    let (_directory, path) = place();
    let mut file = open(&path).file;
    file.write(records(0..2, 1).iter(), NOW).unwrap();
    fs::remove_file(&path).unwrap();
    file.write(records(1..2, 2).iter(), NOW).unwrap();
    fs::write(&path, "somebody else's").unwrap();
    file.write(records(1..2, 3).iter(), NOW).unwrap_err();
    fs::write(&path, "").unwrap();
    file.write(records(2..3, 4).iter(), NOW).unwrap();
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..3), [None, None, Some(4)]);
}
