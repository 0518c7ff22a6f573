//! What an answer says, and its form on the wire: HTTP 200 even for errors, and a content type that
//! depends on the endpoint and not on the content.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::WallTime;
use crate::config::{Kind, PerKind};
use crate::simulator::body::{Broken, Dripping};
use crate::simulator::token::Grant;

/// What a call gets, and when.
#[derive(Debug)]
pub(super) struct Outcome {
    pub answer: Answer,
    pub delay: Duration,
}

impl Outcome {
    /// An error at once.
    pub(super) fn refused(errcode: i64) -> Self {
        Answer::Error(errcode).into()
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, delay: Duration::ZERO }
    }
}

/// What one call gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Token(Grant),
    Counts(PerKind<u64>),
    /// What is asked for too seldom to be written by hand.
    Json(Value),
    /// An `errcode`; its message follows from it.
    Error(i64),
    /// 40164, which tells the caller its address.
    NotInWhitelist(IpAddr),
    /// 61004, the same of a third-party platform.
    NotRegistered(IpAddr),
    /// The content of another answer, its body spread over this time.
    Slow(Box<Answer>, Duration),
    Reset,
    Http(u16),
    Garbage,
    Html,
}

/// What ends each error message: time and number of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rid {
    pub now: WallTime,
    pub number: u64,
}

/// The content type of an endpoint's answers, errors included.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// Most endpoints.
    Json,
    /// The material endpoints send JSON under this name.
    PlainText,
}

impl Content {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; encoding=utf-8",
            Self::PlainText => "text/plain",
        })
    }
}

impl Answer {
    /// The answer as HTTP. `rid` is asked for error messages only.
    pub(super) fn into_response(self, content: Content, rid: impl Fn() -> Rid) -> Response<Body> {
        let ok = |body| response(StatusCode::OK, content.header(), body);
        match self {
            Self::Slow(answer, time) => ok(Body::new(Dripping::new(answer.text(rid), time))),
            Self::Reset => ok(Body::new(Broken)),
            Self::Http(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response(status, HTML, Body::from(page(status.canonical_reason().unwrap_or("Error"))))
            }
            Self::Html => response(StatusCode::OK, HTML, Body::from(page("Sign in to the network"))),
            answer => ok(Body::from(answer.text(rid))),
        }
    }

    /// The text of an answer; that of [`Answer::Garbage`] where it has none.
    fn text(self, rid: impl Fn() -> Rid) -> String {
        match self {
            Self::Token(Grant { token, expires_in_seconds }) => {
                format!(r#"{{"access_token":"{token}","expires_in":{expires_in_seconds}}}"#)
            }
            Self::Counts(counts) => {
                let [voice, video, image, news] = Kind::ALL.map(|kind| counts[kind]);
                format!(
                    r#"{{"voice_count":{voice},"video_count":{video},"image_count":{image},"news_count":{news}}}"#
                )
            }
            Self::Json(value) => value.to_string(),
            Self::Error(code) => error(code, message(code), rid()),
            Self::NotInWhitelist(ip) => {
                let mapped = match ip {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                    IpAddr::V6(v6) => v6,
                };
                error(40164, &format!("invalid ip {ip} ipv6 {mapped}, not in whitelist"), rid())
            }
            Self::NotRegistered(ip) => {
                let rid = rid();
                let hint = xxh3_64(&rid.number.to_be_bytes());
                let told = format!("access clientip is not registered hint: [{hint:016x}] requestIP: {ip}");
                error(61004, &told, rid)
            }
            Self::Slow(answer, _) => answer.text(rid),
            Self::Reset | Self::Http(_) | Self::Garbage | Self::Html => {
                r#"{"voice_count":12,"vid"#.to_owned()
            }
        }
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html");

fn page(title: &str) -> String {
    format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n")
}

fn response(status: StatusCode, content: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content);
    response
}

fn error(code: i64, message: &str, rid: Rid) -> String {
    let Rid { now, number } = rid;
    let (seconds, mix) = (now.millis() / 1000, xxh3_64(&number.to_le_bytes()));
    let mut text = format!(r#"{{"errcode":{code},"errmsg":"{message} rid: {:08x}-"#, seconds & 0xffff_ffff);
    // Writing to a String cannot fail.
    write!(text, r#"{:08x}-{:08x}"}}"#, mix >> 32, mix & 0xffff_ffff).unwrap_or_default();
    text
}

/// The platform's words for an `errcode`, without the request id.
fn message(code: i64) -> &'static str {
    match code {
        -1 => "system error",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by \
             getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40066 => "invalid url",
        40125 => "invalid appsecret",
        40170 => "args count exceed count limit",
        40243 => "appsecret is frozen",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41018 => "component_appid missing",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        44002 => "empty post data",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        47001 => "data format error",
        48001 => "api unauthorized",
        50002 => "user limited",
        50007 => "account is frozen",
        61003 => "component is not authorized by this account",
        61005 => "component ticket is expired",
        61006 => "component ticket is invalid",
        61007 => "api is unauthorized to component",
        61014 => "component access_token is needed",
        61015 => "access_token of the account is needed",
        61023 => "refresh_token is invalid",
        76003 => "invalid cgi_path, must begin with a slash",
        76021 => "cgi_path not found",
        76022 => "cgi_path does not match the access_token",
        89503 => "this ip has to be confirmed by the administrator",
        _ => "simulated error",
    }
}
