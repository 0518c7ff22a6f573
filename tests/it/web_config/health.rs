//! What probes see: the sub-command `health`, which has no password and no certificate.

use super::*;
use crate::program::{run, text};

async fn health(exporter: &Serving) -> (Option<i32>, String) {
    let address = exporter.url.split("://").nth(1).unwrap();
    let output = run(&["health", &format!("--web.listen-address={address}")]).await;
    (output.status.code(), text(&[output.stdout, output.stderr].concat()))
}

#[tokio::test]
async fn a_probe_needs_no_password_if_it_is_exempt_and_speaks_https_by_itself() {
    let site = Site::start().await;
    let users = format!("basic_auth_users: {{alice: {RIGHT}}}\n");
    for web in [users.clone(), format!("{TLS}{users}")] {
        let exporter = site.serve(&web, &["--web.auth-exempt-health"]).await;
        assert_eq!(health(&exporter).await, (Some(0), "healthy\n".to_owned()));
        exporter.stop().await;
        let exporter = site.serve(&web, &[]).await;
        let (code, said) = health(&exporter).await;
        assert!(code == Some(1) && said.contains("--web.auth-exempt-health"), "{said}");
        exporter.stop().await;
    }
    let web = TLS.replace('}', ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}");
    let exporter = site.serve(&web, &["--web.auth-exempt-health"]).await;
    assert_eq!(health(&exporter).await.0, Some(1), "it has no certificate");
    exporter.stop().await;
}
