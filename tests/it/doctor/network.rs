//! The ways to the API, open and closed.

use tempfile::TempDir;

use super::{brand, doctor, well};
use crate::harness::api_server;
use crate::reading::{make_certificates, openssl_server};

#[tokio::test]
async fn a_host_without_an_address_or_a_listener_is_no_account_s_fault() {
    for (base_url, dns, tcp) in [
        ("http://name.invalid", "failed", "skipped"),
        ("http://127.0.0.1:1", "ok", "failed"),
        ("https://[::1]:1", "ok", "failed"),
    ] {
        let said = doctor(&format!("api: {{allow_http: true}}\n{}", brand(base_url, "")), &[]).await;
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(said.step("dns").starts_with(dns), "{}", said.out);
        assert!(said.step("tcp").starts_with(tcp), "{}", said.out);
        assert!(said.step("tls").starts_with("skipped"), "{}", said.out);
        assert!(said.step("remedy").contains("firewall"), "{}", said.out);
        assert_eq!(said.step("token"), format!("skipped  {base_url} cannot be reached"));
        assert!(said.out.ends_with("\n1 account: 1 not asked\n"), "{}", said.out);
    }
}

#[tokio::test]
async fn an_untrusted_certificate_fails_and_a_ca_file_mends_it() {
    let dir = TempDir::new().unwrap();
    make_certificates(dir.path()).await;
    let (_openssl, port) = openssl_server(dir.path(), "-www").await;
    let account = brand(&format!("https://127.0.0.1:{port}"), "");
    let said = doctor(&account, &[]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.step("tcp").starts_with("ok"), "{}", said.out);
    let tls = said.step("tls");
    assert!(tls.starts_with("failed   ") && tls.contains("certificate"), "{}", said.out);
    assert!(said.step("token").starts_with("skipped"), "{}", said.out);
    // What speaks TLS here is no API: the calls come to nothing.
    let api = format!(
        "api: {{ca_file: '{}', timeout: 2s, connect_timeout: 1s}}",
        dir.path().join("ca.pem").display()
    );
    let said = doctor(&format!("{api}\n{account}"), &[]).await;
    assert!(said.step("tls").starts_with("ok       TLS 1.3, certificate trusted, in "), "{}", said.out);
    assert!(said.step("token").starts_with("failed"), "{}", said.out);
}

#[tokio::test]
async fn behind_a_proxy_only_the_proxy_is_reached() {
    let proxy = api_server().await;
    well(&proxy).await;
    let port = proxy.address().port();
    let with_proxy = |port: u16| {
        let proxy = format!(", proxy: 'http://user:canary-password@127.0.0.1:{port}'");
        format!("api: {{allow_http: true}}\n{}", brand("http://name.invalid", &proxy))
    };
    let said = doctor(&with_proxy(port), &[]).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("\nhttp://name.invalid (through a proxy)\n"), "{}", said.out);
    assert_eq!(said.step("tls"), "skipped  the proxy stands between");
    assert!(said.step("tcp").contains(&format!("127.0.0.1:{port}")), "{}", said.out);
    let said = doctor(&with_proxy(1), &[]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.step("tcp").starts_with("failed"), "{}", said.out);
    assert!(!said.out.contains("canary"), "{}", said.out);
}

#[tokio::test]
async fn the_scheme_of_a_fallback_is_its_own() {
    let server = api_server().await;
    well(&server).await;
    let token = "token: {app_secret: 0123456789abcdef}";
    let fallback = server.uri().replace("http://127.0.0.1", "https://localhost");
    let yaml = format!(
        "api: {{base_url: '{}', fallback_base_url: '{fallback}'}}\naccounts:\n  a: {{app_id: wx0000000001, {token}}}\n",
        server.uri()
    );
    let said = doctor(&yaml, &[]).await;
    let (_, checked) = said.out.split_once(&format!("\n{fallback} (the fallback)\n")).expect("it is checked");
    assert!(checked.contains("\n  tls          warning  "), "{}", said.out);
}

#[tokio::test]
async fn a_fallback_that_cannot_be_reached_is_a_warning() {
    let server = api_server().await;
    well(&server).await;
    let token = "token: {app_secret: 0123456789abcdef}";
    let yaml = format!(
        "api: {{base_url: '{}', fallback_base_url: 'http://127.0.0.1:1'}}\naccounts:\n  a: {{app_id: wx0000000001, {token}}}\n",
        server.uri()
    );
    let said = doctor(&yaml, &[]).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    let (_, fallback) = said.out.split_once("\nhttp://127.0.0.1:1 (the fallback)\n").expect("it is checked");
    assert!(fallback.contains("\n  tcp          warning  127.0.0.1:1: "), "{}", said.out);
    assert!(said.out.ends_with("\n1 account: 1 fine\n"), "{}", said.out);
}
