//! The accounts of `deploy/compose.yaml`: what its exporter makes of its simulator.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::program::{command, run, text, within};

#[tokio::test]
async fn the_accounts_of_the_composition_are_in_the_states_that_they_are_to_show() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose");
    let scenario = format!("--scenario={}", directory.join("scenario.yaml").display());
    let mut simulator = command(&["simulate", "--listen=127.0.0.1:0", &scenario]);
    let mut simulator = simulator.stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(simulator.stdout.take().unwrap()).lines();
    let line = within("the simulator's address", lines.next_line()).await.unwrap().unwrap();
    let (_, address) = line.split_once("http://").unwrap();

    let configuration = fs::read_to_string(directory.join("exporter.yaml")).unwrap();
    assert!(configuration.contains("http://simulator:19871"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exporter.yaml");
    fs::write(&path, configuration.replace("simulator:19871", address)).unwrap();
    let once = run(&["--once", "--config.file", path.to_str().unwrap()]).await;
    let page = text(&once.stdout);
    for account in ["brand-main", "campaign", "archive", "flaky"] {
        assert!(page.contains(&format!("wechat_account_up{{account=\"{account}\"}} 1\n")), "{page}");
    }
    for (account, class) in [("shop", "secret"), ("branch-office", "ip")] {
        let series = format!("wechat_account_failing{{account=\"{account}\",class=\"{class}\",");
        assert!(page.contains(&series), "{page}");
    }
    assert_eq!(once.status.code(), Some(1));
}
