//! Sources that only read: a file, a central token server, a shared cache in Redis. Accounts and
//! platforms use the same ones, and differ in the ids that they know.

use std::sync::Arc;

use reqwest::header::HeaderName;

use super::fault::{Place, join};
use super::presets::PRESETS;
use super::secret_keys::{HEADER, REDIS_URL, TOKEN_URL, is_exposed};
use super::secrets::{Seen, Variables, non_empty};
use super::section::Section;
use super::settings::read_ca_file;
use super::token::{
    APP_ID, COMPONENT_APP_ID, FileSource, HttpSource, Pointer, ReadOnlySource, RedisFormat, RedisSource,
    Template,
};
use crate::secret::SecretSource;

/// Who reads, which decides on the ids that a template can be filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadBy {
    /// An account, for itself: `{app_id}`.
    Account,
    /// A platform, for its own token or ticket: `{component_app_id}`.
    Component,
    /// A platform, for its accounts: both.
    Authorizers,
}

/// The key under which each of the two ids was seen first.
#[derive(Clone, Copy, Debug, Default)]
struct Mentions {
    app_id: Option<&'static str>,
    component_app_id: Option<&'static str>,
}

impl Mentions {
    fn note(&mut self, key: &'static str, text: &str) {
        if text.contains(APP_ID) {
            self.app_id.get_or_insert(key);
        }
        if text.contains(COMPONENT_APP_ID) {
            self.component_app_id.get_or_insert(key);
        }
    }

    /// Refuses ids that the reader has none of, and one token for all accounts of a platform.
    fn check(self, section: &Section<'_>, by: ReadBy, main_key: &str) {
        match (by, self.app_id, self.component_app_id) {
            (ReadBy::Account, _, Some(key)) => {
                let right = "remove it, or use it in the sources of a platform";
                section.fault(key, format_args!("`{COMPONENT_APP_ID}` is not known here"), right);
            }
            (ReadBy::Component, Some(key), _) => {
                let right = format!("use `{COMPONENT_APP_ID}`, or remove it");
                section.fault(key, format_args!("`{APP_ID}` is not known here"), right);
            }
            (ReadBy::Authorizers, None, _) => {
                let right = format!("let `{APP_ID}` stand where the account's app id belongs");
                section.fault(main_key, "the same token for every account of the platform", right);
            }
            _ => {}
        }
    }
}

/// Reads the keys of the source `file`.
pub(super) fn file(section: &mut Section<'_>, _: &Variables<'_>, by: ReadBy) -> Option<Arc<ReadOnlySource>> {
    const RULE: &str = "write the path of a file";
    let mut mentions = Mentions::default();
    section.require("path", RULE);
    let path = template(section, "path", ("a path", RULE), &mut mentions);
    let pointer = pointer(section, "pointer");
    let path = path?;
    mentions.check(section, by, "path");
    Some(Arc::new(ReadOnlySource::File(FileSource { path, pointer })))
}

/// Reads the keys of the source `http`.
pub(super) fn http(
    section: &mut Section<'_>,
    variables: &Variables<'_>,
    by: ReadBy,
) -> Option<Arc<ReadOnlySource>> {
    let (mut mentions, mut exposed) = (Mentions::default(), None);
    TOKEN_URL.require(section);
    let url = TOKEN_URL.read_seen(section, variables, &mut |key, text| {
        mentions.note(key, text);
        exposed = is_exposed(text).then_some(key);
    });
    if let Some(key) = exposed {
        section.warn(key, "tokens would travel unencrypted", "use `https`");
    }
    let headers = headers(section, variables, &mut |_, text| mentions.note("headers", text));
    let has_pointer = section.has("pointer");
    let token_pointer = pointer(section, "pointer");
    let expires_pointer = pointer(section, "expires_pointer");
    if expires_pointer.is_some() && !has_pointer {
        let wrong = "an expiry beside a token that is the whole answer";
        section.fault("expires_pointer", wrong, "give `pointer` too, or remove it");
    }
    let ca_file = read_ca_file(section);
    let url = url?;
    mentions.check(section, by, "url");
    let source = HttpSource { url, headers, pointer: token_pointer, expires_pointer, ca_file };
    Some(Arc::new(ReadOnlySource::Http(source)))
}

/// Reads the keys of the source `redis`.
pub(super) fn redis(
    section: &mut Section<'_>,
    variables: &Variables<'_>,
    by: ReadBy,
) -> Option<Arc<ReadOnlySource>> {
    let (mut mentions, mut exposed) = (Mentions::default(), None);
    REDIS_URL.require(section);
    let url = REDIS_URL.read_seen(section, variables, &mut |key, text| {
        mentions.note(key, text);
        exposed = is_exposed(text).then_some(key);
    });
    if let Some(key) = exposed {
        section.warn(key, "tokens and the password would travel unencrypted", "use `rediss`");
    }
    let ca_file = read_ca_file(section);
    let (key, format) =
        if section.has("preset") { preset(section, by)? } else { key(section, by, &mut mentions)? };
    Some(Arc::new(ReadOnlySource::Redis(RedisSource { url: url?, key, format, ca_file })))
}

/// The layout of an SDK.
fn preset(section: &mut Section<'_>, by: ReadBy) -> Option<(Template, RedisFormat)> {
    let choices = PRESETS.each_ref().map(|preset| (preset.name, preset));
    let preset = section.choice("preset", "a preset", &choices);
    let prefix = section.text("prefix", "a text", "write the prefix of the keys", |it| Some(it.to_owned()));
    for key in ["key", "format", "pointer"] {
        if section.take(key).is_some() {
            section.fault(key, "given beside `preset`, which decides on it", "keep one of them");
        }
    }
    let preset = preset?;
    if prefix.is_some() && !preset.takes_prefix() {
        section.fault("prefix", "of no use: the keys of this preset have none", "remove it");
    }
    match by {
        ReadBy::Component => {
            let right = "give the `key` under which the platform's program keeps this one";
            section.fault("preset", "a layout of the tokens of accounts", right);
        }
        ReadBy::Account if preset.is_of_platform() => {
            let right = "use it as the `authorizer_token` of a platform";
            section.fault("preset", "a layout of the tokens of a platform's accounts", right);
        }
        ReadBy::Account | ReadBy::Authorizers => {}
    }
    Some((Template::new(&preset.key(prefix.as_deref())), preset.format()))
}

/// A layout of the operator's own.
fn key(section: &mut Section<'_>, by: ReadBy, mentions: &mut Mentions) -> Option<(Template, RedisFormat)> {
    const FORMATS: [(&str, bool); 2] = [("plain", false), ("json", true)];
    // Known keys too, so that a misspelt one gets its hint.
    section.take("preset");
    if section.take("prefix").is_some() {
        section.fault("prefix", "of use only with `preset`", "let the `key` begin with it");
    }
    section.require("key", "give the `key`, or the `preset` of an SDK");
    let is_plain = !section.has("format");
    let key = template(section, "key", ("a key", "write the key that holds the token"), mentions);
    let is_json = section.choice("format", "a format", &FORMATS).or(is_plain.then_some(false));
    let pointer = pointer(section, "pointer");
    if pointer.is_some() && is_json == Some(false) {
        section.fault("pointer", "of use only with `format: json`", "set the format, or remove it");
    }
    let key = key?;
    mentions.check(section, by, "key");
    let format = if is_json? {
        RedisFormat::Json(pointer.or_else(|| Pointer::parse(""))?)
    } else {
        RedisFormat::Plain
    };
    Some((key, format))
}

/// A text in which ids are replaced.
fn template(
    section: &mut Section<'_>,
    key: &'static str,
    (what, rule): (&str, &str),
    mentions: &mut Mentions,
) -> Option<Template> {
    let text = section.text(key, what, rule, non_empty)?;
    mentions.note(key, &text);
    Some(Template::new(&text))
}

fn pointer(section: &mut Section<'_>, key: &'static str) -> Option<Pointer> {
    section.text(key, "a JSON pointer", "begin it with `/`, as in `/data/access_token`", Pointer::parse)
}

fn headers(
    section: &mut Section<'_>,
    variables: &Variables<'_>,
    seen: Seen<'_>,
) -> Vec<(String, SecretSource)> {
    let Some(map) = section.section("headers") else { return Vec::new() };
    let (path, report) = (map.path().to_owned(), map.report());
    let mut headers: Vec<(String, SecretSource)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (name, node) in map.into_entries() {
        let path = join(&path, &name);
        match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => {
                report.fault(
                    &Place::Key(path.clone()),
                    "not the name of a header",
                    "use letters, digits and `-`",
                );
            }
            Ok(name) if names.iter().any(|known| known == name.as_str()) => {
                let wrong = "a header that stands twice, in capital letters or not";
                report.fault(&Place::Key(path.clone()), wrong, "keep one of them");
            }
            Ok(name) => names.push(name.as_str().to_owned()),
        }
        if let Some(value) = HEADER.read_entry(path, node, report, variables, seen) {
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    headers
}
