//! Files in, configurations or exact faults out.

use std::fs;
use std::path::Path;

use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::web::{LoadedWeb, load_web};

use super::*;
use crate::program::{text, unexpected};

/// What is told of a file: its faults, or that it is loaded and the warnings.
fn outcome(path: &Path, now: WallTime) -> String {
    match load_web(path, now) {
        Ok(LoadedWeb { warnings, .. }) => {
            warnings.iter().fold("loaded\n".to_owned(), |text, warning| format!("{text}warning: {warning}\n"))
        }
        Err(broken) => format!("{}\n", broken.faults),
    }
}

/// Every file has its faults or warnings beside it in a `.txt`.
#[test]
fn every_rule_has_its_exact_faults() {
    let directory = "tests/it/testdata/web/";
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    assert!(paths.len() > 15, "the files were found");
    let mut wrong = Vec::new();
    for path in paths {
        let actual = outcome(&path, WallTime::from_millis(0)).replace(directory, "");
        let is_fine = path.file_name().unwrap().to_str().unwrap().starts_with("fine-");
        assert_eq!(is_fine, actual.starts_with("loaded"), "{}: {actual}", path.display());
        assert!(!actual.contains("canary"), "{}: {actual}", path.display());
        wrong.extend(unexpected(&path, &actual));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A directory with a CA, `good`, and what is wrong in one way each.
fn pki(directory: &Path) -> Pki<'_> {
    let pki = Pki::of(directory, "ca");
    pki.sign("good", LOCALHOST);
    pki.sign_as_of_old("old");
    pki.openssl("pkey -in good.key -aes128 -passout pass:canary -out encrypted.key");
    pki.openssl("rsa -in old.key -traditional -aes128 -passout pass:canary -out encrypted-old.key");
    pki.openssl("rsa -in old.key -traditional -out traditional.key");
    pki.openssl("genrsa -out weak.key 1024");
    pki.openssl("genpkey -algorithm x25519 -out useless.key");
    fs::write(pki.path("cut.pem"), pki.read("good.pem").split_once("-----END").unwrap().0).unwrap();
    fs::write(pki.path("noise.pem"), "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n")
        .unwrap();
    fs::write(pki.path("empty.pem"), "").unwrap();
    fs::write(pki.path("binary.pem"), [0xff; 100]).unwrap();
    pki
}

#[test]
fn every_way_a_certificate_can_be_wrong_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let pki = pki(directory.path());
    let whole = "give each certificate whole, from its line BEGIN CERTIFICATE to END CERTIFICATE";
    let key = "give one private key, from its line BEGIN … PRIVATE KEY to its END line";
    let decrypt = "decrypt it: nobody is there to type its password";
    let kind = "give a key of RSA (2048 to 8192 bits), ECDSA (P-256, P-384, P-521) or Ed25519";
    for (certificate, private_key, fault) in [
        ("good.key", "good.key", format!("cert_file: no certificate in it: {whole}")),
        ("empty.pem", "good.key", format!("cert_file: no certificate in it: {whole}")),
        ("binary.pem", "good.key", format!("cert_file: no certificate in it: {whole}")),
        ("cut.pem", "good.key", format!("cert_file: not PEM: {whole}")),
        ("noise.pem", "good.key", "cert_file: a certificate that cannot be read: make it anew".to_owned()),
        (
            "old.pem",
            "old.key",
            "cert_file: a certificate of an old version of X.509: make one with the extension subjectAltName, which names the exporter's hosts".to_owned(),
        ),
        ("good.pem", "good.pem", format!("key_file: no private key in it: {key}")),
        ("good.pem", "encrypted.key", format!("key_file: an encrypted private key: {decrypt}")),
        ("good.pem", "encrypted-old.key", format!("key_file: an encrypted private key: {decrypt}")),
        ("good.pem", "weak.key", format!("key_file: a private key that cannot be used: {kind}")),
        ("good.pem", "useless.key", format!("key_file: a private key that cannot be used: {kind}")),
        (
            "good.pem",
            "traditional.key",
            "key_file: the key of another certificate: give the key of the first certificate in `cert_file`".to_owned(),
        ),
    ] {
        let path = pki.path("web.yml");
        fs::write(&path, format!("tls_server_config: {{cert_file: {certificate}, key_file: {private_key}}}\n")).unwrap();
        let told = outcome(&path, Clock::System.now());
        assert_eq!(told, format!("{}: tls_server_config.{fault}\n", path.display()), "{certificate} {private_key}");
    }
    for (ca, fault) in [
        ("empty.pem", format!("client_ca_file: no certificate in it: {whole}")),
        ("noise.pem", "client_ca_file: a certificate that cannot be read: give the certificates of CAs".to_owned()),
        ("ca.pem", "client_auth_type: a CA for client certificates, and none is asked for: set it to RequireAndVerifyClientCert".to_owned()),
    ] {
        let path = pki.path("web.yml");
        let web = format!("tls_server_config: {{cert_file: good.pem, key_file: good.key, client_ca_file: {ca}}}\n");
        fs::write(&path, web).unwrap();
        let told = outcome(&path, Clock::System.now());
        assert_eq!(told, format!("{}: tls_server_config.{fault}\n", path.display()), "{ca}");
    }
}

#[test]
fn inline_texts_are_as_good_as_files() {
    let directory = tempfile::tempdir().unwrap();
    let pki = pki(directory.path());
    let block = |name: &str| pki.read(name).replace('\n', "\n    ").trim_end().to_owned();
    let web = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n  client_ca: |\n    {}\n  client_auth_type: RequireAndVerifyClientCert\n",
        block("good.pem"),
        block("good.key"),
        block("ca.pem"),
    );
    let path = pki.path("web.yml");
    fs::write(&path, web).unwrap();
    let told = outcome(&path, Clock::System.now());
    let place = format!("{}: tls_server_config.key", path.display());
    assert_eq!(
        told,
        format!("loaded\nwarning: {place}: in a file that others may read: set its mode to 0600 or 0400\n")
    );
    // Before it begins, and after it has ended.
    let told = outcome(&path, WallTime::from_millis(0));
    assert!(told.contains("tls_server_config.cert: a certificate that begins at 20"), "{told}");
    let told = outcome(&path, WallTime::from_millis(4_102_444_800_000));
    assert!(told.contains("tls_server_config.cert: a certificate that ended at 20"), "{told}");
}

/// The example is what it says, here and to Prometheus's own tool.
#[tokio::test]
async fn the_example_is_valid_here_and_for_promtool() {
    let site = Site::start().await;
    site.install("server", "exporter");
    site.write("clients-ca.pem", &site.pki().read("ca.pem"));
    let example = fs::read_to_string("config/web-config.example.yml").unwrap();
    let path = site.path("web.yml");
    site.write("web.yml", &example);
    let set_mode = std::process::Command::new("chmod").arg("600").arg(site.path("exporter.key")).status();
    assert!(set_mode.unwrap().success());
    assert_eq!(outcome(&path, Clock::System.now()), "loaded\n");
    let promtool = Command::new("promtool").args(["check", "web-config"]).arg(&path).output().await.unwrap();
    assert!(promtool.status.success(), "{}", String::from_utf8_lossy(&promtool.stderr));

    let exporter = site.serve(&example, &[]).await;
    site.pki().sign("prometheus", Names("DNS:prometheus.internal"));
    let request = site.client_with("prometheus").get(format!("{}/metrics", exporter.url));
    let answer = request.basic_auth("prometheus", Some("change-me")).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert_eq!(told(answer).await.0, 200);
    exporter.stop().await;

    // What is only named in comments is valid too; Debian's promtool is too old for it.
    let all = example.replace("# client_allowed_sans", "client_allowed_sans");
    let all = all.replace(
        "# rate_limit:\n#   interval: 1s\n#   burst: 20",
        "rate_limit:\n  interval: 1s\n  burst: 20",
    );
    assert_eq!(all.len() + 8, example.len(), "both were found");
    site.write("web.yml", &all);
    assert_eq!(outcome(&path, Clock::System.now()), "loaded\n");
}

/// Both tools agree on what is no web configuration, where ours is not the stricter one.
#[tokio::test]
async fn promtool_refuses_what_is_refused_here() {
    for name in ["unknown-keys", "headers", "users", "files", "types", "syntax"] {
        let path = format!("tests/it/testdata/web/{name}.yml");
        let promtool = Command::new("promtool").args(["check", "web-config", &path]).output().await.unwrap();
        assert!(!promtool.status.success(), "{name}");
    }
    for name in ["fine-empty", "fine-users"] {
        let path = format!("tests/it/testdata/web/{name}.yml");
        let file = tempfile::NamedTempFile::new().unwrap();
        // Newer than Debian's.
        let known = fs::read_to_string(path).unwrap().replace("rate_limit: {interval: 100ms, burst: 20}", "");
        fs::write(file.path(), known).unwrap();
        let promtool =
            Command::new("promtool").args(["check", "web-config"]).arg(file.path()).output().await.unwrap();
        assert!(promtool.status.success(), "{name}: {}", String::from_utf8_lossy(&promtool.stderr));
    }
}

#[tokio::test]
async fn a_check_and_a_start_tell_the_faults_of_both_files() {
    let site = Site::start().await;
    let web = "tls_server_config: {cert_file: nowhere.pem}\nbasic_auth_users: {alice: x}\n";
    for flags in [&[][..], &["--config.check"]] {
        let output = site.command(web, flags).arg("--web.listen-address=127.0.0.1:0").output().await.unwrap();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 3), "{said}");
        for place in [
            "tls_server_config.cert_file: no such file",
            "tls_server_config.key_file: missing",
            "basic_auth_users.alice: not a bcrypt hash",
        ] {
            assert!(said.contains(place), "{said}");
        }
    }
    site.write("exporter.yaml", "accounts: {}\n");
    let output = site.command(web, &["--config.check"]).output().await.unwrap();
    let said = text(&output.stderr);
    assert!(said.lines().count() == 4 && said.contains("exporter.yaml: accounts: none"), "{said}");
}

#[tokio::test]
async fn a_check_tells_what_the_web_configuration_comes_to() {
    let site = Site::start().await;
    let web = format!("{TLS}basic_auth_users: {{alice: {RIGHT}}}\n");
    let output = site.command(&web, &["--config.check"]).output().await.unwrap();
    let said = text(&output.stdout);
    let line = said.lines().find(|line| line.contains("web.yml: valid")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("TLS with a certificate that ends at 20") && line.ends_with("1 user"), "{line}");
    assert_eq!(output.status.code(), Some(0));
}
