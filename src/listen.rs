//! Addresses to listen on, in the manner of Prometheus: `HOST:PORT`, `[v6]:PORT` or `:PORT`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::Context;
use tokio::net::TcpListener;

/// This machine, as it calls itself.
pub const LOCALHOST: &str = "localhost";

/// One address of `--web.listen-address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or address; all addresses of this machine when empty.
    host: String,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "must be HOST:PORT, [IPV6]:PORT or :PORT".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(rule)?;
        let port = port.parse().map_err(|_| rule())?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().map_err(|_| rule())?.to_string(),
            None if host.contains([':', '[', ']', '/', ' ']) => return Err(rule()),
            None => host.to_owned(),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl ListenAddress {
    /// HOST:PORT under which this machine itself reaches what listens here.
    pub fn local(&self) -> String {
        match self.host.as_str() {
            "" | "0.0.0.0" | "::" => format!("{LOCALHOST}:{}", self.port),
            _ => self.to_string(),
        }
    }

    /// A socket that listens here. The error names the address and the flag to change it.
    pub async fn bind(&self) -> anyhow::Result<TcpListener> {
        self.try_bind()
            .await
            .with_context(|| format!("cannot listen on `{self}`: choose another with --web.listen-address"))
    }

    async fn try_bind(&self) -> io::Result<TcpListener> {
        if !self.host.is_empty() {
            return TcpListener::bind((self.host.as_str(), self.port)).await;
        }
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
            // A machine without IPv6.
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await,
            bound => bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_the_manner_of_prometheus() {
        for good in [":19870", "localhost:0", "127.0.0.1:80", "[::1]:9090", "[::]:1"] {
            assert_eq!(good.parse::<ListenAddress>().unwrap().to_string(), good);
        }
        for bad in ["", "19870", ":", ":x", ":65536", "::1:80", "[::1]", "[x]:1", "http://x:1", "a b:1"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn all_addresses_are_reached_by_this_machines_own() {
        for all in [":80", "0.0.0.0:80", "[::]:80"] {
            assert_eq!(all.parse::<ListenAddress>().unwrap().local(), "localhost:80");
        }
        for one in ["10.0.0.1:80", "[::1]:80", "exporter:80"] {
            assert_eq!(one.parse::<ListenAddress>().unwrap().local(), one);
        }
    }

    #[tokio::test]
    async fn all_addresses_means_ipv4_too_and_a_taken_port_is_said_clearly() {
        let listener = ListenAddress { host: String::new(), port: 0 }.bind().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let taken = ListenAddress { host: "127.0.0.1".into(), port };
        let error = format!("{:#}", taken.bind().await.unwrap_err());
        assert!(error.contains("--web.listen-address") && error.contains("in use"), "{error}");
    }
}
