//! The exporter's own certificate: served, replaced while it runs, broken, and past its end.

use reqwest::RequestBuilder;

use super::*;
use crate::program::found;

/// When a certificate ends, in seconds since the Unix epoch, as openssl says it.
fn end(pki: &Pki<'_>, name: &str) -> f64 {
    let said = pki.openssl(&format!("x509 -in {name}.pem -noout -enddate -dateopt iso_8601"));
    let date = said.trim().strip_prefix("notAfter=").unwrap().replace(' ', "T");
    date.parse::<jiff::Timestamp>().unwrap().as_second() as f64
}

fn expiry(page: &str) -> Option<f64> {
    value(page, EXPIRY).map(|value| value.parse().unwrap())
}

/// The status and body of an answer. A connection that the server ends may take one request with it
/// that is on its way: who keeps connections, as Prometheus does, sends it again.
async fn answer(request: RequestBuilder) -> (u16, String) {
    let again = request.try_clone().unwrap();
    match request.send().await {
        Err(error) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
            told(again.send().await.unwrap()).await
        }
        answer => told(answer.unwrap()).await,
    }
}

/// Asks for the metrics page until it is as wanted.
async fn wait_for_page(client: &Client, exporter: &Serving, wanted: impl Fn(&str) -> bool) -> String {
    found("a page as wanted", async || {
        let page = answer(client.get(format!("{}/metrics", exporter.url))).await.1;
        wanted(&page).then_some(page)
    })
    .await
}

#[tokio::test]
async fn another_certificate_is_served_without_a_restart() {
    let site = Site::start().await;
    let exporter = site.serve(TLS, &[]).await;
    // One that keeps its connection.
    let client = site.client().build().unwrap();
    let page = wait_for_page(&client, &exporter, |_| true).await;
    assert_eq!(expiry(&page), Some(end(&site.pki(), "server")));
    assert!(site.s_client(&exporter, "-tls1_3").await.1.contains("subject=CN = server"));

    site.pki().sign_for(3, "renewed", LOCALHOST);
    let ends = end(&site.pki(), "renewed");
    site.install("renewed", "server");
    wait_for_page(&client, &exporter, |page| expiry(page) == Some(ends)).await;
    let (_, said) = site.s_client(&exporter, "-tls1_3").await;
    assert!(said.contains("subject=CN = renewed"), "{said}");
    exporter.stop().await;
}

#[tokio::test]
async fn the_key_of_another_certificate_is_refused_at_the_start_and_changes_nothing_later() {
    let site = Site::start().await;
    site.pki().sign("second", LOCALHOST);
    let crossed = TLS.replace("server.key", "second.key");
    let refused = site.command(&crossed, &[]).output().await.unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let fault = "tls_server_config.key_file: the key of another certificate: give the key of the first certificate in `cert_file`";
    assert_eq!(said, format!("{}: {fault}\n", site.path("web.yml").display()));

    let mut exporter = site.serve(TLS, &[]).await;
    let client = site.client().build().unwrap();
    let key = site.pki().read("server.key");
    site.write("server.key", &site.pki().read("second.key"));
    exporter.wait_for_log(fault).await;
    let page = wait_for_page(&client, &exporter, |page| value(page, SUCCESSFUL) == Some("0")).await;
    assert_eq!(expiry(&page), Some(end(&site.pki(), "server")), "the one before is served");
    let (status, text) = answer(client.post(format!("{}/-/reload", exporter.url))).await;
    assert!(status == 500 && text.contains(fault) && text.contains("changed 0"), "{text}");

    site.write("server.key", &key);
    wait_for_page(&client, &exporter, |page| value(page, SUCCESSFUL) == Some("1")).await;
    site.install("second", "server");
    let ends = end(&site.pki(), "second");
    wait_for_page(&client, &exporter, |page| expiry(page) == Some(ends)).await;
    assert_eq!(answer(client.post(format!("{}/-/reload", exporter.url))).await.0, 200);
    let log = exporter.stop().await;
    // By the watch and by the request, however often the watch has looked.
    assert_eq!(log.matches(fault).count(), 2, "{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[tokio::test]
async fn a_certificate_past_its_end_is_served_and_told() {
    let site = Site::start().await;
    site.pki().sign_on("2020-02-01 00:00:00", "server", LOCALHOST);
    let mut exporter = site.serve(TLS, &[]).await;
    exporter.wait_for_log("started").await;
    let warning = "tls_server_config.cert_file: a certificate that ended at 2020-02-02T00:00:0";
    assert!(exporter.log.contains(warning), "{}", exporter.log);
    let (stood, said) = site.s_client(&exporter, "-tls1_3").await;
    assert!(!stood && said.contains("certificate has expired"), "{said}");
    let careless = Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let page = wait_for_page(&careless, &exporter, |_| true).await;
    assert_eq!(expiry(&page), Some(end(&site.pki(), "server")));
    exporter.stop().await;
}

#[tokio::test]
async fn without_tls_there_is_no_end_of_a_certificate() {
    let site = Site::start().await;
    let exporter = site.serve("http_server_config: {headers: {X-Frame-Options: deny}}\n", &[]).await;
    let page = exporter.page("/metrics").await;
    assert!(page.contains(SUCCESSFUL) && !page.contains(EXPIRY), "{page}");
    exporter.stop().await;
}

#[tokio::test]
async fn tls_is_not_turned_on_or_off_while_it_runs() {
    let site = Site::start().await;
    let mut exporter = site.serve(TLS, &[]).await;
    // Cut short, as by an editor that has not written it yet.
    site.write("web.yml", "");
    exporter.wait_for_log("tls_server_config: would turn TLS off: restart the exporter for that").await;
    let client = site.client().build().unwrap();
    wait_for_page(&client, &exporter, |page| value(page, SUCCESSFUL) == Some("0")).await;
    exporter.stop().await;

    let mut exporter = site.serve("rate_limit: {interval: 0}\n", &[]).await;
    site.write("web.yml", TLS);
    exporter.wait_for_log("tls_server_config: would turn TLS on: restart the exporter for that").await;
    assert!(exporter.page("/metrics").await.contains(SUCCESSFUL));
    exporter.stop().await;
}
