//! Client certificates, for each type of asking for them.

use super::*;

async fn is_served(client: &Client, exporter: &Serving) -> bool {
    match client.get(format!("{}/-/healthy", exporter.url)).send().await {
        Ok(answer) => told(answer).await == (200, "Healthy.\n".to_owned()),
        Err(error) => {
            assert!(!error.is_timeout(), "{error}");
            false
        }
    }
}

fn web(keys: &str) -> String {
    TLS.replace('}', &format!(", {keys}}}"))
}

#[tokio::test]
async fn each_type_lets_in_whom_it_says() {
    let site = Site::start().await;
    site.pki().sign("prometheus", Names("DNS:prometheus.internal"));
    Pki::of(site.dir.path(), "stranger").sign("mallory", Names("DNS:prometheus.internal"));
    let nobody = site.client().build().unwrap();
    let (ours, strangers) = (site.client_with("prometheus"), site.client_with("mallory"));
    for (asked, expected) in [
        ("client_auth_type: NoClientCert", [true, true, true]),
        ("client_auth_type: RequestClientCert", [true, true, true]),
        ("client_auth_type: RequireAnyClientCert", [false, true, true]),
        ("client_auth_type: RequireClientCert", [false, true, true]),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem", [true, true, false]),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem", [false, true, false]),
    ] {
        let mut exporter = site.serve(&web(asked), &[]).await;
        let mut served = Vec::new();
        for client in [&nobody, &ours, &strangers] {
            served.push(is_served(client, &exporter).await);
        }
        assert_eq!(served, expected, "{asked}");
        exporter.wait_for_log("started").await;
        let is_doubtful =
            asked.contains("Request") || asked.contains("RequireAny") || asked.contains("RequireClient");
        assert_eq!(exporter.log.contains("that nobody verifies"), is_doubtful, "{asked}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_client_is_let_in_by_one_of_its_names() {
    let site = Site::start().await;
    let names = "DNS:prometheus.internal,email:ops@example.org,URI:spiffe://site/prometheus,IP:10.1.2.3,IP:2001:db8::1";
    site.pki().sign("prometheus", Names(names));
    let client = site.client_with("prometheus");
    let verified = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem";
    for (allowed, is_let_in) in [
        ("nobody, prometheus.internal", true),
        ("ops@example.org", true),
        ("'spiffe://site/prometheus'", true),
        ("'10.1.2.3'", true),
        ("'2001:db8::1'", true),
        ("prometheus", false),
        ("internal, '10.1.2.30'", false),
    ] {
        let exporter = site.serve(&web(&format!("{verified}, client_allowed_sans: [{allowed}]")), &[]).await;
        assert_eq!(is_served(&client, &exporter).await, is_let_in, "{allowed}");
        exporter.stop().await;
    }
    site.pki().sign_as_of_old("nameless");
    let nameless = site.path("nameless").display().to_string();
    let exporter = site
        .serve(&web("client_auth_type: RequireAnyClientCert, client_allowed_sans: [nameless]"), &[])
        .await;
    let (_, said) =
        site.s_client(&exporter, &format!("-tls1_2 -cert {nameless}.pem -key {nameless}.key")).await;
    assert!(said.contains("SSL alert number"), "{said}");
    exporter.stop().await;
}

/// The connection that it keeps does not outlive the CA that it was let in by.
#[tokio::test]
async fn another_client_ca_is_taken_over_and_open_connections_end() {
    let site = Site::start().await;
    site.pki().sign("prometheus", Names("DNS:prometheus.internal"));
    Pki::of(site.dir.path(), "stranger").sign("mallory", Names("DNS:prometheus.internal"));
    let (ours, strangers) = (site.client_with("prometheus"), site.client_with("mallory"));
    site.write("clients.pem", &site.pki().read("ca.pem"));
    let verified = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem";
    let exporter = site.serve(&web(verified), &[]).await;
    assert!(is_served(&ours, &exporter).await && !is_served(&strangers, &exporter).await);
    site.write("clients.pem", &site.pki().read("stranger.pem"));
    let ended = async { while is_served(&ours, &exporter).await {} };
    within("the connection ends", ended).await;
    assert!(is_served(&strangers, &exporter).await);
    exporter.stop().await;
}
