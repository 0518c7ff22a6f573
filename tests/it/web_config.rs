//! The file of `--web.config.file`: what it may say, and that the exporter keeps to it, as clients see it.

mod certificates;
mod clients;
mod files;
mod flood;
mod handshake;
mod health;
mod passwords;
mod pki;
mod scraped;
mod versions;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, Response};
use tempfile::TempDir;
use tokio::process::Command;
use wechat_material_exporter::simulator::scenario::Scenario;

use self::pki::{LOCALHOST, Names, Pki};
use crate::app::Simulated;
use crate::program::{Serving, command, within};

/// Hashes of the passwords `right` and `other`, of cost 4, which takes no time.
const RIGHT: &str = "$2b$04$QFZ2ZXj6nYVRSPXZXaOTiej14PNwWBXKtSj4YJHeyqR/jsimnxnpS";
const OTHER: &str = "$2y$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu";
/// As [`RIGHT`], of the cost that people use.
const RIGHT_10: &str = "$2a$10$QFZ2ZXj6nYVRSPXZXaOTienHBXRsjMFcFkT9h.aFs3aHDLTu0fx2G";
const EXPIRY: &str = "wechat_exporter_tls_certificate_expiry_timestamp_seconds";
const SUCCESSFUL: &str = "wechat_exporter_config_last_reload_successful";

/// TLS with the certificate `server`.
const TLS: &str = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n";

/// A directory with the files of an exporter that polls one simulated account.
struct Site {
    dir: TempDir,
    simulated: Simulated,
}

impl Site {
    /// With the CA `ca` and a certificate `server` of it.
    async fn start() -> Self {
        let simulated = Simulated::start(Scenario::generated(1)).await;
        let site = Self { dir: tempfile::tempdir().unwrap(), simulated };
        let url = &site.simulated.url;
        let account = "{app_id: wx0000000000000000, token: {app_secret: simulated-secret-0}}";
        let budget = "budget: {allow_over_budget: true}\npoll: {interval: 1s}\n";
        site.write(
            "exporter.yaml",
            &format!("api: {{base_url: '{url}'}}\n{budget}accounts: {{brand: {account}}}\n"),
        );
        site.pki().sign("server", LOCALHOST);
        site
    }

    /// The CA, made at the first call.
    fn pki(&self) -> Pki<'_> {
        Pki::of(self.dir.path(), "ca")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file as one: nobody reads half of it.
    fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, self.path(name)).unwrap();
    }

    /// Puts a certificate and its key in the place of others.
    fn install(&self, from: &str, to: &str) {
        for extension in ["pem", "key"] {
            let text = fs::read_to_string(self.path(&format!("{from}.{extension}"))).unwrap();
            self.write(&format!("{to}.{extension}"), &text);
        }
    }

    /// The exporter with this web configuration.
    fn command(&self, web: &str, flags: &[&str]) -> Command {
        self.write("web.yml", web);
        let mut command = command(&["--log.level=debug", "--web.enable-lifecycle", "--config.file"]);
        command
            .arg(self.path("exporter.yaml"))
            .arg("--web.config.file")
            .arg(self.path("web.yml"))
            .args(flags);
        command
    }

    async fn serve(&self, web: &str, flags: &[&str]) -> Serving {
        let mut serving = Serving::spawn(self.command(web, flags)).await;
        if web.contains("tls_server_config") {
            serving.url = serving.url.replace("http://", "https://");
        }
        serving
    }

    /// A client that trusts the CA.
    fn client(&self) -> ClientBuilder {
        let ca = Certificate::from_pem(self.pki().read("ca.pem").as_bytes()).unwrap();
        Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(50))
    }

    /// As [`Site::client`], with a certificate of its own.
    fn client_with(&self, name: &str) -> Client {
        let pem = self.pki().read(&format!("{name}.key")) + &self.pki().read(&format!("{name}.pem"));
        self.client().identity(Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
    }

    /// What openssl's client says about a connection; whether it stood.
    async fn s_client(&self, serving: &Serving, more: &str) -> (bool, String) {
        let address = serving.url.strip_prefix("https://").unwrap();
        let ca = self.path("ca.pem");
        let child = Command::new("openssl")
            .args(["s_client", "-connect", address, "-verify_return_error", "-CAfile"])
            .arg(ca)
            .args(more.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let output = within("openssl", child.unwrap().wait_with_output()).await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// The status and body of an answer.
async fn told(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value of a series on a page.
fn value<'p>(page: &'p str, series: &str) -> Option<&'p str> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}
