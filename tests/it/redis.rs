//! Tokens in Redis: against a real server, and byte by byte against one that only listens.

use std::net::{Ipv4Addr, TcpListener as FreePort};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Commands, Connection};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::token::{ReadOnlySource, RedisFormat, RedisSource, Template};
use wechat_material_exporter::token::read::Reader;

use crate::program::PATIENCE;
use crate::reading::{
    CANARY, IDS, inline, make_certificates, pointer, reader, refusal, secret, trust, value,
};

/// A redis-server of the test's own.
struct Server {
    dir: TempDir,
    port: u16,
    options: Vec<String>,
    child: Child,
    admin: Connection,
}

impl Server {
    async fn start(options: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), options).await
    }

    async fn start_in(dir: TempDir, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        loop {
            // Somebody else may take the port before the server does.
            let port = FreePort::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let mut child = spawn(dir.path(), port, &options);
            if let Some(admin) = answering(dir.path(), &mut child).await {
                return Self { dir, port, options, child, admin };
            }
        }
    }

    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    async fn start_again(&mut self) {
        self.child = spawn(self.dir.path(), self.port, &self.options);
        self.admin = answering(self.dir.path(), &mut self.child).await.expect("its port is still free");
    }

    fn set(&mut self, key: &str, value: impl AsRef<[u8]>) {
        self.admin.set::<_, _, ()>(key, value.as_ref()).unwrap();
    }

    fn run(&mut self, command: &str) -> ::redis::Value {
        let mut words = command.split(' ');
        let mut command = ::redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            command.arg(word);
        });
        command.query(&mut self.admin).unwrap()
    }

    /// The commands that were sent since the last `CONFIG RESETSTAT`, but for those of the test.
    fn commands(&mut self) -> Vec<String> {
        let stats: String = ::redis::cmd("INFO").arg("commandstats").query(&mut self.admin).unwrap();
        let names = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next());
        let mut names: Vec<_> =
            names.filter(|name| !["info", "config|resetstat"].contains(name)).map(str::to_owned).collect();
        names.sort();
        names
    }

    fn url(&self, login: &str) -> String {
        format!("redis://{login}127.0.0.1:{}", self.port)
    }

    fn source(&self, key: &str) -> ReadOnlySource {
        plain(&self.url(""), key)
    }
}

fn spawn(dir: &Path, port: u16, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--unixsocket", "socket"]);
    command.arg("--dir").arg(dir);
    let is_tls = options.iter().any(|option| option.starts_with("--tls"));
    let ports = if is_tls { ["--port 0", "--tls-port"] } else { ["", "--port"] };
    command.args(ports[0].split_whitespace()).args([ports[1], &port.to_string()]).args(options);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("redis-server is installed: run tests/tools/install.sh")
}

/// A connection of the test's own, over a socket file, once the server answers; nothing if it ended.
async fn answering(dir: &Path, child: &mut Child) -> Option<Connection> {
    let socket = format!("redis+unix://{}", dir.join("socket").display());
    let poll = async {
        loop {
            let connection = ::redis::Client::open(socket.as_str()).unwrap().get_connection();
            if let Ok(mut connection) = connection
                && ::redis::cmd("PING").query::<String>(&mut connection).is_ok_and(|answer| answer == "PONG")
            {
                return Some(connection);
            }
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.expect("it answers")
}

fn redis(url: &str, key: &str, format: RedisFormat, ca_file: Option<PathBuf>) -> ReadOnlySource {
    ReadOnlySource::Redis(RedisSource { url: inline(url), key: Template::new(key), format, ca_file })
}

fn plain(url: &str, key: &str) -> ReadOnlySource {
    redis(url, key, RedisFormat::Plain, None)
}

fn json(url: &str, key: &str, at: &str) -> ReadOnlySource {
    redis(url, key, RedisFormat::Json(pointer(at)), None)
}

#[tokio::test]
async fn plain_and_json_values_are_read_as_they_are_now() {
    let mut server = Server::start(&[]).await;
    let reader = reader();
    let key = "wx:access_token:{app_id}:{component_app_id}";
    for token in ["15_first", "15_second"] {
        server.set("wx:access_token:wx0123456789abcdef:wxcomponent", format!("{token}\n"));
        let read = reader.read(&server.source(key), IDS).await.unwrap();
        assert_eq!((&read.value, read.good_until), (&secret(token), None));
    }
    server.set("json", r#"{"data":{"access_token":"15_third","n":7}}"#);
    server.set("text", r#""15_fourth""#);
    let url = server.url("");
    assert_eq!(value(reader.read(&json(&url, "json", "/data/access_token"), IDS).await), secret("15_third"));
    assert_eq!(value(reader.read(&json(&url, "text", ""), IDS).await), secret("15_fourth"));
    for wrong in ["/data/n", "/data", "/missing", ""] {
        let (class, text) = refusal(reader.read(&json(&url, "json", wrong), IDS).await);
        assert_eq!(class, "decode", "{wrong}");
        assert!(text.contains(&format!("`{wrong}`")) && text.contains("the configured key at"), "{text}");
    }
}

#[tokio::test]
async fn the_time_to_live_says_how_long_a_token_is_trusted() {
    let mut server = Server::start(&[]).await;
    let reader = reader();
    for (life, expected) in [(7_200, 1_800), (1_000, 940), (30, 0)] {
        server.admin.set_ex::<_, _, ()>("key", "15_a", life).unwrap();
        let read = reader.read(&server.source("key"), IDS).await.unwrap();
        let trust = trust(&read).unwrap();
        assert!((expected.max(5) - 5..=expected).contains(&trust), "{life}: {trust}");
    }
    server.run("PERSIST key");
    assert_eq!(reader.read(&server.source("key"), IDS).await.unwrap().good_until, None);
}

#[tokio::test]
async fn values_that_are_no_token_are_refused_and_named() {
    let mut server = Server::start(&[]).await;
    let reader = reader();
    let (class, text) = refusal(reader.read(&server.source("absent"), IDS).await);
    assert_eq!(class, "decode");
    assert!(
        text.contains(&format!("the configured key at {}", server.url(""))) && !text.contains("absent"),
        "{text}"
    );
    let long = format!("{CANARY}{}", "x".repeat(512));
    let huge = CANARY.repeat(400_000);
    let java = b"\xac\xed\x00\x05t\x00\x0fcanary0password";
    let php = br#"s:15:"canary0password";"#;
    for bad in [b"".as_slice(), b"canary0password b", b"{}", java, php, long.as_bytes(), huge.as_bytes()] {
        server.set("key", bad);
        for source in [server.source("key"), json(&server.url(""), "key", "/token")] {
            let (class, text) = refusal(reader.read(&source, IDS).await);
            assert_eq!(class, "decode", "{text}");
            assert!(text.contains("the configured key at") && !text.contains(CANARY), "{text}");
        }
    }
    server.run("DEL key");
    server.run("LPUSH key 15_a");
    let (class, text) = refusal(reader.read(&server.source("key"), IDS).await);
    assert_eq!(class, "decode");
    assert!(text.contains("type"), "{text}");
}

#[tokio::test]
async fn the_key_is_not_shown() {
    let mut server = Server::start(&[]).await;
    let source = server.source(CANARY);
    assert!(!format!("{source:?}").contains(CANARY), "{source:?}");
    let (class, absent) = refusal(reader().read(&source, IDS).await);
    assert_eq!(class, "decode");
    server.set(CANARY, "a b");
    let (class, wrong) = refusal(reader().read(&source, IDS).await);
    assert_eq!(class, "decode");
    server.run(&format!("DEL {CANARY}"));
    server.run(&format!("LPUSH {CANARY} 15_a"));
    let (class, list) = refusal(reader().read(&source, IDS).await);
    assert_eq!(class, "decode");
    server.run("ACL SETUSER default resetkeys ~x");
    let (class, refused) = refusal(reader().read(&source, IDS).await);
    assert_eq!(class, "secret");
    for text in [absent, wrong, list, refused] {
        assert!(text.contains("the configured key at redis://") && !text.contains(CANARY), "{text}");
    }
}

#[tokio::test]
async fn a_command_that_is_unknown_is_told_without_the_key() {
    let mut server = Server::start(&["--rename-command", "GET", "READ"]).await;
    server.set("other", "15_a");
    let (class, text) = refusal(reader().read(&server.source(CANARY), IDS).await);
    assert_eq!(class, "request");
    assert!(text.contains("GET was refused: ERR unknown command") && !text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn only_get_and_pttl_are_sent() {
    let mut server = Server::start(&[]).await;
    server.set("key", "15_a");
    server.run("CONFIG RESETSTAT");
    let reader = reader();
    for _ in 0..3 {
        assert_eq!(value(reader.read(&server.source("key"), IDS).await), secret("15_a"));
    }
    assert_eq!(server.commands(), ["get", "pttl"]);
}

#[tokio::test]
async fn a_password_is_used_and_a_wrong_one_is_told_apart() {
    let mut server = Server::start(&[]).await;
    server.set("key", "15_a");
    server.run("CONFIG SET requirepass canary0password/#");
    server.run("CONFIG RESETSTAT");
    let reader = reader();
    let right = plain(&server.url(":canary0password%2F%23@"), "key");
    assert_eq!(value(reader.read(&right, IDS).await), secret("15_a"));
    assert_eq!(server.commands(), ["auth", "get", "pttl"]);
    for login in ["", ":canary0password%2F@", "canary0password:canary0password@"] {
        let read = reader.read(&plain(&server.url(login), "key"), IDS).await;
        let debug = format!("{read:?}");
        let (class, text) = refusal(read);
        assert_eq!(class, "secret", "{text}");
        assert!(text.contains(&server.url("")), "{text}");
        assert!(!text.contains(CANARY) && !debug.contains(CANARY), "{text} {debug}");
    }
}

#[tokio::test]
async fn a_user_that_may_only_read_is_enough() {
    let mut server = Server::start(&[]).await;
    server.set("wx:a", "15_a");
    server.set("other", "15_b");
    server.run("ACL SETUSER canary0password on >canary0password ~wx:* +get +pttl");
    server.run("ACL SETUSER default off");
    let reader = reader();
    let login = server.url(&format!("{CANARY}:{CANARY}@"));
    assert_eq!(value(reader.read(&plain(&login, "wx:a"), IDS).await), secret("15_a"));
    for (url, key) in [(login.clone(), "other"), (format!("{login}/3"), "wx:a"), (server.url(""), "wx:a")] {
        let (class, text) = refusal(reader.read(&plain(&url, key), IDS).await);
        assert_eq!(class, "secret", "{text}");
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[tokio::test]
async fn a_database_of_the_url_is_selected() {
    let mut server = Server::start(&[]).await;
    server.run("SELECT 3");
    server.set("key", "15_a");
    let reader = reader();
    assert_eq!(
        value(reader.read(&plain(&format!("{}/3", server.url("")), "key"), IDS).await),
        secret("15_a")
    );
    assert_eq!(refusal(reader.read(&server.source("key"), IDS).await).0, "decode");
    let (class, text) = refusal(reader.read(&plain(&format!("{}/99", server.url("")), "key"), IDS).await);
    assert_eq!(class, "request");
    assert!(text.contains("database 99"), "{text}");
}

#[tokio::test]
async fn a_server_that_restarts_costs_no_read() {
    let mut server = Server::start(&[]).await;
    let reader = reader();
    for _ in 0..3 {
        server.set("key", "15_a");
        assert_eq!(value(reader.read(&server.source("key"), IDS).await), secret("15_a"));
        server.kill().await;
        let (class, text) = refusal(reader.read(&server.source("key"), IDS).await);
        assert_eq!(class, "network", "{text}");
        server.start_again().await;
        server.set("key", "15_b");
        assert_eq!(value(reader.read(&server.source("key"), IDS).await), secret("15_b"));
        server.kill().await;
        server.start_again().await;
    }
    server.set("key", "15_c");
    assert_eq!(value(reader.read(&server.source("key"), IDS).await), secret("15_c"));
    server.run("CLIENT KILL TYPE normal SKIPME yes");
    assert_eq!(value(reader.read(&server.source("key"), IDS).await), secret("15_c"));
}

#[tokio::test]
async fn all_readers_of_one_url_share_a_connection() {
    let mut server = Server::start(&[]).await;
    for n in 0..50 {
        server.set(&format!("key{n}"), format!("15_{n}"));
    }
    let reader = Arc::new(reader());
    let mut reads = JoinSet::new();
    for n in 0..50 {
        let (reader, source) = (Arc::clone(&reader), server.source(&format!("key{n}")));
        reads.spawn(async move {
            assert_eq!(value(reader.read(&source, IDS).await), secret(&format!("15_{n}")));
        });
    }
    reads.join_all().await;
    let clients: String = ::redis::cmd("CLIENT").arg("LIST").query(&mut server.admin).unwrap();
    assert_eq!(clients.lines().count(), 2, "the reader's and the test's: {clients}");
}

#[tokio::test]
async fn tls_is_checked_against_the_ca_file() {
    let dir = TempDir::new().unwrap();
    make_certificates(dir.path()).await;
    let ca_file = dir.path().join("ca.pem");
    let options =
        ["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-auth-clients", "no"];
    let options = [&options[..], &["--tls-ca-cert-file", "ca.pem"]].concat();
    let mut server = Server::start_in(dir, &options).await;
    server.set("key", "15_tls");
    let reader = reader();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("rediss://{host}:{}", server.port);
        let source = redis(&url, "key", RedisFormat::Plain, Some(ca_file.clone()));
        assert_eq!(value(reader.read(&source, IDS).await), secret("15_tls"));
        let (class, text) = refusal(reader.read(&plain(&url, "key"), IDS).await);
        assert_eq!(class, "network");
        assert!(text.contains(&url), "{text}");
    }
    let insecure = plain(&format!("rediss://:{CANARY}@localhost:{}/#insecure", server.port), "key");
    let (class, text) = refusal(reader.read(&insecure, IDS).await);
    assert_eq!(class, "request");
    assert!(!text.contains(CANARY), "{text}");
    assert_eq!(refusal(reader.read(&server.source("key"), IDS).await).0, "network", "not TLS");
}

#[tokio::test]
async fn nothing_is_sent_but_the_two_commands() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = plain(&format!("redis://{}?protocol=resp3", listener.local_addr().unwrap()), "key");
    let expected = b"*2\r\n$4\r\nPTTL\r\n$3\r\nkey\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = vec![0; expected.len()];
        stream.read_exact(&mut sent).await.unwrap();
        stream.write_all(b":-1\r\n$4\r\n15_a\r\n").await.unwrap();
        (sent, stream)
    };
    let reader = reader();
    let (read, (sent, _stream)) = tokio::join!(reader.read(&source, IDS), serve);
    assert_eq!((value(read), sent), (secret("15_a"), expected.to_vec()));
}

#[tokio::test]
async fn a_server_that_is_silent_or_no_redis_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = reader();
    let (class, text) = refusal(silent.read(&plain(&format!("redis://{address}"), "key"), IDS).await);
    assert_eq!(class, "network");
    assert!(text.contains("timed out"), "{text}");
    let hasty = Reader::new(Duration::from_millis(50), Clock::System);
    for url in [format!("rediss://{address}"), format!("redis://:{CANARY}@{address}")] {
        let (class, text) = refusal(hasty.read(&plain(&url, "key"), IDS).await);
        assert_eq!(class, "network");
        assert!(text.contains("timed out") && !text.contains(CANARY), "{text}");
    }
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut stream, _) = other.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    // Without a log-in the library tells only that it gave the connection up.
    for (login, expected) in [("", "network"), (":canary0password@", "decode")] {
        let source = plain(&format!("redis://{login}{address}"), "key");
        let (class, text) = refusal(silent.read(&source, IDS).await);
        assert_eq!(class, expected);
        assert!(text.contains(&format!("redis://{address}")) && !text.contains(CANARY), "{text}");
    }
    for url in ["redis://[canary0password", "redis://h/canary0password", "http://canary0password"] {
        let (class, text) = refusal(silent.read(&plain(url, "key"), IDS).await);
        assert_eq!(class, "request");
        assert!(!text.contains(CANARY), "{text}");
    }
}
