//! The metrics page: account families from the readings, then the exporter's own metrics.
//! Family by family, as the formats demand; the account label of each account is rendered once.

mod optional;

use std::iter::zip;
use std::sync::Arc;
use std::time::Duration;

use super::family::{Family, FamilyType, account};
use super::gathered::write_gathered;
use super::own::ExporterMetrics;
use super::write::{PageWriter, Value, push_label};
use super::{Encoding, Format};
use crate::clock::WallTime;
use crate::config::{Kind, Pool};
use crate::store::{Failing, LastPoll, PlatformReadings, Readings};

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The accounts in the order of the page; each name once.
    pub readings: &'a [Arc<Readings>],
    /// The third-party platforms; each name once.
    pub platforms: &'a [Arc<PlatformReadings>],
    /// `Config::info_labels`, which the accounts' `info_labels` are the values of. A value that an
    /// account lacks is printed empty.
    pub info_labels: &'a [String],
    /// Decides which counts are still held.
    pub now: WallTime,
    /// The exporter's own metrics, where they belong on the page.
    pub own: Option<&'a ExporterMetrics>,
}

/// The bytes of a page. Takes time in proportion to the accounts, so it does not belong on a thread
/// that serves others. Compressed, it never holds the whole text.
pub fn render(page: &Page<'_>, format: Format, encoding: Encoding) -> Vec<u8> {
    let mut writer = PageWriter::new(format, encoding, expected_bytes(page));
    AccountFamilies::new(page).write(&mut writer);
    optional::write_platforms(page.platforms, &mut writer);
    for family in page.own.map(ExporterMetrics::gather).into_iter().flatten() {
        write_gathered(&mut writer, &family);
    }
    writer.finish()
}

/// Room for the text of the page, a little too much: what is not written to costs no memory, but
/// growing on the way costs a copy. 26 series at most an account, whose name stands in each.
fn expected_bytes(page: &Page<'_>) -> usize {
    const OWN_BYTES: usize = 20 * 1024;
    const ACCOUNT_BYTES: usize = 1_900;
    const SERIES: usize = 26;
    let accounts = page.readings.iter().map(|readings| {
        let account = &readings.account;
        let info: usize = account.info_labels.iter().map(|value| value.len()).sum();
        ACCOUNT_BYTES + SERIES * account.name.as_str().len() + account.display_name.len() + info
    });
    OWN_BYTES + accounts.sum::<usize>()
}

/// A label value of a family and what follows the account label in its series, up to the value.
type End<L> = (L, Vec<u8>);

struct AccountFamilies<'a> {
    page: &'a Page<'a>,
    /// `{account="…"` of every account, one after another.
    labels: Vec<u8>,
    /// Where each account's part of `labels` ends.
    ends: Vec<usize>,
    kinds: [End<Kind>; 4],
    pools: [End<Pool>; 2],
}

impl<'a> AccountFamilies<'a> {
    fn new(page: &'a Page<'a>) -> Self {
        let mut labels = Vec::new();
        let mut ends = Vec::with_capacity(page.readings.len());
        for readings in page.readings {
            labels.push(b'{');
            push_label(&mut labels, "account", readings.account.name.as_str());
            ends.push(labels.len());
        }
        Self {
            page,
            labels,
            ends,
            kinds: Kind::ALL.map(|kind| (kind, end("kind", kind.label()))),
            pools: Pool::ALL.map(|pool| (pool, end("pool", pool.label()))),
        }
    }

    fn write(&self, to: &mut PageWriter) {
        self.write_material(to);
        self.write_info(to);
        self.each(to, &account::UP, |readings| match readings.last_poll {
            LastPoll::Pending => None,
            LastPoll::Succeeded => Some(Value::Count(1)),
            LastPoll::Failed(_) => Some(Value::Count(0)),
        });
        self.write_failing(to);
        self.each(to, &account::LAST_SUCCESS, |readings| {
            readings.last_good.as_ref().map(|good| Value::Moment(good.at))
        });
        self.each(to, &account::NEXT_POLL, |readings| Some(Value::Moment(readings.next_poll)));
        self.each(to, &account::POLL_INTERVAL, |readings| Some(seconds(readings.interval)));
        self.each(to, &account::POLLS, |readings| Some(Value::Count(readings.polls)));
        self.each(to, &account::POLL_FAILURES, |readings| Some(Value::Count(readings.failures)));
        self.each(to, &account::TOKEN_REFRESHES, |readings| Some(Value::Count(readings.token_refreshes)));
        self.each(to, &account::TOKEN_REJECTIONS, |readings| Some(Value::Count(readings.token_rejections)));
        self.write_optional(to);
    }

    fn write_material(&self, to: &mut PageWriter) {
        let now = self.page.now;
        self.each_of(to, &account::ITEMS, &self.kinds, |readings, kind| {
            Some(Value::Count(readings.held(now)?.counts[kind]))
        });
        self.each_of(to, &account::LIMIT_ITEMS, &self.kinds, |readings, kind| {
            Some(Value::Count(readings.account.limits.items[kind]))
        });
        self.each_of(to, &account::USAGE_RATIO, &self.kinds, |readings, kind| {
            let items = readings.held(now)?.counts[kind];
            Some(Value::Float(items as f64 / readings.account.limits.items[kind] as f64))
        });
        self.each_of(to, &account::POOL_LIMIT_ITEMS, &self.pools, |readings, pool| {
            readings.account.limits.of_pool(pool).map(Value::Count)
        });
        self.each_of(to, &account::POOL_USAGE_RATIO, &self.pools, |readings, pool| {
            let limit = readings.account.limits.of_pool(pool)?;
            let items = pool.items(&readings.held(now)?.counts);
            Some(Value::Float(items as f64 / limit as f64))
        });
    }

    fn write_info(&self, to: &mut PageWriter) {
        let mut end = Vec::new();
        self.family(to, &account::INFO, |to, name, readings, labels| {
            let settings = &readings.account;
            // In the order of the family's labels after `account`.
            let token = &settings.token;
            let values = [settings.app_id.as_str(), &settings.display_name, token.label(), token.platform()];
            end.clear();
            for (label, value) in zip(&account::INFO.labels[1..], values) {
                end.push(b',');
                push_label(&mut end, label, value);
            }
            for (at, label) in self.page.info_labels.iter().enumerate() {
                end.push(b',');
                push_label(&mut end, label, settings.info_labels.get(at).map_or("", |value| value));
            }
            end.extend_from_slice(b"} ");
            to.sample(name, labels, &end, Value::Count(1));
        });
    }

    fn write_failing(&self, to: &mut PageWriter) {
        let mut end = Vec::new();
        self.family(to, &account::FAILING, |to, name, readings, labels| {
            let LastPoll::Failed(failing) = &readings.last_poll else { return };
            end.clear();
            push_failing(&mut end, failing);
            to.sample(name, labels, &end, Value::Count(1));
        });
    }

    /// A family with one series an account, where it has a value.
    fn each(&self, to: &mut PageWriter, family: &Family, value: impl Fn(&Readings) -> Option<Value>) {
        self.family(to, family, |to, name, readings, labels| {
            if let Some(value) = value(readings) {
                to.sample(name, labels, b"} ", value);
            }
        });
    }

    /// A family with a series for each of `ends`, where an account has a value for it.
    fn each_of<L: Copy>(
        &self,
        to: &mut PageWriter,
        family: &Family,
        ends: &[End<L>],
        value: impl Fn(&Readings, L) -> Option<Value>,
    ) {
        self.family(to, family, |to, name, readings, labels| {
            for (label, end) in ends {
                if let Some(value) = value(readings, *label) {
                    to.sample(name, labels, end, value);
                }
            }
        });
    }

    fn family(
        &self,
        to: &mut PageWriter,
        family: &Family,
        mut samples: impl FnMut(&mut PageWriter, &[u8], &Readings, &[u8]),
    ) {
        let Family { name, family_type, help, .. } = family;
        debug_assert_ne!(*family_type, FamilyType::Histogram, "accounts have none");
        to.family(name, *family_type, help, |to| {
            let mut start = 0;
            for (readings, &end) in zip(self.page.readings, &self.ends) {
                samples(to, name.as_bytes(), readings, &self.labels[start..end]);
                start = end;
            }
        });
    }
}

/// The labels of a failure and the end of its series.
fn push_failing(end: &mut Vec<u8>, failing: &Failing) {
    end.push(b',');
    push_label(end, "class", failing.class.label());
    end.push(b',');
    let mut digits = itoa::Buffer::new();
    push_label(end, "errcode", failing.errcode.map_or("", |code| digits.format(code.0)));
    end.extend_from_slice(b"} ");
}

/// Whole seconds, which intervals mostly are, without the cost of a float.
fn seconds(duration: Duration) -> Value {
    match duration.subsec_nanos() {
        0 => Value::Count(duration.as_secs()),
        _ => Value::Float(duration.as_secs_f64()),
    }
}

/// What follows the account label in a series with one more label.
fn end(label: &str, value: &str) -> Vec<u8> {
    let mut text = vec![b','];
    push_label(&mut text, label, value);
    text.extend_from_slice(b"} ");
    text
}

#[cfg(test)]
mod tests;
