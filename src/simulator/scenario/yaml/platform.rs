//! The third-party platforms of a scenario file.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::Deserialize;

use crate::config::{AccountName, AppId};
use crate::simulator::scenario::yaml::{Range, RawFault, faults, latency, wrong};
use crate::simulator::scenario::{SimulatedAuthorizer, SimulatedPlatform};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlatform {
    component_app_id: String,
    component_app_secret: String,
    ticket: String,
    #[serde(default)]
    authorizers: BTreeMap<String, Option<RawAuthorizer>>,
    refused_ip: Option<IpAddr>,
    latency: Option<Range>,
    #[serde(default)]
    faults: Vec<RawFault>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAuthorizer {
    refresh_token: Option<String>,
    auth_time: Option<u64>,
    func_info: Option<Vec<u32>>,
    mini_program: bool,
}

/// A platform whose authorizers are among the app ids of `accounts`.
pub(super) fn platform(
    name: &str,
    raw: RawPlatform,
    accounts: &HashSet<AppId>,
) -> Result<SimulatedPlatform, String> {
    if AccountName::parse(name).is_none() {
        return Err(wrong("name", name, AccountName::RULE));
    }
    let Some(app_id) = AppId::parse(&raw.component_app_id) else {
        return Err(wrong("component_app_id", &raw.component_app_id, AppId::RULE));
    };
    let texts = [("component_app_secret", &raw.component_app_secret), ("ticket", &raw.ticket)];
    if let Some((key, _)) = texts.iter().find(|(_, text)| text.is_empty()) {
        return Err(format!("{key}: is empty: any other text is right"));
    }
    let authorizers = raw.authorizers.into_iter().map(|(app_id, raw)| {
        let known = AppId::parse(&app_id).and_then(|app_id| accounts.get(&app_id));
        let Some(known) = known else {
            return Err(wrong("authorizers", &app_id, "the app id of an account above"));
        };
        Ok(authorizer(known.clone(), raw.unwrap_or_default()))
    });
    Ok(SimulatedPlatform {
        authorizers: authorizers.collect::<Result<_, _>>()?,
        refused_ip: raw.refused_ip,
        latency: latency(raw.latency),
        faults: faults(&raw.faults)?,
        ..SimulatedPlatform::new(name, app_id, &raw.component_app_secret, &raw.ticket)
    })
}

fn authorizer(app_id: AppId, raw: RawAuthorizer) -> SimulatedAuthorizer {
    let refresh_token =
        raw.refresh_token.unwrap_or_else(|| format!("refreshtoken@@@simulated-{}", app_id.as_str()));
    let platform = SimulatedAuthorizer::new(app_id, &refresh_token);
    SimulatedAuthorizer {
        auth_time: raw.auth_time.unwrap_or(platform.auth_time),
        func_info: raw.func_info.unwrap_or(platform.func_info),
        mini_program: raw.mini_program,
        ..platform
    }
}
