//! `health`, as a container engine runs it: exit codes and messages.

use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::app::Exporter;
use crate::harness::account;
use crate::program::{command, run, text};
use crate::reading::{make_certificates, openssl_server};

/// Exit code, and what was written.
async fn health(addresses: &[&str]) -> (Option<i32>, String) {
    let flags: Vec<_> = addresses.iter().map(|address| format!("--web.listen-address={address}")).collect();
    let flags = flags.iter().map(String::as_str);
    let output = run(&std::iter::once("health").chain(flags).collect::<Vec<_>>()).await;
    (output.status.code(), text(&[output.stdout, output.stderr].concat()))
}

fn healthy() -> (Option<i32>, String) {
    (Some(0), "healthy\n".to_owned())
}

#[tokio::test]
async fn a_running_exporter_is_healthy_until_it_has_stopped() {
    let exporter = Exporter::start(vec![account("http://127.0.0.1:1")]).await;
    let address = exporter.address.to_string();
    let port = format!(":{}", exporter.address.port());
    assert_eq!(health(&[&address]).await, healthy());
    assert_eq!(health(&[&port]).await, healthy());
    assert_eq!(health(&[&address, &port]).await, healthy());
    let output =
        command(&["health"]).env("WECHAT_EXPORTER_WEB_LISTEN_ADDRESS", &address).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    exporter.end().await;
    let (code, said) = health(&[&address]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    for wanted in [address.as_str(), "--web.listen-address", "refused"] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[tokio::test]
async fn every_other_answer_is_not_healthy() {
    for (status, wanted) in [
        (503, "503"),
        (500, "500"),
        (404, "404"),
        (204, "204"),
        (302, "302"),
        (401, "--web.auth-exempt-health"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("location", "/elsewhere");
        Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
        let (code, said) = health(&[&server.address().to_string()]).await;
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

#[tokio::test]
async fn an_exporter_that_hangs_is_not_healthy_and_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (code, said) = health(&[&silent.local_addr().unwrap().to_string()]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("within 3 s"), "{said}");
}

#[tokio::test]
async fn https_is_spoken_where_http_is_not_understood() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path()).await;
    let (_openssl, port) = openssl_server(dir.path(), "-www").await;
    // The certificate is of a CA that this machine does not trust, and for another name.
    assert_eq!(health(&[&format!("127.0.0.1:{port}")]).await, healthy());
}

#[tokio::test]
async fn flags_that_have_nothing_to_do_with_it_are_refused() {
    for flag in ["--once", "--config.check", "--config.file=x", "--shard=1", "--web.telemetry-path=/x"] {
        assert_eq!(run(&["health", flag]).await.status.code(), Some(2), "{flag}");
    }
}
