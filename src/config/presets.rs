//! Where SDKs keep an account's access token in Redis, by their default settings.

use super::token::{Pointer, RedisFormat};

/// The layout of one SDK.
#[derive(Debug)]
pub(super) struct Preset {
    /// The value of the configuration key `preset`.
    pub(super) name: &'static str,
    /// The key that holds the token; `{prefix}` stands for the operator's prefix.
    key: &'static str,
    prefix: Prefix,
    is_json: bool,
}

#[derive(Debug)]
enum Prefix {
    /// The SDK's keys are fixed.
    None,
    /// Taken as it is, with this default.
    AsIs(&'static str),
    /// None by default. A given one gets a `:` after it, unless it ends in one.
    Joined,
}

/// All presets.
pub(super) static PRESETS: [Preset; 5] = [
    // `WxMpRedisConfigImpl`; `wx` is the Spring Boot starter's prefix, its `multi` variant has
    // `wx:mp:multi`.
    Preset {
        name: "wxjava-mp",
        key: "{prefix}:access_token:{app_id}",
        prefix: Prefix::AsIs("wx"),
        is_json: false,
    },
    // `RedisStorage`, which writes strings as JSON.
    Preset {
        name: "wechatpy",
        key: "{prefix}:{app_id}_access_token",
        prefix: Prefix::AsIs("wechatpy"),
        is_json: true,
    },
    // `DefaultAccessToken`; the two underscores are the SDK's.
    Preset {
        name: "silenceper",
        key: "gowechat_officialaccount__access_token_{app_id}",
        prefix: Prefix::None,
        is_json: false,
    },
    // `StableAccessToken`
    Preset {
        name: "silenceper-stable",
        key: "gowechat_officialaccount__stable_access_token_{app_id}",
        prefix: Prefix::None,
        is_json: false,
    },
    // `AbstractWxOpenInRedisConfigStorage`: the library has no prefix of its own. What a Spring
    // Boot starter sets (`wx:open` and others, by its version) must be given as `prefix`.
    Preset {
        name: "wxjava-open-authorizer",
        key: "{prefix}wechat_authorizer_access_token:{component_app_id}:{app_id}",
        prefix: Prefix::Joined,
        is_json: false,
    },
];

impl Preset {
    /// Whether `prefix` means anything.
    pub(super) fn takes_prefix(&self) -> bool {
        !matches!(self.prefix, Prefix::None)
    }

    /// Whether the keys name the platform.
    pub(super) fn is_of_platform(&self) -> bool {
        self.key.contains("{component_app_id}")
    }

    /// The key with the operator's prefix or the default one in place.
    pub(super) fn key(&self, prefix: Option<&str>) -> String {
        let prefix = match (&self.prefix, prefix) {
            (Prefix::None, _) | (Prefix::Joined, None) => String::new(),
            (Prefix::AsIs(default), prefix) => prefix.unwrap_or(default).to_owned(),
            (Prefix::Joined, Some(prefix)) if prefix.trim().is_empty() => String::new(),
            (Prefix::Joined, Some(prefix)) if prefix.ends_with(':') => prefix.to_owned(),
            (Prefix::Joined, Some(prefix)) => format!("{prefix}:"),
        };
        self.key.replace("{prefix}", &prefix)
    }

    /// What the value is.
    pub(super) fn format(&self) -> RedisFormat {
        match Pointer::parse("") {
            Some(root) if self.is_json => RedisFormat::Json(root),
            _ => RedisFormat::Plain,
        }
    }
}
