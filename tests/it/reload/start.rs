//! Signals that come while the configuration is still being read.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{OpenOptions, Sender};
use tokio::process::Child;

use super::{Exporter, Site, accounts, entry};
use crate::program::{FREE_PORT, PATIENCE, Serving, command};

/// A program whose configuration comes through a named pipe, and that pipe: it has begun to read.
async fn reading(site: &Site) -> (Child, PathBuf, Sender) {
    let pipe = site.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = command(&[FREE_PORT, "--config.file"]).arg(&pipe).spawn().unwrap();
    let writer = open(&pipe).await;
    (child, pipe, writer)
}

/// The writing end of a pipe, when somebody reads it.
async fn open(pipe: &Path) -> Sender {
    let open = async {
        loop {
            match OpenOptions::new().open_sender(pipe) {
                Ok(writer) => break writer,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, open).await.expect("somebody reads")
}

fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

#[tokio::test]
async fn a_hangup_before_the_first_configuration_is_a_reload_after_it() {
    let site = Site::start(2).await;
    let (child, pipe, mut writer) = reading(&site).await;
    signal(&child, "HUP");
    let first = site.main("", &accounts(&[entry("a", 0, "")]));
    writer.write_all(first.as_bytes()).await.unwrap();
    drop(writer);
    let exporter = Exporter::over(Serving::watch(child).await);
    exporter.wait_for_up(&["a"]).await;
    let second = site.main("", &accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    open(&pipe).await.write_all(second.as_bytes()).await.unwrap();
    exporter.wait_for_up(&["a", "b"]).await;
    site.end(exporter).await;
}

#[tokio::test]
async fn a_stop_before_the_first_configuration_is_a_clean_end() {
    let site = Site::start(1).await;
    for name in ["TERM", "INT"] {
        let (child, pipe, writer) = reading(&site).await;
        signal(&child, name);
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
        let log = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{name}: {log}");
        drop(writer);
        std::fs::remove_file(pipe).unwrap();
    }
}

#[tokio::test]
async fn a_stop_while_a_reload_reads_is_a_clean_end() {
    let site = Site::start(1).await;
    let (child, pipe, mut writer) = reading(&site).await;
    writer.write_all(site.main("", &accounts(&[entry("a", 0, "")])).as_bytes()).await.unwrap();
    drop(writer);
    let exporter = Exporter::over(Serving::watch(child).await);
    exporter.wait_for_up(&["a"]).await;
    exporter.serving.signal("HUP");
    let writer = open(&pipe).await;
    site.end(exporter).await;
    drop(writer);
}
