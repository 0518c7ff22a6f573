//! State files that are damaged, somebody else's, in use, or cannot be written.

use std::fs;
use std::process::Stdio;

use tokio::process::Command;
use wechat_material_exporter::simulator::scenario::Scenario;

use crate::installed::{Installed, are_up, ended};
use crate::program::{Serving, text};

/// Three accounts that were polled once.
async fn polled_once() -> Installed {
    let installed = Installed::new(Scenario::generated(3), "1h").await;
    assert!(installed.once().await.status.success());
    installed
}

/// Starts on what is in the place of the state file, and ends when all accounts are up; the log.
async fn serve_to_the_end(installed: &Installed) -> String {
    let exporter = installed.serve().await;
    let accounts = installed.scenario.accounts.len();
    exporter.wait_for("/metrics", |page| are_up(page, 0..accounts)).await;
    exporter.stop().await
}

#[tokio::test]
async fn a_corrupt_record_costs_its_account_one_poll_and_the_file_is_kept() {
    let installed = polled_once().await;
    let damaged = fs::read_to_string(installed.state())
        .unwrap()
        .replace("\"name\":\"simulated-1\"", "\"name\"=\"simulated-1\"");
    fs::write(installed.state(), &damaged).unwrap();
    let log = serve_to_the_end(&installed).await;
    assert!(log.contains("is corrupt from line") && log.contains("state.corrupt"), "{log}");
    assert_eq!(installed.polls(), [1, 2, 1]);
    assert_eq!(fs::read_to_string(installed.state().with_extension("corrupt")).unwrap(), damaged);
    // The next process finds nothing wrong and asks nobody.
    let log = serve_to_the_end(&installed).await;
    assert!(!log.contains("corrupt"), "{log}");
    assert_eq!(installed.polls(), [1, 2, 1]);
}

#[tokio::test]
async fn somebody_elses_file_is_reported_and_not_touched() {
    let installed = Installed::new(Scenario::generated(3), "1h").await;
    let foreign = "id,balance\n1,1000000\n";
    fs::write(installed.state(), foreign).unwrap();
    let log = serve_to_the_end(&installed).await;
    assert!(log.contains("is no state file of this exporter") && log.contains("move it away"), "{log}");
    assert_eq!(fs::read_to_string(installed.state()).unwrap(), foreign);
    assert_eq!(installed.polls(), [1; 3]);
}

#[tokio::test]
async fn a_file_of_another_version_is_kept_beside_the_new_one() {
    let installed = polled_once().await;
    let other = fs::read_to_string(installed.state()).unwrap().replace("\"version\":1}", "\"version\":7}");
    fs::write(installed.state(), &other).unwrap();
    let log = serve_to_the_end(&installed).await;
    assert!(log.contains("is of version 7") && log.contains("state.version-7"), "{log}");
    assert_eq!(fs::read_to_string(installed.state().with_extension("version-7")).unwrap(), other);
    assert_eq!((installed.polls(), installed.saved().len()), (vec![2; 3], 3));
}

#[tokio::test]
async fn a_directory_that_is_not_there_holds_nobody_up_and_may_come_later() {
    let installed = Installed::new(Scenario::generated(3), "1s").await;
    let directory = installed.directory.path().join("later");
    let state = directory.join("state");
    let mut command = installed.stateless();
    command.arg("--state.file").arg(&state);
    let mut exporter = Serving::spawn(command).await;
    exporter.wait_for_log("cannot write the state file").await;
    assert!(
        exporter.log.contains("cannot lock") && exporter.log.contains("polling goes on"),
        "{}",
        exporter.log
    );
    exporter.wait_for("/metrics", |page| are_up(page, 0..3)).await;
    fs::create_dir(&directory).unwrap();
    exporter.wait_for_log("the state file is written again").await;
    let log = exporter.stop().await;
    assert_eq!(log.matches("cannot write the state file").count(), 1, "{log}");
    assert!(fs::read_to_string(&state).unwrap().contains("simulated-2"));
}

/// The exporter, whose files may not grow beyond 4 KiB, or 8 KiB in some shells, for now.
fn with_little_room(installed: &Installed) -> Command {
    let command = installed.command();
    let mut shell = Command::new("sh");
    // Without the trap the system kills who writes too much.
    shell.args(["-c", "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" \"$@\""]);
    shell.arg(command.as_std().get_program()).args(command.as_std().get_args());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    shell
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_written_again_when_there_is_room() {
    let installed = Installed::new(Scenario::generated(60), "1s").await;
    installed.list(3, "1s", "");
    assert!(installed.once().await.status.success());
    let before = fs::read(installed.state()).unwrap();
    installed.list(60, "1s", "");
    let mut exporter = Serving::spawn(with_little_room(&installed)).await;
    exporter.wait_for_log("cannot write the state file").await;
    exporter.wait_for("/metrics", |page| are_up(page, 0..60)).await;
    assert!(fs::read(installed.state()).unwrap().starts_with(&before));
    let id = exporter.child.id().unwrap().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().await;
    assert!(lifted.unwrap().success());
    exporter.wait_for_log("the state file is written again").await;
    exporter.stop().await;
    assert_eq!(installed.saved().len(), 60);
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused() {
    let installed = Installed::new(Scenario::generated(3), "1h").await;
    let first = installed.serve().await;
    first.wait_for("/metrics", |page| are_up(page, 0..3)).await;
    for arguments in [&["--web.listen-address=127.0.0.1:0"][..], &["--once"]] {
        let second = ended(installed.command().args(arguments)).await;
        let message = text(&second.stderr);
        assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0), "{message}");
        assert!(message.contains("is in use by another process: stop that one"), "{message}");
    }
    assert!(are_up(&first.page("/metrics").await, 0..3));
    first.stop().await;
    assert_eq!((installed.polls(), installed.saved().len()), (vec![1; 3], 3));
}
