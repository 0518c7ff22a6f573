//! The service manager's side of `Type=notify`: what it is told, and when.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::net::{TcpListener, UnixDatagram};

use crate::installed::ended;
use crate::program::{Serving, command, within};

/// What a service manager has: the socket it is told on, and the configuration of its service.
struct Unit {
    dir: TempDir,
    told: UnixDatagram,
    socket: String,
}

impl Unit {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("notify").to_str().unwrap().to_owned();
        Self { told: UnixDatagram::bind(&socket).unwrap(), dir, socket }
    }

    /// One that listens on an abstract name, as service managers in containers do.
    fn abstractly() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As unique as that of a directory.
        let name = dir.path().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let told = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
        told.set_nonblocking(true).unwrap();
        let told = UnixDatagram::from_std(told).unwrap();
        Self { dir, told, socket: format!("@{name}") }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config.yaml")
    }

    /// One account, with a server that may be slow to answer.
    fn configure(&self, server: &str, interval: &str) {
        let text = format!(
            "api: {{base_url: '{server}'}}\npoll: {{interval: {interval}}}\n\
             accounts:\n  brand: {{app_id: wx0123456789abcdef, token: {{app_secret: canary-secret}}}}\n"
        );
        fs::write(self.config(), text).unwrap();
    }

    async fn serve(&self) -> Serving {
        let mut command = command(&["--config.file"]);
        command.arg(self.config()).env("NOTIFY_SOCKET", &self.socket);
        Serving::spawn(command).await
    }

    /// The next thing that it is told.
    async fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = within("a notification", self.told.recv(&mut buffer)).await.unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next thing that it is told of the service's state, not of its accounts alone.
    async fn next_state(&self) -> String {
        loop {
            let told = self.next().await;
            if !told.starts_with("STATUS=") {
                return told;
            }
        }
    }
}

/// The clock that systemd compares with, in seconds.
fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_service_manager_is_told_of_start_reloads_and_stop() {
    let unit = Unit::new();
    // It accepts and never answers: no poll ends, so the exporter is not ready for scrapes.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    unit.configure(&server, "10m");
    let exporter = unit.serve().await;
    assert_eq!(unit.next().await, "READY=1\nSTATUS=1 account: 0 fine, 1 not polled yet");
    assert_eq!(exporter.page("/-/healthy").await, "Healthy.\n");
    assert!(
        exporter.page("/-/ready").await.contains("Not ready"),
        "ready to systemd is not ready for scrapes"
    );

    unit.configure(&server, "11m");
    exporter.signal("HUP");
    let reloading = unit.next_state().await;
    let since_boot = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    let since_boot: f64 = since_boot.split('\n').next().unwrap().parse().unwrap();
    // That clock stood still while the machine was asleep.
    assert!(since_boot > 0.0 && since_boot / 1e6 < uptime() + 1.0, "{reloading}");
    assert_eq!(unit.next_state().await, "READY=1\nSTATUS=1 account: 0 fine, 1 not polled yet");
    assert!(exporter.page("/metrics").await.contains("interval_seconds{account=\"brand\"} 660\n"));

    fs::write(unit.config(), "pol: {}\naccounts: {}\n").unwrap();
    exporter.signal("HUP");
    assert!(unit.next_state().await.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    let failed = unit.next_state().await;
    assert!(failed.starts_with("READY=1\nSTATUS=1 account: ") && failed.contains("2 faults in"), "{failed}");

    exporter.signal("TERM");
    assert!(unit.next_state().await.starts_with("STOPPING=1\nSTATUS=stopping"));
    drop(silent);
    assert_eq!(exporter.ended().await.0, Some(0));
}

#[tokio::test]
async fn an_abstract_socket_is_as_good_and_the_status_follows_the_accounts() {
    let unit = Unit::abstractly();
    unit.configure("http://127.0.0.1:1", "10m");
    let exporter = unit.serve().await;
    assert!(unit.next().await.starts_with("READY=1\nSTATUS=1 account: "));
    assert_eq!(unit.next().await, "STATUS=1 account: 0 fine, 1 failing");
    exporter.signal("INT");
    assert!(unit.next().await.starts_with("STOPPING=1\n"));
    assert_eq!(exporter.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_service_manager_that_is_not_there_is_told_of_in_the_log() {
    let unit = Unit::new();
    unit.configure("http://127.0.0.1:1", "10m");
    fs::remove_file(&unit.socket).unwrap();
    let mut exporter = unit.serve().await;
    exporter.wait_for_log("systemd cannot be told").await;
    assert_eq!(exporter.page("/-/healthy").await, "Healthy.\n");
    exporter.stop().await;
}

#[tokio::test]
async fn what_does_not_serve_tells_nothing() {
    let unit = Unit::new();
    unit.configure("http://127.0.0.1:1", "10m");
    for flag in ["--once", "--config.check"] {
        let mut command = command(&[flag, "--config.file"]);
        ended(command.arg(unit.config()).env("NOTIFY_SOCKET", &unit.socket)).await;
    }
    let mut buffer = [0; 4096];
    assert!(unit.told.try_recv(&mut buffer).is_err());
}
