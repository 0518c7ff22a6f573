//! A new user who follows a guide: in a copy of the project, with the binary on the path, line by line.
//!
//! Only what would need a machine or an account of one's own is different: ports are free ones, `/etc`,
//! `/usr` and `/var` lie below a directory of the walk, and the API is the simulator.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wechat_material_exporter::simulator::scenario::Scenario;

use super::commands::Command;
use super::{Guide, elsewhere, shell};
use crate::app::Simulated;
use crate::program::{PATIENCE, command};
use crate::tools::{Daemon, Generation, root};

const BINARY: &str = env!("CARGO_BIN_EXE_wechat-material-exporter");

/// The ports that guides speak of.
const EXPORTER: &str = "19870";
const PROMETHEUS: &str = "9090";
const ALERTMANAGER: &str = "9093";

/// What a user types where a command reads the terminal: the secret of the README's account.
const TYPED: &str = "the-app-secret\n";
const ACCOUNT: &str =
    "accounts: {brand-main: {app_id: wx0123456789abcdef, secret: the-app-secret, counts: {image: 2200}}}";

/// Directories of a machine that commands install into.
const MACHINE: &[&str] =
    &["etc/default", "etc/prometheus/rules", "etc/systemd/system", "usr/bin", "var/lib/grafana"];

pub(super) struct Walk {
    directory: TempDir,
    simulated: Simulated,
    /// Those of the guides, and those taken for them.
    ports: [(&'static str, String); 3],
    exporter: Option<Child>,
    /// What else serves until the end.
    others: Vec<Child>,
    logs: JoinSet<std::io::Result<u64>>,
}

impl Walk {
    /// Follows a guide to its end. What is not the README is read by one who has followed that.
    pub(super) async fn through(guide: &Guide) -> Result<(), String> {
        let mut walk = Self::new().await;
        if guide.path != "README.md" {
            walk.stand_where_the_readme_ends();
        }
        let speaks_to = |port: &str| {
            let address = format!("localhost:{port}");
            guide
                .commands()
                .iter()
                .any(|command| command.text.replace("127.0.0.1", "localhost").contains(&address))
        };
        let _alertmanager =
            if speaks_to(ALERTMANAGER) { Some(walk.start_alertmanager().await) } else { None };
        if speaks_to(EXPORTER) && guide.path != "README.md" {
            walk.serve("wechat-material-exporter --web.enable-lifecycle").await?;
        }
        for fence in guide.fences() {
            if let Some(file) = &fence.file {
                fs::write(walk.project().join(file), &fence.body).unwrap();
            }
            for command in fence.commands().iter().filter(|command| elsewhere::of(command).is_none()) {
                let at = format!("{}:{}: `{}`", guide.path, command.line, command.text);
                walk.run(command).await.map_err(|trouble| format!("{at}: {trouble}"))?;
            }
        }
        walk.end_exporter().await
    }

    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(Scenario::from_yaml(ACCOUNT, "walk").unwrap()).await;
        let ports = [EXPORTER, PROMETHEUS, ALERTMANAGER].map(|port| (port, free_port()));
        let walk =
            Self { directory, simulated, ports, exporter: None, others: Vec::new(), logs: JoinSet::new() };
        for name in MACHINE {
            fs::create_dir_all(walk.machine().join(name)).unwrap();
        }
        for name in ["project", "bin"] {
            fs::create_dir(walk.directory.path().join(name)).unwrap();
        }
        let mut copy = std::process::Command::new("cp");
        copy.args(["-a", "config", "deploy"]).arg(walk.project()).current_dir(root());
        assert!(copy.status().unwrap().success());
        symlink(BINARY, walk.directory.path().join("bin/wechat-material-exporter")).unwrap();
        symlink(BINARY, walk.project().join("wechat-material-exporter")).unwrap();
        // An answer that says no fails the command.
        fs::write(walk.directory.path().join(".curlrc"), "fail\nsilent\nshow-error\n").unwrap();
        let prometheus = walk.project().join("deploy/prometheus/prometheus.yml");
        let faster = fs::read_to_string(&prometheus).unwrap().replace("1m", "1s").replace("30s", "1s");
        fs::write(prometheus, walk.with_ports(&faster)).unwrap();
        walk
    }

    /// Where the user is.
    fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    fn machine(&self) -> PathBuf {
        self.directory.path().join("machine")
    }

    /// With the files that the README has one make, and the rules where Prometheus looks.
    fn stand_where_the_readme_ends(&self) {
        for fence in Guide::read("README.md").fences() {
            if let Some(file) = &fence.file {
                fs::write(self.project().join(file), &fence.body).unwrap();
            }
        }
        fs::create_dir(self.project().join("secrets")).unwrap();
        fs::write(self.project().join("secrets/brand-main"), TYPED).unwrap();
        let rules = "wechat-material-exporter.rules.yml";
        let shipped = root().join("deploy/prometheus/rules").join(rules);
        fs::copy(shipped, self.machine().join("etc/prometheus/rules").join(rules)).unwrap();
    }

    async fn start_alertmanager(&mut self) -> Daemon {
        let config = self.directory.path().join("alertmanager.yml");
        fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").unwrap();
        let config = format!("--config.file={}", config.display());
        let storage = format!("--storage.path={}", self.directory.path().join("alerts").display());
        let program = Generation::Newer.program("prometheus-alertmanager");
        let daemon = Daemon::start(&program, &[&config, &storage, "--cluster.listen-address="]).await;
        let port = daemon.url.rsplit(':').next().expect("there is a part").to_owned();
        self.ports[2] = (ALERTMANAGER, port);
        daemon
    }

    fn with_ports(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (named, taken)| {
            text.replace(&format!(":{named}"), &format!(":{taken}"))
        })
    }

    fn port(&self, named: &str) -> &str {
        &self.ports.iter().find(|(port, _)| *port == named).expect("it is one of them").1
    }

    /// What the shell gets: paths of the machine are the walk's, ports those that were taken.
    fn shell(&self, text: &str) -> Process {
        let machine = format!("{}/", self.machine().display());
        let mut text = self.with_ports(text);
        for top in ["etc/", "usr/", "var/"] {
            for before in [" ", "=", ">"] {
                text = text.replace(&format!("{before}/{top}"), &format!("{before}{machine}{top}"));
            }
        }
        // Its environment alone is of use: no variables of ours, no systemd.
        let mut shell = Process::new("sh");
        for (name, value) in command(&[]).as_std().get_envs() {
            if value.is_none() {
                shell.env_remove(name);
            }
        }
        let newer = root().join(".tools/prometheus-3/usr/bin");
        let path = std::env::var("PATH").unwrap();
        shell
            .args(["-ec", &text])
            .current_dir(self.project())
            .env("PATH", format!("{}/bin:{}:{path}", self.directory.path().display(), newer.display()))
            .env("CURL_HOME", self.directory.path())
            .env("WECHAT_EXPORTER__API__BASE_URL", &self.simulated.url)
            .env("WECHAT_EXPORTER_WEB_LISTEN_ADDRESS", format!("127.0.0.1:{}", self.port(EXPORTER)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        shell
    }

    async fn run(&mut self, command: &Command) -> Result<(), String> {
        if serves(&command.text) {
            return self.serve(&command.text).await;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.run_to_the_end(&command.text).await?;
            // Prometheus answers with nothing until it has scraped.
            if !command.text.starts_with("promtool query") || !said.trim().is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err("answers with nothing".into());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn run_to_the_end(&self, text: &str) -> Result<String, String> {
        let mut child = self.shell(text).spawn().unwrap();
        // Most commands do not listen.
        child.stdin.take().expect("it is piped").write_all(TYPED.as_bytes()).await.ok();
        let ended = timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.map_err(|_| "does not end".to_owned())?.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        Err(format!("{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    /// Starts what serves until somebody ends it, and waits until it does.
    async fn serve(&mut self, text: &str) -> Result<(), String> {
        let is_prometheus = text.starts_with("prometheus");
        let mut line = format!("exec {text}");
        if is_prometheus {
            line.push_str(" --web.listen-address=127.0.0.1:");
            line.push_str(PROMETHEUS);
        } else {
            self.end_exporter().await?;
        }
        let mut child = self.shell(&line).stdout(Stdio::null()).spawn().unwrap();
        let port = self.port(if is_prometheus { PROMETHEUS } else { EXPORTER });
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        let deadline = Instant::now() + PATIENCE;
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            let ended = child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                child.start_kill().ok();
                let mut said = String::new();
                child.stderr.take().expect("it is piped").read_to_string(&mut said).await.unwrap();
                return Err(format!("does not serve: {said}"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        // Nobody needs its log, but its writer must not wait.
        let mut log = child.stderr.take().expect("it is piped");
        self.logs.spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        if is_prometheus {
            self.others.push(child);
        } else {
            self.exporter = Some(child);
        }
        Ok(())
    }

    /// Ctrl-C, as before one starts another on the same port.
    async fn end_exporter(&mut self) -> Result<(), String> {
        let Some(mut child) = self.exporter.take() else { return Ok(()) };
        let id = child.id().expect("it was not waited for").to_string();
        assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        let status =
            timeout(PATIENCE, child.wait()).await.map_err(|_| "Ctrl-C does not end it".to_owned())?.unwrap();
        if status.success() { Ok(()) } else { Err(format!("Ctrl-C ends it with {status}")) }
    }
}

/// Whether a command goes on until somebody ends it.
fn serves(text: &str) -> bool {
    let ends = ["--once", "--config.check", "--version", "--help", "doctor", "health"];
    match shell::programs(text).as_slice() {
        [program] if program == "prometheus" => true,
        [program] if program == "wechat-material-exporter" => {
            !text.split(' ').any(|word| ends.contains(&word))
        }
        _ => false,
    }
}

/// Programs that cannot say which port they took get one that nobody has.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}
