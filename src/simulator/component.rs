//! One third-party platform: its ticket, its tokens, and which accounts it has. Pure: `now` is an
//! argument. What it holds of each account is kept with that account.

use serde_json::json;

use crate::clock::WallTime;
use crate::simulator::Endpoint;
use crate::simulator::answer::{Answer, Outcome};
use crate::simulator::ledger::{Ledger, Strike};
use crate::simulator::scenario::SimulatedPlatform;
use crate::simulator::token::{Grant, Issuer, Line, TokenRules};

/// What `api_component_token` asks for, as far as the platform decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComponentTokenRequest<'a> {
    pub secret: Option<&'a str>,
    pub ticket: Option<&'a str>,
}

/// One platform as it is now.
#[derive(Debug)]
pub(super) struct ComponentState {
    secret: String,
    ticket: String,
    former_tickets: Vec<String>,
    issuer: Issuer,
    tokens: Line,
    /// Places of the accounts, in order of their authorisation.
    authorizers: Vec<usize>,
    ledger: Ledger,
}

impl ComponentState {
    /// The platform at the start of its scenario, with the accounts at these places. `place` is its
    /// own among all app ids.
    pub(super) fn new(
        place: usize,
        platform: SimulatedPlatform,
        authorizers: Vec<usize>,
        rules: TokenRules,
        started: WallTime,
    ) -> Self {
        let SimulatedPlatform { app_id, secret, ticket, refused_ip, latency, faults, .. } = platform;
        let ledger = Ledger::new(&app_id, latency, faults, refused_ip, started);
        let issuer = Issuer::new(place, ledger.salt());
        let (former_tickets, tokens) = (Vec::new(), Line::new(rules));
        Self { secret, ticket, former_tickets, issuer, tokens, authorizers, ledger }
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    pub(super) fn retire_tokens(&mut self) {
        self.tokens.retire_all();
    }

    /// Pushes a ticket. The one before counts as expired from now on.
    pub(super) fn set_ticket(&mut self, ticket: &str) {
        let former = std::mem::replace(&mut self.ticket, ticket.to_owned());
        self.former_tickets.push(former);
        self.former_tickets.retain(|former| former != ticket);
    }

    /// The account at `place` is the platform's from now on, last in its list.
    pub(super) fn add(&mut self, place: usize) {
        self.remove(place);
        self.authorizers.push(place);
    }

    /// The account at `place` is no longer the platform's.
    pub(super) fn remove(&mut self, place: usize) {
        self.authorizers.retain(|&other| other != place);
    }

    /// A call of `api_component_token`.
    pub(super) fn token(&mut self, now: WallTime, request: ComponentTokenRequest<'_>) -> Outcome {
        let strike = self.ledger.visit(now, Endpoint::ComponentToken);
        strike.on(|| match self.granted(now, request) {
            Ok(answer) | Err(answer) => answer.into(),
        })
    }

    /// The component token that the platform's owner works with: no call is counted, none retired.
    pub(super) fn token_of(&mut self, now: WallTime) -> Grant {
        self.tokens.current(now, &mut self.issuer)
    }

    /// Counts a call with a component token and says whether it may go ahead.
    pub(super) fn admit(
        &mut self,
        now: WallTime,
        endpoint: Endpoint,
        token: &str,
    ) -> (Strike, Result<(), Answer>) {
        let strike = self.ledger.visit(now, endpoint);
        let admitted = match (self.ledger.refused_ip(), self.tokens.check(now, token)) {
            (Some(ip), _) => Err(Answer::NotRegistered(ip)),
            (None, Some(Ok(()))) => Ok(()),
            (None, Some(Err(refusal))) => Err(Answer::Error(refusal.errcode())),
            (None, None) => Err(Answer::Error(40001)),
        };
        if strike.flap() {
            self.retire_tokens();
        }
        (strike, admitted)
    }

    /// How many accounts there are, and the places of at most `count` from `offset` on.
    pub(super) fn page(&self, offset: usize, count: usize) -> (usize, Vec<usize>) {
        (self.authorizers.len(), self.authorizers.iter().skip(offset).take(count).copied().collect())
    }

    fn granted(&mut self, now: WallTime, request: ComponentTokenRequest<'_>) -> Result<Answer, Answer> {
        if let Some(ip) = self.ledger.refused_ip() {
            return Err(Answer::NotRegistered(ip));
        }
        match request.secret {
            None => return Err(Answer::Error(41004)),
            Some(secret) if secret != self.secret => return Err(Answer::Error(40125)),
            Some(_) => {}
        }
        match request.ticket {
            Some(ticket) if ticket == self.ticket => {}
            Some(ticket) if self.former_tickets.iter().any(|former| former == ticket) => {
                return Err(Answer::Error(61005));
            }
            _ => return Err(Answer::Error(61006)),
        }
        let Grant { token, expires_in_seconds } = self.tokens.renew(now, &mut self.issuer);
        Ok(Answer::Json(json!({"component_access_token": token, "expires_in": expires_in_seconds})))
    }
}
