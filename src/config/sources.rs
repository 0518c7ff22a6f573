//! Where the tokens of accounts and platforms come from: one table of sources for each place that
//! takes one, and the keys of those that call WeChat.

use std::path::PathBuf;
use std::sync::Arc;

use super::account::AppId;
use super::platform::{AuthorizerToken, ComponentToken, PlatformName};
use super::read_only::{self, ReadBy};
use super::secret_keys::{APP_SECRET, COMPONENT_APP_SECRET, REFRESH_TOKEN};
use super::secrets::{Variables, non_empty};
use super::section::{Names, Section};
use super::token::{ReadOnlySource, TokenSource};

/// Reads the keys of one source.
type Read<T> = fn(&mut Section<'_>, &Variables<'_>) -> Option<T>;
/// Names of sources with their readers.
type Sources<T, const N: usize> = [(&'static str, Read<T>); N];

/// What `token` of an account can be.
const TOKEN: Sources<TokenSource, 8> = [
    ("stable_token", stable_token),
    ("token", token),
    ("file", |s, v| read_only::file(s, v, ReadBy::Account).map(TokenSource::ReadOnly)),
    ("http", |s, v| read_only::http(s, v, ReadBy::Account).map(TokenSource::ReadOnly)),
    ("redis", |s, v| read_only::redis(s, v, ReadBy::Account).map(TokenSource::ReadOnly)),
    ("cloud_hosting", |s, _| cloud_hosting(s)),
    ("cloud_file", |s, _| cloud_file(s)),
    ("authorizer", authorizer),
];

/// What `component_token` of a platform can be.
const COMPONENT_TOKEN: Sources<ComponentToken, 4> = [
    ("file", |s, v| read_only::file(s, v, ReadBy::Component).map(ComponentToken::ReadOnly)),
    ("http", |s, v| read_only::http(s, v, ReadBy::Component).map(ComponentToken::ReadOnly)),
    ("redis", |s, v| read_only::redis(s, v, ReadBy::Component).map(ComponentToken::ReadOnly)),
    ("verify_ticket", verify_ticket),
];

/// What `ticket` of a component token can be.
const TICKET: Sources<Arc<ReadOnlySource>, 3> = [
    ("file", |s, v| read_only::file(s, v, ReadBy::Component)),
    ("http", |s, v| read_only::http(s, v, ReadBy::Component)),
    ("redis", |s, v| read_only::redis(s, v, ReadBy::Component)),
];

/// What `authorizer_token` of a platform can be.
const AUTHORIZER_TOKEN: Sources<AuthorizerToken, 4> = [
    ("file", |s, v| read_only::file(s, v, ReadBy::Authorizers).map(AuthorizerToken::ReadOnly)),
    ("http", |s, v| read_only::http(s, v, ReadBy::Authorizers).map(AuthorizerToken::ReadOnly)),
    ("redis", |s, v| read_only::redis(s, v, ReadBy::Authorizers).map(AuthorizerToken::ReadOnly)),
    ("api_authorizer_token", |s, _| Some(api_authorizer_token(s))),
];

/// Where cloud hosting pushes the token of 云调用.
const CLOUD_FILE: &str = "/.tencentcloudbase/wx/cloudbase_access_token";

/// Reads `token` of an account, which is a stable token unless it says otherwise.
pub(super) fn account_token(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<TokenSource> {
    section.require("token", "give a map with `app_secret_file`, `app_secret_env` or `app_secret`");
    let token = section.section("token")?;
    let default: Option<Read<TokenSource>> = (!token.has("source")).then_some(stable_token);
    read(token, variables, &TOKEN, default)
}

/// Reads `component_token` of a platform.
pub(super) fn component_token(
    section: &mut Section<'_>,
    variables: &Variables<'_>,
) -> Option<ComponentToken> {
    required(section, "component_token", variables, &COMPONENT_TOKEN)
}

/// Reads `authorizer_token` of a platform.
pub(super) fn authorizer_token(
    section: &mut Section<'_>,
    variables: &Variables<'_>,
) -> Option<AuthorizerToken> {
    required(section, "authorizer_token", variables, &AUTHORIZER_TOKEN)
}

fn required<T>(
    section: &mut Section<'_>,
    key: &'static str,
    variables: &Variables<'_>,
    sources: &[(&'static str, Read<T>)],
) -> Option<T> {
    section.require(key, format_args!("give a map with a `source`: {}", Names(sources)));
    let inner = section.section(key)?;
    inner.require("source", format_args!("give one of {}", Names(sources)));
    read(inner, variables, sources, None)
}

/// Reads one source. Without a name that is known, nobody can say which keys are.
fn read<T>(
    mut section: Section<'_>,
    variables: &Variables<'_>,
    sources: &[(&'static str, Read<T>)],
    default: Option<Read<T>>,
) -> Option<T> {
    let read = section.choice("source", "a token source", sources).or(default)?;
    let source = read(&mut section, variables);
    section.finish();
    source
}

fn stable_token(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<TokenSource> {
    APP_SECRET.require(section);
    Some(TokenSource::StableToken { app_secret: APP_SECRET.read(section, variables)? })
}

fn token(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<TokenSource> {
    APP_SECRET.require(section);
    let app_secret = APP_SECRET.read(section, variables);
    accept_takeover(
        section,
        "each fetch retires the access token that other programs hold",
        "use `stable_token`, which leaves it alone",
    );
    Some(TokenSource::Token { app_secret: app_secret? })
}

fn cloud_hosting(section: &mut Section<'_>) -> Option<TokenSource> {
    cloud(section, |from_app_id| TokenSource::CloudHosting { from_app_id })
}

fn cloud_file(section: &mut Section<'_>) -> Option<TokenSource> {
    let path = section.text("path", "a path", "write the path of a file", non_empty);
    let path = path.map_or_else(|| PathBuf::from(CLOUD_FILE), PathBuf::from);
    cloud(section, |from_app_id| TokenSource::CloudFile { path, from_app_id })
}

/// The source for `from_app_id`, if that is absent or good.
fn cloud(
    section: &mut Section<'_>,
    source: impl FnOnce(Option<AppId>) -> TokenSource,
) -> Option<TokenSource> {
    const KEY: &str = "from_app_id";
    let is_there = section.has(KEY);
    let from_app_id = section.text(KEY, "an app id", AppId::RULE, AppId::parse);
    (from_app_id.is_some() == is_there).then(|| source(from_app_id))
}

fn authorizer(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<TokenSource> {
    const RULE: &str = "give the name of a platform under `platforms`";
    section.require("platform", RULE);
    let platform = section.text("platform", "the name of a platform", RULE, PlatformName::parse);
    let refresh_token = REFRESH_TOKEN.read(section, variables);
    Some(TokenSource::Authorizer { platform: platform?, refresh_token })
}

fn verify_ticket(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<ComponentToken> {
    COMPONENT_APP_SECRET.require(section);
    let component_app_secret = COMPONENT_APP_SECRET.read(section, variables);
    let ticket = required(section, "ticket", variables, &TICKET);
    accept_takeover(
        section,
        "each fetch retires the component token that the platform's own program holds",
        "read that program's token from a file, a token server or Redis",
    );
    Some(ComponentToken::VerifyTicket { component_app_secret: component_app_secret?, ticket: ticket? })
}

fn api_authorizer_token(section: &mut Section<'_>) -> AuthorizerToken {
    accept_takeover(
        section,
        "each fetch may retire the tokens that the platform's own program holds",
        "read that program's tokens from a file, a token server or Redis",
    );
    AuthorizerToken::Fetched
}

/// What breaks other programs must be asked for, and is still warned about.
fn accept_takeover(section: &mut Section<'_>, what_happens: &str, instead: &str) {
    const KEY: &str = "accept_token_takeover";
    let is_missing = !section.has(KEY);
    match section.boolean(KEY) {
        Some(true) => section.report().warn_of_takeover(&section.place(KEY), what_happens, instead),
        None if !is_missing => {}
        None | Some(false) => {
            let wrong = format!("not accepted, and {what_happens}");
            section.fault(KEY, wrong, format_args!("{instead}, or set this to `true`"));
        }
    }
}
