//! The calls we make, each written once: path on the wire, label in the metrics, meaning of its
//! errors.

use super::class::Call;

/// One API of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `GET /cgi-bin/token`, which retires the token that others hold.
    Token,
    /// `GET /cgi-bin/material/get_materialcount`
    MaterialCount,
    /// `GET /cgi-bin/draft/count`
    DraftCount,
    /// `POST /cgi-bin/openapi/quota/get`
    QuotaGet,
    /// `POST /cgi-bin/component/api_component_token`
    ComponentToken,
    /// `POST /cgi-bin/component/api_authorizer_token`
    AuthorizerToken,
    /// `POST /cgi-bin/component/api_get_authorizer_list`
    AuthorizerList,
    /// `POST /cgi-bin/component/api_get_authorizer_info`
    AuthorizerInfo,
}

impl Api {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::StableToken,
        Self::Token,
        Self::MaterialCount,
        Self::DraftCount,
        Self::QuotaGet,
        Self::ComponentToken,
        Self::AuthorizerToken,
        Self::AuthorizerList,
        Self::AuthorizerInfo,
    ];

    /// The path below the base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::StableToken => "/cgi-bin/stable_token",
            Self::Token => "/cgi-bin/token",
            Self::MaterialCount => "/cgi-bin/material/get_materialcount",
            Self::DraftCount => "/cgi-bin/draft/count",
            Self::QuotaGet => "/cgi-bin/openapi/quota/get",
            Self::ComponentToken => "/cgi-bin/component/api_component_token",
            Self::AuthorizerToken => "/cgi-bin/component/api_authorizer_token",
            Self::AuthorizerList => "/cgi-bin/component/api_get_authorizer_list",
            Self::AuthorizerInfo => "/cgi-bin/component/api_get_authorizer_info",
        }
    }

    /// The value of the `api` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StableToken => "stable_token",
            Self::Token => "token",
            Self::MaterialCount => "get_materialcount",
            Self::DraftCount => "draft_count",
            Self::QuotaGet => "quota_get",
            Self::ComponentToken => "api_component_token",
            Self::AuthorizerToken => "api_authorizer_token",
            Self::AuthorizerList => "api_get_authorizer_list",
            Self::AuthorizerInfo => "api_get_authorizer_info",
        }
    }

    /// The API of this label.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.label() == label)
    }

    /// Whose credential is at stake when this call fails.
    pub const fn call(self) -> Call {
        match self {
            Self::StableToken | Self::Token | Self::ComponentToken => Call::Token,
            Self::MaterialCount | Self::DraftCount | Self::QuotaGet => Call::Data,
            Self::AuthorizerToken | Self::AuthorizerList | Self::AuthorizerInfo => Call::Component,
        }
    }
}
