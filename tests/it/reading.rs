//! What the tests of token sources share: a reader, what it is given, what comes of it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;
use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::token::{Ids, Pointer};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::token::read::{ExternalToken, Reader};
use wechat_material_exporter::wechat::error::{ApiError, Failure, Step};

/// Whoever reads.
pub(crate) const IDS: Ids<'_> = Ids { app_id: "wx0123456789abcdef", component_app_id: "wxcomponent" };
/// Stands in every place that no message may show.
pub(crate) const CANARY: &str = "canary0password";
/// The wall time at which the tests begin, in seconds.
pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text.to_owned()))
}

pub(crate) fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

/// A reader whose wall clock begins at [`NOW`].
pub(crate) fn reader() -> Reader {
    let wall = WallTime::from_millis(NOW * 1_000);
    Reader::new(Duration::from_secs(2), Clock::Anchored { wall, since: Instant::now() })
}

/// The class and the text of a failure.
pub(crate) fn refusal(read: Result<ExternalToken, Failure>) -> (&'static str, String) {
    let failure = read.expect_err("it is refused");
    let text = failure.to_string();
    (ApiError { step: Step::Source("test"), failure }.class().label(), text)
}

/// The token of a good read.
pub(crate) fn value(read: Result<ExternalToken, Failure>) -> Secret {
    read.expect("there is a token").value
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// Seconds from now until another look, rounded.
pub(crate) fn trust(token: &ExternalToken) -> Option<u64> {
    token.good_until.map(|at| (at - Instant::now() + Duration::from_millis(500)).as_secs())
}

/// A CA `ca.pem` and a certificate of it, `server.pem` and `server.key`, for localhost.
pub(crate) async fn make_certificates(dir: &Path) {
    const SCRIPT: &str = r"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=Test CA'
        openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj '/CN=localhost'
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
            -out server.pem";
    let made = Command::new("sh").args(["-euc", SCRIPT]).current_dir(dir).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A TLS server on a free port of 127.0.0.1 with the certificate in `dir`, until it is dropped.
/// `mode` is what it does with a request.
pub(crate) async fn openssl_server(dir: &Path, mode: &str) -> (impl Sized + use<>, u16) {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key", mode]);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("it says where it listens");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            let port = address.rsplit(':').next().unwrap().parse().unwrap();
            // It would not outlive a closed stdout.
            return ((server, lines), port);
        }
    }
}
