//! What is kept of each app id, be it an account or a third-party platform: its calls, what it used
//! of its quotas, and the faults that strike it. Pure: `now` is an argument.

use std::net::IpAddr;
use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::clock::WallTime;
use crate::config::AppId;
use crate::simulator::Endpoint;
use crate::simulator::answer::{Answer, Outcome};
use crate::simulator::quota::{Exceeded, Quota, Usage};
use crate::simulator::scenario::{Calls, Fault, Latency, ScheduledFault};

/// The books of one app id.
#[derive(Debug)]
pub(super) struct Ledger {
    started: WallTime,
    salt: u64,
    /// By `Endpoint`.
    calls: [u64; Endpoint::ALL.len()],
    /// By `Endpoint`.
    usage: [Usage; Endpoint::ALL.len()],
    latency: Latency,
    scheduled: Vec<ScheduledFault>,
    fault: Option<(Calls, Fault)>,
    refused_ip: Option<IpAddr>,
}

/// The faults that strike one call.
#[derive(Debug, Default)]
pub(super) struct Strike {
    delay: Duration,
    flap: bool,
    slow: Option<Duration>,
    /// What is answered without looking at the request.
    instead: Option<Answer>,
}

impl Ledger {
    /// Books without a call.
    pub(super) fn new(
        app_id: &AppId,
        latency: Latency,
        scheduled: Vec<ScheduledFault>,
        refused_ip: Option<IpAddr>,
        started: WallTime,
    ) -> Self {
        // With the start in it, a restarted simulator does not issue the tokens of its last run again.
        let salt = xxh3_64_with_seed(app_id.as_str().as_bytes(), started.millis().cast_unsigned());
        let (calls, usage, fault) = (Default::default(), Default::default(), None);
        Self { started, salt, calls, usage, latency, scheduled, fault, refused_ip }
    }

    /// `calls` to `endpoint` were made today before the start.
    pub(super) fn use_before(&mut self, endpoint: Endpoint, calls: u64) {
        self.usage[endpoint as usize] = Usage::new(calls, self.started);
    }

    /// A number that differs by app id and start.
    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    pub(super) fn since_start(&self, now: WallTime) -> Duration {
        now.since(self.started)
    }

    pub(super) fn calls(&self, endpoint: Endpoint) -> u64 {
        self.calls[endpoint as usize]
    }

    pub(super) fn set_fault(&mut self, fault: Option<(Calls, Fault)>) {
        self.fault = fault;
    }

    /// The address that the whitelist lacks, if any.
    pub(super) fn refused_ip(&self) -> Option<IpAddr> {
        self.refused_ip
    }

    pub(super) fn set_refused_ip(&mut self, ip: Option<IpAddr>) {
        self.refused_ip = ip;
    }

    /// Counts a call that no fault can strike.
    pub(super) fn count(&mut self, endpoint: Endpoint) {
        self.calls[endpoint as usize] += 1;
    }

    /// Counts a call and gathers what strikes it.
    pub(super) fn visit(&mut self, now: WallTime, endpoint: Endpoint) -> Strike {
        self.count(endpoint);
        let since_start = self.since_start(now);
        let scheduled = self.scheduled.iter().filter(|fault| fault.is_active(since_start));
        let scheduled = scheduled.map(|fault| (fault.calls, fault.fault));
        let mut strike = Strike { delay: self.pick(self.latency), ..Strike::default() };
        for (_, fault) in
            self.fault.into_iter().chain(scheduled).filter(|(calls, _)| endpoint.is_struck_by(*calls))
        {
            match fault {
                Fault::Latency(latency) => strike.delay += self.pick(latency),
                Fault::Slow(time) => strike.slow = strike.slow.or(Some(time)),
                Fault::TokenFlap => strike.flap = true,
                Fault::Reset => strike.answer(Answer::Reset),
                Fault::Http(status) => strike.answer(Answer::Http(status)),
                Fault::Garbage => strike.answer(Answer::Garbage),
                Fault::Html => strike.answer(Answer::Html),
                Fault::Errcode(code) => strike.answer(Answer::Error(code)),
            }
        }
        strike
    }

    /// Takes one call from `quota`, or tells the `errcode` that refuses it.
    pub(super) fn use_up(&mut self, now: WallTime, endpoint: Endpoint, quota: Quota) -> Result<(), i64> {
        self.usage[endpoint as usize].take(now, quota).map_err(|exceeded| match exceeded {
            Exceeded::Day => 45009,
            Exceeded::Minute => 45011,
        })
    }

    /// Calls taken from the day's quota so far.
    pub(super) fn used_today(&mut self, now: WallTime, endpoint: Endpoint) -> u64 {
        self.usage[endpoint as usize].today(now)
    }

    /// A time between the bounds that differs by app id and call.
    fn pick(&self, latency: Latency) -> Duration {
        let spread = latency.most.saturating_sub(latency.least);
        if spread.is_zero() {
            return latency.least;
        }
        let call = self.calls.iter().sum::<u64>();
        let share = xxh3_64((self.salt ^ call).to_le_bytes().as_slice()) >> 32;
        latency.least + spread.mul_f64(share as f64 / f64::from(u32::MAX))
    }
}

impl Strike {
    /// Whether every token ends with this call.
    pub(super) fn flap(&self) -> bool {
        self.flap
    }

    /// What the call gets where, unstruck, it would get `outcome`. That is asked for only if no fault
    /// answers instead.
    pub(super) fn on(self, outcome: impl FnOnce() -> Outcome) -> Outcome {
        let Outcome { answer, delay } = self.instead.map_or_else(outcome, Outcome::from);
        Outcome { answer: drip(answer, self.slow), delay: delay + self.delay }
    }

    fn answer(&mut self, answer: Answer) {
        self.instead.get_or_insert(answer);
    }
}

impl ScheduledFault {
    fn is_active(&self, since_start: Duration) -> bool {
        since_start.checked_sub(self.after).is_some_and(|age| self.lasts.is_none_or(|lasts| age < lasts))
    }
}

/// Spreads what can be read to its end.
fn drip(answer: Answer, time: Option<Duration>) -> Answer {
    match (answer, time) {
        (answer, None) | (answer @ (Answer::Reset | Answer::Http(_) | Answer::Html), Some(_)) => answer,
        (answer, Some(time)) => Answer::Slow(Box::new(answer), time),
    }
}
