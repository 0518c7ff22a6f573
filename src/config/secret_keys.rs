//! The secret keys there are, with what their values must look like.

use std::net::IpAddr;

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::secrets::SecretKey;
use super::token::Ids;

/// The `AppSecret` of an account.
pub(super) const APP_SECRET: SecretKey = SecretKey {
    inline: "app_secret",
    file: "app_secret_file",
    variable: "app_secret_env",
    what: "an app secret",
    accepts: |text| !text.trim().is_empty(),
    rule: "give the one of the account's console page",
};

/// The proxy for calls to the API.
pub(super) const PROXY: SecretKey = SecretKey {
    inline: "proxy",
    file: "proxy_file",
    variable: "proxy_env",
    what: "a proxy URL",
    accepts: is_proxy_url,
    rule: "write `http://HOST:PORT` or `https://HOST:PORT`, with `USER:PASSWORD@` before the host if needed",
};

/// The secret of a third-party platform.
pub(super) const COMPONENT_APP_SECRET: SecretKey = SecretKey {
    inline: "component_app_secret",
    file: "component_app_secret_file",
    variable: "component_app_secret_env",
    what: "an app secret",
    accepts: |text| !text.trim().is_empty(),
    rule: "give the one of the platform's console page",
};

/// The refresh token of an account that authorized a platform.
pub(super) const REFRESH_TOKEN: SecretKey = SecretKey {
    inline: "refresh_token",
    file: "refresh_token_file",
    variable: "refresh_token_env",
    what: "a refresh token",
    accepts: |text| !text.trim().is_empty(),
    rule: "give the one that came with the account's authorization",
};

/// The URL of a central token server.
pub(super) const TOKEN_URL: SecretKey = SecretKey {
    inline: "url",
    file: "url_file",
    variable: "url_env",
    what: "the URL of a token server",
    accepts: is_token_url,
    rule: "write `https://HOST[:PORT]/PATH` or `http://…`, with special characters in passwords as `%XX`",
};

/// The URL of a Redis database.
pub(super) const REDIS_URL: SecretKey = SecretKey {
    inline: "url",
    file: "url_file",
    variable: "url_env",
    what: "a Redis URL",
    accepts: is_redis_url,
    rule: "write `rediss://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` or `redis://…`, with special characters in \
           passwords as `%XX`",
};

/// The value of a header; its keys stand below the header's name.
pub(super) const HEADER: SecretKey = SecretKey {
    inline: "",
    file: "file",
    variable: "env",
    what: "a header value",
    accepts: |text| !text.trim().is_empty() && HeaderValue::from_str(text).is_ok(),
    rule: "use visible ASCII characters and spaces only",
};

/// The URL that a template stands for, whatever the ids are.
fn filled(text: &str) -> Option<Url> {
    let ids = Ids { app_id: "wx0123456789abcdef", component_app_id: "wx0123456789abcdef" };
    Url::parse(&ids.fill(text)).ok().filter(Url::has_host)
}

fn is_token_url(text: &str) -> bool {
    filled(text).is_some_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_redis_url(text: &str) -> bool {
    filled(text).is_some_and(|url| {
        let database = url.path().strip_prefix('/').unwrap_or_default();
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let is_number = database.is_empty() || database.parse::<u32>().is_ok();
        matches!(url.scheme(), "redis" | "rediss") && is_bare && is_number
    })
}

/// Whether what is sent to this URL can be read on the way: it is not encrypted, and its host is
/// not known to be this machine or one of a private network.
pub(super) fn is_exposed(text: &str) -> bool {
    let Some(url) = filled(text) else { return false };
    let host = url.host_str().unwrap_or_default();
    let near = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Err(_) => host.eq_ignore_ascii_case("localhost"),
        Ok(address) => match address.to_canonical() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        },
    };
    matches!(url.scheme(), "http" | "redis") && !near
}

fn is_proxy_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
