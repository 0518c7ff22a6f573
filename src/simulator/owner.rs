//! What others do beside the calls: administrators, owners of platforms, programs that keep tokens.

use std::net::IpAddr;

use crate::config::AppId;
use crate::simulator::component::ComponentState;
use crate::simulator::scenario::{Calls, Fault, SimulatedAuthorizer};
use crate::simulator::{Simulator, UnknownAppId};

/// Faults and refusals, of accounts and of third-party platforms alike.
impl Simulator {
    /// Retires every token of the account or the component at once, as a foreign forced refresh does.
    pub fn retire_tokens(&self, app_id: &AppId) -> Result<(), UnknownAppId> {
        if let Some(mut account) = self.account(app_id) {
            account.retire_tokens();
            return Ok(());
        }
        self.on_component(app_id, ComponentState::retire_tokens)
    }

    /// Lets `calls` fail by `fault` until [`Simulator::clear_fault`], beside the timeline. Replaces the
    /// fault set before. For a platform, [`Calls::Token`] are the calls for component and authorizer
    /// tokens and [`Calls::Data`] the list and the info.
    pub fn set_fault(&self, app_id: &AppId, calls: Calls, fault: Fault) -> Result<(), UnknownAppId> {
        self.with_ledger(app_id, |ledger| ledger.set_fault(Some((calls, fault))))
    }

    /// Ends what [`Simulator::set_fault`] began; the timeline goes on.
    pub fn clear_fault(&self, app_id: &AppId) -> Result<(), UnknownAppId> {
        self.with_ledger(app_id, |ledger| ledger.set_fault(None))
    }

    /// Refuses the account's token calls (40164) or the platform's calls (61004) because this address
    /// is not in the whitelist, or no longer refuses them.
    pub fn set_refused_ip(&self, app_id: &AppId, ip: Option<IpAddr>) -> Result<(), UnknownAppId> {
        self.with_ledger(app_id, |ledger| ledger.set_refused_ip(ip))
    }
}

/// Third-party platforms, named by their component app id.
impl Simulator {
    /// Gives an account of the scenario to the platform on these terms, anew where it has it already:
    /// then the terms before, and the tokens by them, end at once.
    pub fn authorize(&self, component: &AppId, terms: SimulatedAuthorizer) -> Result<(), UnknownAppId> {
        let (number, place) = self.numbers(component, &terms.app_id)?;
        if let Some(mut account) = self.by_place(place) {
            account.authorize(number, terms);
        }
        self.on_component(component, |component| component.add(place))
    }

    /// Takes the account away from the platform: its authorizer tokens end at once.
    pub fn deauthorize(&self, component: &AppId, authorizer: &AppId) -> Result<(), UnknownAppId> {
        let (number, place) = self.numbers(component, authorizer)?;
        let had = self.by_place(place).is_some_and(|mut account| account.deauthorize(number));
        self.on_component(component, |component| component.remove(place))?;
        if had { Ok(()) } else { Err(UnknownAppId(authorizer.clone())) }
    }

    /// Replaces the refresh token of an account of the platform; the old one ends at once. An empty
    /// one stands for a code that was never exchanged: nothing brings an authorizer token then.
    pub fn change_refresh_token(
        &self,
        component: &AppId,
        authorizer: &AppId,
        refresh_token: &str,
    ) -> Result<(), UnknownAppId> {
        let (number, place) = self.numbers(component, authorizer)?;
        let changed = self
            .by_place(place)
            .is_some_and(|mut account| account.change_refresh_token(number, refresh_token));
        if changed { Ok(()) } else { Err(UnknownAppId(authorizer.clone())) }
    }

    /// Pushes a verify ticket: the only one that is valid from now on, those before count as expired.
    /// A ticket that is not replaced never expires.
    pub fn set_ticket(&self, component: &AppId, ticket: &str) -> Result<(), UnknownAppId> {
        self.on_component(component, |component| component.set_ticket(ticket))
    }

    fn on_component(
        &self,
        app_id: &AppId,
        action: impl FnOnce(&mut ComponentState),
    ) -> Result<(), UnknownAppId> {
        let (_, mut component) = self.component(app_id).ok_or_else(|| UnknownAppId(app_id.clone()))?;
        action(&mut component);
        Ok(())
    }

    /// The number of a platform and the place of an account.
    fn numbers(&self, component: &AppId, authorizer: &AppId) -> Result<(usize, usize), UnknownAppId> {
        let unknown = |app_id: &AppId| UnknownAppId(app_id.clone());
        let number = self.number(component).ok_or_else(|| unknown(component))?;
        let place = self.shared.places.get(authorizer).copied();
        let place = place.filter(|&place| place < self.shared.accounts.len());
        Ok((number, place.ok_or_else(|| unknown(authorizer))?))
    }
}

/// Tokens as other programs keep them, in a file or a shared cache: valid now, and renewed once their
/// last minutes begin. Asking is no call: it is not counted, takes no quota and retires nothing.
impl Simulator {
    /// The account's stable token.
    pub fn stable_token_of(&self, app_id: &AppId) -> Result<String, UnknownAppId> {
        let mut account = self.account(app_id).ok_or_else(|| UnknownAppId(app_id.clone()))?;
        Ok(account.stable_token(self.now()).token.into())
    }

    /// What the token file of the account's cloud container holds: renewed every 10 minutes, each
    /// valid for 30. Data calls take it where the scenario marks the account, or the one that
    /// `from_appid` names, as in the cloud.
    pub fn cloud_token_of(&self, app_id: &AppId) -> Result<String, UnknownAppId> {
        let mut account = self.account(app_id).ok_or_else(|| UnknownAppId(app_id.clone()))?;
        Ok(account.cloud_token(self.now()).token.into())
    }

    /// The platform's component token.
    pub fn component_token_of(&self, component: &AppId) -> Result<String, UnknownAppId> {
        let found = self.component(component).ok_or_else(|| UnknownAppId(component.clone()));
        let (_, mut component) = found?;
        Ok(component.token_of(self.now()).token.into())
    }

    /// The platform's token for an account that it has.
    pub fn authorizer_token_of(&self, component: &AppId, authorizer: &AppId) -> Result<String, UnknownAppId> {
        let (number, place) = self.numbers(component, authorizer)?;
        let grant =
            self.by_place(place).and_then(|mut account| account.authorizer_token_of(self.now(), number));
        grant.map(|grant| grant.token.into()).ok_or_else(|| UnknownAppId(authorizer.clone()))
    }
}
