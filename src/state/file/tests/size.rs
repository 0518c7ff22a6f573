//! How long the file gets, and how large a fleet it holds.

use tokio::time::Instant;

use super::*;

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn the_file_stays_within_twice_its_live_records() {
    let (directory, path) = place();
    let mut file = open(&path).file;
    let mut compactions = 0;
    for image in 0..60 {
        let before = file.good_len;
        file.write(records(0..100, image).iter(), NOW).unwrap();
        assert_eq!(file.good_len, Some(len(&path)));
        assert!(len(&path) <= SHORTEST_TO_COMPACT, "{}", len(&path));
        compactions += u64::from(before > file.good_len);
    }
    assert!((2..20).contains(&compactions), "{compactions}");
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..100), [Some(59); 100]);
    assert_eq!(names_in(&directory), ["state", "state.lock"]);
}

#[test]
fn what_is_too_old_goes_with_the_next_compaction() {
    let (_directory, path) = place();
    let mut file = open(&path).file;
    let days = |days: u64| NOW.plus(std::time::Duration::from_secs(days * 86_400));
    file.write(records(0..1, 1).iter(), NOW).unwrap();
    file.write(records(1..2, 1).iter(), days(20)).unwrap();
    for day in [29, 31, 51] {
        file.compact_above = 0;
        file.write([].iter(), days(day)).unwrap();
        let left = fs::read_to_string(&path).unwrap().matches("\"account\"").count();
        assert_eq!(left, if day < 30 { 2 } else { usize::from(day < 50) }, "day {day}");
    }
}

#[test]
fn a_failed_compaction_leaves_the_file_and_is_not_tried_at_once() {
    let (directory, path) = place();
    let mut file = open(&path).file;
    // A directory where the new file would be.
    file.write(records(0..1, 0).iter(), NOW).unwrap();
    fs::create_dir(directory.path().join("state.new")).unwrap();
    for image in 0..10 {
        file.compact_above = len(&path);
        let before = len(&path);
        file.write(records(0..100, image).iter(), NOW).unwrap();
        assert!(len(&path) > before, "it was appended");
        assert!(file.compact_above >= before + before / 2, "{}", file.compact_above);
    }
    fs::remove_dir(directory.path().join("state.new")).unwrap();
    file.compact_above = len(&path);
    let before = len(&path);
    file.write(records(0..100, 10).iter(), NOW).unwrap();
    assert!(len(&path) < before / 4);
    drop(file);
    assert_eq!(images(&mut restore(&path), 0..100), [Some(10); 100]);
}

/// Prints what it takes; a slow machine is no failure.
#[test]
fn a_hundred_thousand_accounts_are_kept() {
    const ACCOUNTS: usize = 100_000;
    let (_directory, path) = place();
    let Opened { mut file, .. } = open(&path);
    let live: u64 = {
        let all = records(0..ACCOUNTS, 1);
        let began = Instant::now();
        file.write(all.iter(), NOW).unwrap();
        println!("written at once: {:?}, {} bytes an account", began.elapsed(), len(&path) / 100_000);
        len(&path)
    };
    let few = records(0..500, 2);
    let began = Instant::now();
    file.write(few.iter(), NOW).unwrap();
    println!("500 records appended: {:?}", began.elapsed());
    file.compact_above = 0;
    let began = Instant::now();
    file.write(few.iter(), NOW).unwrap();
    println!("compacted: {:?}", began.elapsed());
    drop(file);
    assert!(len(&path) < live + live / 100, "{} of {live}", len(&path));
    assert!(live / (ACCOUNTS as u64) < 300, "{live}");
    let began = Instant::now();
    let mut restored = restore(&path);
    println!("opened: {:?}", began.elapsed());
    let images = images(&mut restored, 0..ACCOUNTS);
    assert_eq!(images.iter().filter(|&&image| image == Some(2)).count(), 500);
    assert_eq!(images.iter().filter(|&&image| image == Some(1)).count(), ACCOUNTS - 500);
}
