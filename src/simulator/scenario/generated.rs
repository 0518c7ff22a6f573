//! Scenarios of any size, the same each time.

use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Kind, PerKind};
use crate::simulator::scenario::{
    Scenario, SimulatedAccount, SimulatedAuthorizer, SimulatedPlatform, app_id,
};

pub(super) fn accounts(n: u32) -> Vec<SimulatedAccount> {
    (0..n).filter_map(account).collect()
}

/// The platform of all these accounts.
pub(super) fn platform(accounts: &[SimulatedAccount]) -> Option<SimulatedPlatform> {
    let authorizer = |(i, account): (usize, &SimulatedAccount)| {
        SimulatedAuthorizer::new(account.app_id.clone(), &format!("refreshtoken@@@simulated-{i}"))
    };
    let authorizers = accounts.iter().enumerate().map(authorizer).collect();
    // Far from the app id of any generated account.
    let (app_id, secret, ticket) = (app_id(u64::MAX)?, "simulated-component-secret", "ticket@@@simulated");
    Some(SimulatedPlatform { authorizers, ..SimulatedPlatform::new("simulated", app_id, secret, ticket) })
}

fn account(i: u32) -> Option<SimulatedAccount> {
    let mix = xxh3_64(&i.to_le_bytes());
    Some(SimulatedAccount {
        display_name: format!("模拟账号 {i}"),
        counts: PerKind::new(|kind| match kind {
            Kind::Voice => mix % 900,
            Kind::Video => (mix >> 16) % 900,
            Kind::Image => (mix >> 32) % 90_000,
            Kind::News => (mix >> 48) % 20_000,
        }),
        drafts: mix >> 58,
        growth_per_hour: PerKind::new(|kind| if kind == Kind::Image { f64::from(i % 7) } else { 0.0 }),
        ..SimulatedAccount::new(
            &format!("{}{i}", Scenario::GENERATED),
            app_id(u64::from(i))?,
            &format!("simulated-secret-{i}"),
        )
    })
}
