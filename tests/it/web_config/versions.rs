//! Versions, cipher suites and curves, as openssl's client meets them.

use super::*;

/// Has openssl offer what its own defaults would not.
const ANYTHING: &str = "-cipher ALL:@SECLEVEL=0";

#[tokio::test]
async fn tls_1_2_and_1_3_are_served_and_1_1_is_refused() {
    let site = Site::start().await;
    let exporter = site.serve(TLS, &[]).await;
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (stood, said) = site.s_client(&exporter, version).await;
        assert!(stood && said.contains(&format!("New, {name}, Cipher is")), "{said}");
    }
    for version in ["-tls1_1", "-tls1"] {
        let (stood, said) = site.s_client(&exporter, &format!("{version} {ANYTHING}")).await;
        // Which alert depends on what an old client does not say.
        assert!(!stood && said.contains("SSL alert number"), "the server refuses it: {said}");
    }
    let (_, said) = site.s_client(&exporter, "-alpn h2,http/1.1").await;
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    exporter.stop().await;
}

#[tokio::test]
async fn the_least_and_the_last_version_are_kept_to() {
    let site = Site::start().await;
    for (bound, served, refused) in [
        ("min_version: TLS13", "-tls1_3", "-tls1_2"),
        ("max_version: TLS12", "-tls1_2", "-tls1_3"),
        // Older than any that is served, and said so.
        ("min_version: TLS10", "-tls1_2", "-tls1_1"),
    ] {
        let web = TLS.replace('}', &format!(", {bound}}}"));
        let mut exporter = site.serve(&web, &[]).await;
        assert!(site.s_client(&exporter, served).await.0, "{bound}");
        let (stood, said) = site.s_client(&exporter, &format!("{refused} {ANYTHING}")).await;
        assert!(!stood && said.contains("SSL alert number"), "{bound}: {said}");
        exporter.wait_for_log("started").await;
        assert_eq!(
            exporter.log.contains("the oldest that is served"),
            bound.ends_with("10"),
            "{}",
            exporter.log
        );
        exporter.stop().await;
    }
}

#[tokio::test]
async fn suites_and_curves_are_those_of_the_file_in_its_order() {
    let site = Site::start().await;
    let chosen = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, \
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384], curve_preferences: [CurveP384, CurveP521]";
    let both = "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";
    for (order, first) in [
        ("", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (", prefer_server_cipher_suites: true", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (", prefer_server_cipher_suites: false", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        let web = TLS.replace('}', &format!(", {chosen}{order}}}"));
        let mut exporter = site.serve(&web, &[]).await;
        let (stood, said) = site.s_client(&exporter, both).await;
        assert!(stood && said.contains(&format!("Cipher is {first}")), "{order}: {said}");
        assert!(said.contains("ECDH, secp384r1, 384 bits"), "{said}");
        for refused in ["-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "-groups X25519"] {
            let (stood, said) = site.s_client(&exporter, refused).await;
            assert!(!stood && said.contains("alert handshake failure"), "{refused}: {said}");
        }
        exporter.wait_for_log("started").await;
        for left_out in ["`TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is not served", "`CurveP521` is not served"] {
            assert!(exporter.log.contains(left_out), "{}", exporter.log);
        }
        exporter.stop().await;
    }
}
