//! A real Prometheus, with a client certificate and a password.

use super::*;
use crate::prometheus::Prometheus;

#[tokio::test]
async fn prometheus_scrapes_with_a_client_certificate_and_a_password() {
    let site = Site::start().await;
    site.pki().sign("prometheus", Names("DNS:prometheus.internal"));
    let web = format!(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: ca.pem\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.internal]\n\
         http_server_config: {{http2: true}}\nbasic_auth_users: {{prometheus: {RIGHT_10}}}\n"
    );
    let exporter = site.serve(&web, &[]).await;
    let address = exporter.url.strip_prefix("https://").unwrap();
    let path = |name: &str| site.path(name).display().to_string();
    let files = format!(
        "ca_file: '{}', cert_file: '{}', key_file: '{}'",
        path("ca.pem"),
        path("prometheus.pem"),
        path("prometheus.key")
    );
    let found = |password: &str| {
        format!(
            "scheme: https\n    scrape_interval: 3s\n    scrape_timeout: 3s\n    tls_config: {{{files}}}\n    basic_auth: {{username: prometheus, password: {password}}}\n    \
             static_configs: [{{targets: ['{address}']}}]"
        )
    };
    let (good, bad) =
        (Prometheus::finding(&found("right")).await, Prometheus::finding(&found("wrong")).await);
    good.wait_for("up", |series| series.len() == 1 && series[0].1 > 0.0).await;
    good.wait_for("wechat_material_items", |series| series.len() == 4).await;
    let ends = good.wait_for(EXPIRY, |series| series.len() == 1).await[0].1;
    assert!(ends > 1.7e9, "{ends}");
    bad.wait_for("up", |series| series.len() == 1 && series[0].1 == 0.0).await;

    // The certificate is replaced, and it goes on.
    site.pki().sign_for(3, "renewed", LOCALHOST);
    site.install("renewed", "server");
    good.wait_for(EXPIRY, |series| series.len() == 1 && series[0].1 > ends).await;
    exporter.stop().await;
}

/// Whoever finds its targets at `/sd` is told to use HTTPS.
#[tokio::test]
async fn targets_are_found_with_their_scheme() {
    let site = Site::start().await;
    let exporter = site.serve(TLS, &[]).await;
    let client = site.client().build().unwrap();
    let list = told(client.get(format!("{}/sd", exporter.url)).send().await.unwrap()).await.1;
    assert!(list.contains("\"__scheme__\":\"https\""), "{list}");
    exporter.stop().await;
}
