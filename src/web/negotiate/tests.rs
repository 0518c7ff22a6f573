use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use proptest::prelude::*;

use super::*;

const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROTOBUF_FIRST: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
    encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.3,application/openmetrics-text;q=0.2";

#[test]
fn the_format_follows_accept() {
    use Format::{OpenMetrics, Text};
    for (accept, expected) in [
        (PROMETHEUS_3, OpenMetrics),
        (PROMETHEUS_2, OpenMetrics),
        (PROTOBUF_FIRST, Text),
        ("", Text),
        ("*/*", Text),
        ("text/*", Text),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
        ("application/openmetrics-text", OpenMetrics),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", OpenMetrics),
        ("application/openmetrics-text;version=\"1.0.0\"", OpenMetrics),
        ("application/openmetrics-text; version=0.0.1", OpenMetrics),
        ("application/openmetrics-text;version=2.0.0", Text),
        ("application/openmetrics-text;version=2.0.0,application/openmetrics-text;q=0.1", OpenMetrics),
        ("application/openmetrics-text;q=0", Text),
        ("application/openmetrics-text;q=0.000", Text),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.8", Text),
        ("text/plain;q=0.2,application/openmetrics-text;q=0.8", OpenMetrics),
        ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", OpenMetrics),
        ("text/plain,application/openmetrics-text", Text),
        ("application/openmetrics-text,text/plain", OpenMetrics),
        ("*/*,application/openmetrics-text", OpenMetrics),
        ("text/*,text/plain;version=9,application/openmetrics-text", OpenMetrics),
        ("application/openmetrics-text;q=2", Text),
        ("application/openmetrics-text;q=nonsense", Text),
        ("application/openmetrics-text;x=\"a,b;q=0\";q=0.5", OpenMetrics),
        ("application/openmetrics-text;x=\"unclosed,text/plain;q=0", OpenMetrics),
        ("application/json", Text),
        (";;;,,,=;q", Text),
    ] {
        assert_eq!(format(Some(accept)), expected, "{accept}");
    }
    assert_eq!(format(None), Text);
}

#[test]
fn the_encoding_follows_accept_encoding() {
    use Encoding::{Gzip, Identity};
    for (accept, expected) in [
        ("gzip", Gzip),
        ("GZIP;q=0.1", Gzip),
        ("x-gzip", Gzip),
        ("gzip, deflate, br, zstd", Gzip),
        ("*", Gzip),
        ("br,*;q=0.1", Gzip),
        ("deflate, gzip;q=1.0, *;q=0.5", Gzip),
        ("identity, gzip", Gzip),
        ("", Identity),
        ("br", Identity),
        ("gzip;q=0", Identity),
        ("gzip;q=0,*", Identity),
        ("*;q=0", Identity),
        ("identity, gzip;q=0.5", Identity),
        ("gzip;q=x", Identity),
    ] {
        assert_eq!(encoding(Some(accept)), expected, "{accept}");
    }
    assert_eq!(encoding(None), Identity);
}

#[test]
fn the_language_follows_accept_language() {
    use Language::{En, Zh};
    for (accept, expected) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", Zh),
        ("zh-Hans-CN", Zh),
        ("ZH", Zh),
        ("en-US,en;q=0.9,zh-CN;q=0.8", En),
        ("en;q=0.5,zh;q=0.9", Zh),
        ("de-DE,de;q=0.9,zh;q=0.2", Zh),
        ("fr", En),
        ("*", En),
        ("zh;q=0", En),
        ("", En),
    ] {
        assert_eq!(language(Some(accept)), expected, "{accept}");
    }
    assert_eq!(language(None), En);
}

#[test]
fn several_header_lines_are_one_list() {
    let mut headers = HeaderMap::new();
    assert_eq!(joined(&headers, &ACCEPT), None);
    headers.append(ACCEPT, HeaderValue::from_static("text/plain;q=0.1"));
    headers.append(ACCEPT, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    headers.append(ACCEPT, HeaderValue::from_static("application/openmetrics-text;q=0.9"));
    let accept = joined(&headers, &ACCEPT);
    assert_eq!(format(accept.as_deref()), Format::OpenMetrics);
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(header in any::<String>(), list in "[a-z/*;,=q\"\\\\0-9. -]{0,80}") {
        for text in [header, list] {
            format(Some(&text));
            encoding(Some(&text));
            language(Some(&text));
        }
    }

    #[test]
    fn the_higher_quality_wins(text in 1_u16..=1000, open in 1_u16..=1000) {
        let q = |thousandths: u16| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let accept = format!("text/plain;q={},application/openmetrics-text;q={}", q(text), q(open));
        let expected = if open > text { Format::OpenMetrics } else { Format::Text };
        prop_assert_eq!(format(Some(&accept)), expected);
    }
}
