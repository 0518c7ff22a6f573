//! Reads what a client accepts: format, encoding, language. Pure, and never refuses: a header
//! that asks for nothing we have, or for nothing readable, gets the plainest answer.

use axum::http::{HeaderMap, HeaderName};

use crate::metrics::{Encoding, Format};

/// A language of the status page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// All lines of one list header as one; nothing if there is none. Lines that are not visible
/// ASCII are left out.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The format of the metrics page for an `Accept` header. The highest `q` wins, then the more
/// specific range, then the first. The parameter `escaping` is ignored: our names need none.
pub fn format(accept: Option<&str>) -> Format {
    let mut best = (0, 0);
    let mut format = Format::Text;
    for item in items(accept.unwrap_or_default()) {
        if let Some((asked, specificity)) = asked_format(&item)
            && item.quality > 0
            && (item.quality, specificity) > best
        {
            best = (item.quality, specificity);
            format = asked;
        }
    }
    format
}

fn asked_format(item: &Item<'_>) -> Option<(Format, u8)> {
    let version = item.parameter("version");
    let is = |name: &str| item.value.eq_ignore_ascii_case(name);
    if is("application/openmetrics-text") {
        matches!(version, None | Some("1.0.0" | "0.0.1")).then_some((Format::OpenMetrics, 2))
    } else if is("text/plain") {
        matches!(version, None | Some("0.0.4")).then_some((Format::Text, 2))
    } else if is("text/*") {
        Some((Format::Text, 1))
    } else {
        is("*/*").then_some((Format::Text, 0))
    }
}

/// The encoding for an `Accept-Encoding` header: gzip where it is accepted and nothing says that
/// plain bytes are preferred.
pub fn encoding(accept_encoding: Option<&str>) -> Encoding {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for item in items(accept_encoding.unwrap_or_default()) {
        let slot = match item.value.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "identity" => &mut identity,
            "*" => &mut any,
            _ => continue,
        };
        *slot = Some(item.quality);
    }
    let gzip = gzip.or(any).unwrap_or(0);
    if gzip > 0 && gzip >= identity.unwrap_or(0) { Encoding::Gzip } else { Encoding::Identity }
}

/// The language for an `Accept-Language` header: the highest `q` of any kind of English or
/// Chinese wins, then the first.
pub fn language(accept_language: Option<&str>) -> Language {
    let mut best = 0;
    let mut language = Language::En;
    for item in items(accept_language.unwrap_or_default()) {
        let primary = item.value.split('-').next().unwrap_or_default();
        let asked = match primary.to_ascii_lowercase().as_str() {
            "zh" => Language::Zh,
            "en" | "*" => Language::En,
            _ => continue,
        };
        if item.quality > best {
            (best, language) = (item.quality, asked);
        }
    }
    language
}

/// One member of a list header.
struct Item<'a> {
    value: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// `q` in thousandths: 0 to 1000. A member whose `q` cannot be read counts as refused.
    quality: u16,
}

impl Item<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| *value)
    }
}

fn items(header: &str) -> impl Iterator<Item = Item<'_>> {
    split_unquoted(header, ',').map(|member| {
        let mut parts = split_unquoted(member, ';');
        let value = parts.next().unwrap_or_default().trim();
        let parameters: Vec<_> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
            .collect();
        let mut item = Item { value, parameters, quality: 0 };
        item.quality = item.parameter("q").map_or(Some(1000), quality).unwrap_or(0);
        item
    })
}

/// Splits at `separator` where it does not stand within double quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let ends = c == separator && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        ends
    })
}

/// A `q` value in thousandths: `0`, `1`, or up to three decimals of them.
fn quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
