//! Checks step by step what stands between a configuration and its counts, and says what to do.
//! Each API is called at most once for each account, nothing is repeated, no state is written, and
//! no token is fetched that another program could miss.

mod account;
mod finding;
mod network;
mod order;
mod plan;
mod progress;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::account::{Hindrance, takeover};
use self::finding::{Cause, Finding, Step, Subject, Verdict};
use self::network::{Route, clock, routes};
use self::order::in_order;
use self::plan::{announcement, chosen};
use self::progress::{Done, Progress};
use self::report::{End, Extent, Format, Report};
use crate::cli::{Doctor, Flags};
use crate::clock::Clock;
use crate::config::platform::AuthorizerToken;
use crate::config::{Account, Config, Loaded, Platform, load, process_environment};
use crate::metrics::own::ExporterMetrics;
use crate::platform::{PlatformParts, Profiles, RunningPlatforms};
use crate::shard::Shard;
use crate::shutdown::Signals;
use crate::state::restored::FormerPlatforms;
use crate::state::saver::Saver;
use crate::stdout::Stdout;
use crate::store::Store;
use crate::token::read::Reader;
use crate::upstream::Upstream;
use crate::web::negotiate::Language;
use crate::wechat::client::ApiClient;

/// More subjects than this are told in detail only where there is trouble, and announced before
/// the first call.
const MANY: usize = 20;

/// Runs the check and writes its findings to stdout. Exit code 1 when a step failed; an error when
/// the check cannot begin or its findings cannot be written.
pub async fn run(doctor: &Doctor, flags: &Flags) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let format = if doctor.json { Format::Json } else { Format::Text };
    let begin = || Report::new(Stdout, format, language(|name| std::env::var(name).ok()));
    let loaded = match load(&flags.config_file, &process_environment(), Shard::default(), None) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let mut report = begin()?;
            report.show(&Subject::Configuration, &told(faults.lines(), Verdict::Failed), Extent::Whole)?;
            report.finish(End::Complete)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let accounts = chosen(&loaded, &doctor.accounts)?;
    let check = Check::new(&loaded.config, accounts).await?;
    if let Some(text) = check.announcement() {
        match format {
            Format::Text => writeln!(Stdout, "{text}")?,
            Format::Json => writeln!(io::stderr(), "{text}")?,
        }
    }
    let mut report = begin()?;
    let file = flags.config_file.display().to_string();
    report.show(&Subject::Configuration, &configuration(&loaded, &file), Extent::Whole)?;
    let stop = CancellationToken::new();
    let mut end = End::Interrupted { accounts: check.accounts.len() };
    let work = async {
        if let Some(done) = stop.run_until_cancelled(check.run(&mut report)).await {
            done?;
            end = End::Complete;
        }
        Ok(())
    };
    signals.run(stop.clone(), work).await?;
    Ok(if report.finish(end)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A check of some accounts of a configuration.
struct Check<'a> {
    config: &'a Config,
    accounts: Vec<Arc<Account>>,
    upstream: Arc<Upstream>,
}

impl<'a> Check<'a> {
    async fn new(config: &'a Config, accounts: Vec<Arc<Account>>) -> anyhow::Result<Self> {
        let upstream = Arc::new(upstream(config, &accounts).await?);
        Ok(Self { config, accounts, upstream })
    }

    fn announcement(&self) -> Option<String> {
        (self.accounts.len() > MANY).then(|| announcement(self.config, &self.accounts))
    }

    /// Checks the ways to the API, then the accounts, then what their answers told of the clock.
    async fn run<W: Write>(&self, report: &mut Report<W>) -> anyhow::Result<()> {
        let (api, routes) = (&self.config.api, routes(&self.accounts));
        let extent = extent(routes.len());
        let mut closed = Vec::new();
        let connect = |route: Route| {
            let api = api.clone();
            async move {
                let findings = route.check(&api).await;
                (route, findings)
            }
        };
        in_order(routes.clone(), api.max_in_flight, connect, |(route, findings)| {
            report.show(&Subject::Route(route.name()), &findings, extent)?;
            if findings.iter().any(Finding::has_failed) {
                closed.push(route);
            }
            Ok(())
        })
        .await?;
        self.check_accounts(&closed, report).await?;
        for route in &routes {
            if let Some(base_url) = route.called() {
                let finding = clock(self.upstream.client.clock_offset(base_url));
                report.show(&Subject::Route(route.name()), &[finding], extent)?;
            }
        }
        Ok(())
    }

    async fn check_accounts<W: Write>(&self, closed: &[Route], report: &mut Report<W>) -> anyhow::Result<()> {
        let (progress, done) = (Progress::new(self.accounts.len()), Done::default());
        let work = |account: Arc<Account>| {
            let hindrance = self.hindrance(&account, closed);
            let (upstream, done) = (Arc::clone(&self.upstream), done.clone());
            async move {
                let findings = account::check(&upstream, &account, hindrance).await;
                done.add_one();
                (account, findings)
            }
        };
        let extent = extent(self.accounts.len());
        let accounts = self.accounts.iter().map(Arc::clone);
        let checked = in_order(accounts, self.config.api.max_in_flight, work, |(account, findings)| {
            progress.hide()?;
            let subject = Subject::Account(account.name.clone(), account.app_id.as_str().to_owned());
            report.show(&subject, &findings, extent)
        });
        let result = tokio::select! {
            result = checked => result,
            Ok(never) = progress.show(&done), if extent == Extent::Trouble => match never {},
        };
        progress.hide()?;
        result
    }

    fn hindrance(&self, account: &Account, closed: &[Route]) -> Option<Hindrance> {
        let route = || closed.iter().find(|route| route.is_taken_by(account));
        takeover(account, &self.config.platforms)
            .or_else(|| route().map(|route| Hindrance::Unreachable(route.name())))
    }
}

fn extent(subjects: usize) -> Extent {
    if subjects > MANY { Extent::Trouble } else { Extent::Whole }
}

/// What the accounts' steps reach for. Of the platforms only those whose tokens are read are in it.
async fn upstream(config: &Config, accounts: &[Arc<Account>]) -> anyhow::Result<Upstream> {
    let metrics = Arc::new(ExporterMetrics::new().context("cannot count requests")?);
    let endpoints: Vec<_> = accounts.iter().map(|account| &*account.endpoint).collect();
    let client = Arc::new(ApiClient::new(&config.api, &endpoints, metrics)?.comparing_clocks());
    let clock = Clock::System;
    let reader = Arc::new(Reader::new(config.api.connect_timeout, clock));
    // Nobody listens: discovery is never sent to work.
    let (changes, _) = mpsc::channel(1);
    let mut platforms = RunningPlatforms::new(PlatformParts {
        client: Arc::clone(&client),
        reader: Arc::clone(&reader),
        store: Arc::new(Store::default()),
        clock,
        profiles: Profiles::new(FormerPlatforms::default(), Saver::off()),
        changes,
        requests_per_second: config.api.requests_per_second,
    });
    let is_read =
        |platform: &&Arc<Platform>| matches!(platform.authorizer_token, AuthorizerToken::ReadOnly(_));
    let read: Vec<_> = config.platforms.iter().filter(is_read).map(Arc::clone).collect();
    platforms.apply(&read, std::iter::empty()).await;
    Ok(Upstream { client, reader, platforms: platforms.handles(), started: Instant::now() })
}

/// What is to be said of a configuration that can be used.
fn configuration(loaded: &Loaded, file: &str) -> Vec<Finding> {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut detail = format!("{file}: {}", count(loaded.config.accounts.len(), "account"));
    if !loaded.config.platforms.is_empty() {
        detail.push_str(", ");
        detail.push_str(&count(loaded.config.platforms.len(), "platform"));
        detail.push_str("; accounts that a platform discovers are not checked");
    }
    let mut findings = vec![Finding::ok(Step::Configuration, detail)];
    findings.extend(told(&loaded.warnings, Verdict::Warning));
    for file in &loaded.broken {
        findings.extend(told(file.faults.lines(), Verdict::Failed));
    }
    findings
}

/// Lines of the configuration's reader, each of which says what would be right.
fn told(lines: &[String], verdict: fn(Cause) -> Verdict) -> Vec<Finding> {
    let finding = |line: &String| Finding {
        step: Step::Configuration,
        verdict: verdict(Cause::Told),
        detail: line.clone(),
    };
    lines.iter().map(finding).collect()
}

/// The language of the remedies: the first of the variables that POSIX looks at for messages, in
/// its order.
fn language(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set);
    if locale.is_some_and(|locale| locale.starts_with("zh")) { Language::Zh } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_chooses_the_language() {
        let chosen = |set: &[(&str, &str)]| {
            language(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(chosen(&[]), Language::En);
        assert_eq!(chosen(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(chosen(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "en_GB")]), Language::Zh);
        assert_eq!(chosen(&[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Language::En);
    }
}
