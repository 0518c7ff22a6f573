//! The URL under which others reach the exporter: `--web.external-url`, or else what a request says.

use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use reqwest::Url;

/// A URL from outside, such as that of a reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    scheme: &'static str,
    host: Box<str>,
    /// Before every path; empty, or with a `/` at its beginning and none at its end.
    prefix: Box<str>,
}

impl FromStr for ExternalUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be http://HOST[:PORT][/PATH] or https://…, without user, query and fragment";
        let url = Url::parse(text).map_err(|_| RULE)?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return Err(RULE),
        };
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_plain && is_bare).ok_or(RULE)?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { scheme, host: host.into(), prefix: url.path().trim_end_matches('/').into() })
    }
}

impl ExternalUrl {
    /// What the client of a request has called, over TLS or not, unless its `Host` header is missing or
    /// no host.
    pub(super) fn of_request(headers: &HeaderMap, tls: bool) -> Option<Self> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next()?.to_str().ok().filter(|host| host.len() <= 255)?;
        let authority = Authority::from_str(host).ok().filter(|it| !it.as_str().contains('@'))?;
        let is_only = hosts.next().is_none() && !authority.host().is_empty();
        let scheme = if tls { "https" } else { "http" };
        is_only.then(|| Self { scheme, host: authority.as_str().into(), prefix: "".into() })
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host and port.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// `path` as it is seen from outside.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_url_has_a_host_and_no_secret() {
        let url: ExternalUrl = "https://metrics.example:8443/wechat/".parse().unwrap();
        assert_eq!((url.scheme(), url.host()), ("https", "metrics.example:8443"));
        assert_eq!(url.path("/metrics"), "/wechat/metrics");
        assert_eq!("http://[::1]".parse::<ExternalUrl>().unwrap().host(), "[::1]");
        for bad in ["", "metrics.example", "ftp://a", "http://a@b", "http://a?b", "http://a#b", "http://"] {
            assert!(bad.parse::<ExternalUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_names_one_host_or_none() {
        let of = |hosts: &[&str]| {
            let headers = hosts.iter().map(|host| (HOST, host.parse().unwrap())).collect();
            ExternalUrl::of_request(&headers, false).map(|url| url.host().to_owned())
        };
        assert_eq!(of(&["exporter:19870"]).unwrap(), "exporter:19870");
        assert_eq!(of(&["[::1]:19870"]).unwrap(), "[::1]:19870");
        for bad in [&[][..], &["a", "b"], &["a/b"], &["a b"], &["user@a"], &["\"><x"], &[&"a".repeat(300)]] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }
}
