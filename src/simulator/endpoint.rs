//! The calls that the simulator answers.

use crate::simulator::scenario::Calls;

/// A call that the simulator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `GET /cgi-bin/token`
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
    /// `GET /token-server/{app_id}`: not of the platform, but a server of one's own that keeps the
    /// stable token of each account (中控服务器).
    TokenServer,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::StableToken,
        Self::Token,
        Self::MaterialCount,
        Self::DraftCount,
        Self::QuotaGet,
        Self::ComponentToken,
        Self::AuthorizerToken,
        Self::AuthorizerList,
        Self::AuthorizerInfo,
        Self::TokenServer,
    ];

    /// The path on the wire.
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
            Self::TokenServer => "/token-server/{app_id}",
        }
    }

    /// The platform's call at `path`.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|&endpoint| endpoint != Self::TokenServer && endpoint.path() == path)
    }

    /// Whether it is a call of a third-party platform and not of an account.
    pub(super) const fn is_component(self) -> bool {
        matches!(
            self,
            Self::ComponentToken | Self::AuthorizerToken | Self::AuthorizerList | Self::AuthorizerInfo
        )
    }

    /// Whether a fault of these `calls` strikes it. The token server is not the platform's, so none
    /// does.
    pub(super) const fn is_struck_by(self, calls: Calls) -> bool {
        match calls {
            Calls::All => !matches!(self, Self::TokenServer),
            Calls::Token => {
                matches!(self, Self::StableToken | Self::Token | Self::ComponentToken | Self::AuthorizerToken)
            }
            Calls::Data => matches!(
                self,
                Self::MaterialCount
                    | Self::DraftCount
                    | Self::QuotaGet
                    | Self::AuthorizerList
                    | Self::AuthorizerInfo
            ),
            Calls::Material => matches!(self, Self::MaterialCount),
            Calls::Draft => matches!(self, Self::DraftCount),
            Calls::Quota => matches!(self, Self::QuotaGet),
        }
    }
}
