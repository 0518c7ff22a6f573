//! The calls we make, each written once: path on the wire, label in the metrics, meaning of its
//! errors.

use super::class::Call;

/// One API of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `GET /cgi-bin/material/get_materialcount`
    MaterialCount,
}

impl Api {
    /// All of them, for tables.
    pub const ALL: [Self; 2] = [Self::StableToken, Self::MaterialCount];

    /// The path below the base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::StableToken => "/cgi-bin/stable_token",
            Self::MaterialCount => "/cgi-bin/material/get_materialcount",
        }
    }

    /// The value of the `api` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StableToken => "stable_token",
            Self::MaterialCount => "get_materialcount",
        }
    }

    /// Whose token is at stake when this call fails.
    pub const fn call(self) -> Call {
        match self {
            Self::StableToken => Call::Token,
            Self::MaterialCount => Call::Data,
        }
    }
}
