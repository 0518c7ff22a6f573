//! `http_server_config`: headers that are added to every answer, of which the toolkit has a list.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    X_XSS_PROTECTION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::below;
use crate::config::section::{Section, did_you_mean, nearest};
use crate::config::yaml::{Node, Scalar};

/// What the toolkit's YAML reader takes for a boolean, as far as people write it.
pub(super) const BOOLEANS: [(&str, bool); 8] = [
    ("true", true),
    ("false", false),
    ("True", true),
    ("False", false),
    ("yes", true),
    ("no", false),
    ("on", true),
    ("off", false),
];

/// A header that may be set, and the values that it may have: any, if there is none.
struct Settable {
    name: &'static str,
    header: HeaderName,
    values: &'static [&'static str],
}

const fn settable(name: &'static str, header: HeaderName, values: &'static [&'static str]) -> Settable {
    Settable { name, header, values }
}

static SETTABLE: [Settable; 5] = [
    settable("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    settable("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
    settable("X-Content-Type-Options", X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    settable("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    settable("X-XSS-Protection", X_XSS_PROTECTION, &[]),
];

/// The headers of every answer. `is_secured` if there is TLS.
pub(super) fn read(mut section: Section<'_>, is_secured: bool) -> HeaderMap {
    // Where the toolkit would serve it, which is with TLS only.
    if section.choice("http2", "a boolean", &BOOLEANS) == Some(true) && is_secured {
        section.warn("http2", "HTTP/2 is not served", "set it to `false`: HTTP/1.1 is served");
    }
    let headers = below(&mut section, "headers").map(read_headers);
    section.finish();
    headers.unwrap_or_default()
}

fn read_headers(section: Section<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let (path, report) = (section.path().to_owned(), section.report());
    let faults = Section::empty(path, report);
    for (name, node) in section.into_entries() {
        let Some(settable) = SETTABLE.iter().find(|settable| settable.name == name) else {
            faults.fault(&name, "a header that cannot be set", known(&name));
            continue;
        };
        // The toolkit takes `X-XSS-Protection: 0` for text.
        let text = match node {
            Node::Empty => continue,
            Node::Scalar(Scalar { text, .. }) => text,
            Node::List(_) | Node::Map(_) => {
                faults.fault(&name, "not text", "write it as text");
                continue;
            }
        };
        if text.trim().is_empty() {
            continue;
        }
        if !settable.values.is_empty() && !settable.values.contains(&text.as_str()) {
            let right = format_args!("write `{}`", settable.values.join("` or `"));
            faults.fault(&name, "a value that this header cannot have", right);
            continue;
        }
        match HeaderValue::try_from(text) {
            Ok(value) => _ = headers.insert(settable.header.clone(), value),
            Err(_) => faults.fault(&name, "characters that a header cannot have", "write it on one line"),
        }
    }
    headers
}

fn known(name: &str) -> String {
    let names = SETTABLE.each_ref().map(|settable| settable.name);
    let meant = nearest(name, &names).map_or_else(String::new, did_you_mean);
    format!("{meant}known here: {}", names.join(", "))
}
