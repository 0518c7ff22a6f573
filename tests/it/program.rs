//! The real binary as a child process: started, watched through its pages and output, ended.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Longest wait for anything. Generous: machines are slow, and a pass does not wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Has it listen where nobody else does.
pub(crate) const FREE_PORT: &str = "--web.listen-address=127.0.0.1:0";

/// The binary with an environment of its own.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-material-exporter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WECHAT_EXPORTER")) {
        command.env_remove(name);
    }
    // The tests may run in a service themselves.
    command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// What comes within [`PATIENCE`].
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Waits for something that tells nobody when it comes.
pub(crate) async fn eventually(what: &str, done: impl Fn() -> bool) {
    looked_for(what, Duration::from_millis(5), async || done().then_some(())).await;
}

/// As [`eventually`], where looking costs another program something.
pub(crate) async fn found<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    looked_for(what, Duration::from_millis(20), look).await
}

async fn looked_for<T>(what: &str, pause: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(pause).await;
        }
    };
    within(what, wait).await
}

/// How `actual` differs from the text file beside `path`, which `UPDATE_EXPECTED` writes anew.
pub(crate) fn unexpected(path: &Path, actual: &str) -> Option<String> {
    let expected_path = path.with_extension("txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected_path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    (actual != expected).then(|| format!("{}\nexpected:\n{expected}actual:\n{actual}", path.display()))
}

/// Runs to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    tokio::time::timeout(PATIENCE, command(args).output()).await.expect("the program ends").unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a tool on a page. Exit code and all it said.
pub(crate) async fn feed(program: &str, args: &[&str], page: &[u8]) -> (Option<i32>, String) {
    let spawned = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("cannot run {program}, see `make test`: {error}"));
    child.stdin.take().unwrap().write_all(page).await.unwrap();
    let output =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("the tool ends").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code(), said)
}

/// An exporter that serves.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// What was read of its stderr so far.
    pub(crate) log: String,
    stderr: BufReader<ChildStderr>,
    /// What was read of its stdout so far.
    out: String,
    stdout: BufReader<ChildStdout>,
}

impl Serving {
    /// Starts with `args` on a free port and waits for the line that says where it listens.
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::spawn(command(args)).await
    }

    pub(crate) async fn spawn(mut command: Command) -> Self {
        Self::watch(command.arg(FREE_PORT).spawn().unwrap()).await
    }

    /// Waits until a child that was started on [`FREE_PORT`] says where it listens.
    pub(crate) async fn watch(mut child: Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (url, log, out) = Default::default();
        let mut serving = Self { child, url, log, stderr, out, stdout };
        let line = serving.wait_for_line("listening").await;
        let (_, rest) = line.split_once("listening").unwrap();
        let address = rest.trim_start_matches(['=', '"', ':']).split([' ', '"', '\n', ',']).next().unwrap();
        serving.url = format!("http://{address}");
        serving
    }

    /// Waits for the next line of its log that holds `wanted`.
    pub(crate) async fn wait_for_line(&mut self, wanted: &str) -> String {
        let read = async {
            loop {
                let mut line = String::new();
                let length = self.stderr.read_line(&mut line).await.unwrap();
                assert!(length > 0, "ended before it wrote `{wanted}`:\n{}", self.log);
                self.log.push_str(&line);
                if line.contains(wanted) {
                    break line;
                }
            }
        };
        let came = tokio::time::timeout(PATIENCE, read).await;
        came.unwrap_or_else(|_| panic!("it never wrote `{wanted}`:\n{}", self.log))
    }

    /// The body of a page, whatever its status.
    pub(crate) async fn page(&self, path: &str) -> String {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap().text().await.unwrap()
    }

    /// Waits until a page is as wanted.
    pub(crate) async fn wait_for(&self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut page = String::new();
        let poll = async {
            loop {
                page = self.page(path).await;
                if wanted(&page) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, poll).await;
        assert!(came.is_ok(), "{path} never came to what was wanted:\n{page}");
        page
    }

    /// Waits until it takes no more connections.
    pub(crate) async fn wait_for_end_of_service(&self) {
        let address = self.url.strip_prefix("http://").unwrap();
        let refused = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, refused).await.expect("it stops to serve");
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has written a line of this text to stderr.
    pub(crate) async fn wait_for_log(&mut self, wanted: &str) {
        let read = async {
            while !self.log.contains(wanted) {
                assert!(self.stderr.read_line(&mut self.log).await.unwrap() > 0, "ended:\n{}", self.log);
            }
        };
        let came = tokio::time::timeout(PATIENCE, read).await;
        assert!(came.is_ok(), "never logged `{wanted}`:\n{}", self.log);
    }

    /// Waits until it has written a line of this text to stdout.
    pub(crate) async fn wait_for_output(&mut self, wanted: &str) {
        let read = async {
            while !self.out.contains(wanted) {
                assert!(self.stdout.read_line(&mut self.out).await.unwrap() > 0, "ended:\n{}", self.out);
            }
        };
        let came = tokio::time::timeout(PATIENCE, read).await;
        assert!(came.is_ok(), "never wrote `{wanted}`:\n{}", self.out);
    }

    /// Ends it as a crash does.
    pub(crate) async fn kill(self) {
        self.signal("KILL");
        assert_eq!(self.ended().await.0, None);
    }

    /// Ends it in order; what it wrote to stderr.
    pub(crate) async fn stop(self) -> String {
        self.signal("TERM");
        let (code, _, log) = self.ended().await;
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Waits for the end. Exit code and all of stdout and stderr.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String, String) {
        let end = async {
            self.stdout.read_to_string(&mut self.out).await.unwrap();
            self.stderr.read_to_string(&mut self.log).await.unwrap();
            (self.child.wait().await.unwrap().code(), self.out, self.log)
        };
        tokio::time::timeout(PATIENCE, end).await.expect("it ends")
    }
}
