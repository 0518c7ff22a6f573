//! The plans of a configuration as text, for people.

use std::collections::HashMap;
use std::fmt;

use super::{AUTHORIZERS, Planned, Polling, of_platform};
use crate::config::Config;

/// Most different plans that are printed of each kind.
const MOST_GROUPS: usize = 20;
/// Most names that are printed of those who share a plan.
const MOST_NAMES: usize = 3;

/// Whose calls a plan counts.
#[derive(Clone, Copy, Debug)]
enum Whose {
    /// Those of an account in a file.
    Account,
    /// Those of each account that a platform discovers.
    Discovered,
    /// A platform's own.
    Platform,
}

/// Prints the budget of all accounts and platforms; alike ones once, the largest group first.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a Config);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { accounts, platforms, .. } = self.0;
        let plans = accounts.iter().map(|account| {
            let polling = Polling::of_account(account, platforms);
            (account.name.as_str(), polling.plan())
        });
        write_groups(f, Whose::Account, groups(plans))?;
        let discovered = platforms
            .iter()
            .filter_map(|platform| Some((platform.name.as_str(), Polling::of_discovered(platform)?.plan())));
        write_groups(f, Whose::Discovered, groups(discovered))?;
        let own = platforms.iter().map(|platform| (platform.name.as_str(), of_platform(platform)));
        write_groups(f, Whose::Platform, groups(own.filter(|(_, plan)| !plan.is_empty())))
    }
}

/// Those who share a plan: the first few of them by name, and how many there are.
struct Group<'a> {
    names: Vec<&'a str>,
    count: usize,
    plan: Vec<Planned>,
}

/// `plans` come in name order; the largest group is first.
fn groups<'a>(plans: impl Iterator<Item = (&'a str, Vec<Planned>)>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<Vec<Planned>, usize> = HashMap::new();
    for (name, plan) in plans {
        let at = known.get(&plan).copied().unwrap_or_else(|| {
            known.insert(plan.clone(), groups.len());
            groups.push(Group { names: Vec::new(), count: 0, plan });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.count += 1;
            if group.names.len() < MOST_NAMES {
                group.names.push(name);
            }
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

fn write_groups(f: &mut fmt::Formatter<'_>, whose: Whose, groups: Vec<Group<'_>>) -> fmt::Result {
    let more = groups.len().saturating_sub(MOST_GROUPS);
    for group in groups.into_iter().take(MOST_GROUPS) {
        let names = group.names.join(", ");
        let dots = if group.count > group.names.len() { ", …" } else { "" };
        match (whose, group.count) {
            (Whose::Account, 1) => writeln!(f, "budget a day for the account {names}:")?,
            (Whose::Account, count) => {
                writeln!(f, "budget a day for each of {count} accounts ({names}{dots}):")?;
            }
            (Whose::Discovered, _) => {
                writeln!(f, "budget a day for each account that is discovered by {names}{dots}:")?;
            }
            (Whose::Platform, _) => {
                writeln!(
                    f,
                    "budget a day for the platform {names}{dots}, for each {AUTHORIZERS} authorizers:"
                )?;
            }
        }
        write_plan(f, &group.plan)?;
    }
    if more > 0 {
        writeln!(f, "{more} more plans")?;
    }
    Ok(())
}

fn write_plan(f: &mut fmt::Formatter<'_>, plan: &[Planned]) -> fmt::Result {
    let width = plan.iter().map(|planned| planned.api.label().len()).max().unwrap_or(0);
    for planned in plan {
        write!(f, "  {:width$}  {}", planned.api.label(), Calls(planned.per_day()))?;
        if let (Some(quota), Some(share)) = (planned.daily_quota, planned.share_millionths()) {
            write!(f, " of {quota} = {}", Percent(share))?;
        }
        match planned.at_most {
            Some(at_most) => writeln!(f, " (at most {at_most} with all retries)")?,
            None => writeln!(f, " (after a failure one call at a time)")?,
        }
    }
    Ok(())
}

/// A number of calls, with one decimal where it is not whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls(pub(crate) f64);

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.1}", self.0);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// A share in millionths as a percentage, rounded up: with two decimals from 1 % on, with four
/// below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percent(pub(crate) u128);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.0 < 10_000 { self.0 } else { self.0.div_ceil(100) * 100 };
        let text = format!("{}.{:04}", shown / 10_000, shown % 10_000);
        let text = text.trim_end_matches('0');
        write!(f, "{} %", text.strip_suffix('.').unwrap_or(text))
    }
}
