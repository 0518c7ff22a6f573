//! The metrics page: account families from the readings, then the exporter's own metrics.
//! Family by family, as the formats demand; the account label of each account is rendered once.

mod optional;
mod rows;

use std::iter::zip;
use std::sync::Arc;
use std::time::Duration;

use self::rows::{Row, Rows};
use super::family::{Family, FamilyType, account};
use super::gathered::write_gathered;
use super::own::ExporterMetrics;
use super::write::{Padded, PageWriter, Piece, Value, push_label};
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

/// The bytes of a page. Takes time in proportion to the accounts, so that of more than a few does not
/// belong on a thread that serves others.
pub fn render(page: &Page<'_>, format: Format, encoding: Encoding) -> Vec<u8> {
    let mut whole = Vec::new();
    render_in_parts(page, format, encoding, &mut |part| {
        if whole.is_empty() {
            whole = part;
        } else {
            whole.extend_from_slice(&part);
        }
    });
    whole
}

/// As [`render`], but passes on each part of the page as soon as it is made: some 64 KiB each.
pub fn render_in_parts(
    page: &Page<'_>,
    format: Format,
    encoding: Encoding,
    pass_on: &mut dyn FnMut(Vec<u8>),
) {
    let mut writer = PageWriter::new(format, encoding, pass_on);
    AccountFamilies::new(page).write(&mut writer);
    optional::write_platforms(page.platforms, &mut writer);
    for family in page.own.map(ExporterMetrics::gather).into_iter().flatten() {
        write_gathered(&mut writer, &family);
    }
    writer.finish();
}

/// A label value of a family and what follows the account label in its series, up to the value.
type End<L> = (L, Padded);

struct AccountFamilies<'a> {
    page: &'a Page<'a>,
    rows: Rows<'a>,
    kinds: [End<Kind>; 4],
    pools: [End<Pool>; 2],
}

impl<'a> AccountFamilies<'a> {
    fn new(page: &'a Page<'a>) -> Self {
        Self {
            page,
            rows: Rows::new(page.readings, page.now),
            kinds: Kind::ALL.map(|kind| (kind, end("kind", kind.label()))),
            pools: Pool::ALL.map(|pool| (pool, end("pool", pool.label()))),
        }
    }

    fn write(&self, to: &mut PageWriter<'_>) {
        self.write_material(to);
        self.write_info(to);
        self.each(to, &account::UP, |row| row.up.map(|up| Value::Count(u64::from(up))));
        self.write_failing(to);
        self.each(to, &account::LAST_SUCCESS, |row| row.last_success.map(Value::Moment));
        self.each(to, &account::NEXT_POLL, |row| Some(Value::Moment(row.next_poll)));
        self.each(to, &account::POLL_INTERVAL, |row| Some(seconds(row.interval)));
        self.each(to, &account::POLLS, |row| Some(Value::Count(row.polls)));
        self.each(to, &account::POLL_FAILURES, |row| Some(Value::Count(row.failures)));
        self.each(to, &account::TOKEN_REFRESHES, |row| Some(Value::Count(row.token_refreshes)));
        self.each(to, &account::TOKEN_REJECTIONS, |row| Some(Value::Count(row.token_rejections)));
        self.write_optional(to);
    }

    fn write_material(&self, to: &mut PageWriter<'_>) {
        self.each_kind(to, &account::ITEMS, |row, kind| Some(Value::Count(row.counts.as_ref()?[kind])));
        self.each_kind(to, &account::LIMIT_ITEMS, |row, kind| Some(Value::Count(row.limits[kind])));
        self.each_kind(to, &account::USAGE_RATIO, |row, kind| {
            Some(Value::Share(row.counts.as_ref()?[kind], row.limits[kind]))
        });
        self.each_special(to, &account::POOL_LIMIT_ITEMS, &self.pools, |readings, pool| {
            readings.account.limits.of_pool(pool).map(Value::Count)
        });
        let now = self.page.now;
        self.each_special(to, &account::POOL_USAGE_RATIO, &self.pools, |readings, pool| {
            let limit = readings.account.limits.of_pool(pool)?;
            let items = pool.items(&readings.held(now)?.counts);
            Some(Value::Share(items, limit))
        });
    }

    fn write_info(&self, to: &mut PageWriter<'_>) {
        let mut end = Vec::new();
        family(to, &account::INFO, |to, name| {
            for (row, readings) in self.rows.all() {
                let settings = &readings.account;
                // In the order of the family's labels after `account`.
                let token = &settings.token;
                let values =
                    [settings.app_id.as_str(), &settings.display_name, token.label(), token.platform()];
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
                to.sample([name, self.rows.labels(row), Piece::whole(&end)], Value::Count(1));
            }
        });
    }

    fn write_failing(&self, to: &mut PageWriter<'_>) {
        let mut end = Vec::new();
        family(to, &account::FAILING, |to, name| {
            for (row, readings) in self.rows.special() {
                let LastPoll::Failed(failing) = &readings.last_poll else { continue };
                end.clear();
                push_failing(&mut end, failing);
                to.sample([name, self.rows.labels(row), Piece::whole(&end)], Value::Count(1));
            }
        });
    }

    /// A family with one series an account, where it has a value.
    fn each(&self, to: &mut PageWriter<'_>, of: &Family, value: impl Fn(&Row) -> Option<Value>) {
        family(to, of, |to, name| {
            for (row, _) in self.rows.all() {
                if let Some(value) = value(row) {
                    to.sample([name, self.rows.only_label(row)], value);
                }
            }
        });
    }

    /// A family with a series for each kind, where an account has a value for it.
    fn each_kind(&self, to: &mut PageWriter<'_>, of: &Family, value: impl Fn(&Row, Kind) -> Option<Value>) {
        family(to, of, |to, name| {
            for (row, _) in self.rows.all() {
                let labels = self.rows.labels(row);
                for (kind, end) in &self.kinds {
                    if let Some(value) = value(row, *kind) {
                        to.sample([name, labels, end.piece()], value);
                    }
                }
            }
        });
    }

    /// A family with a series for each of `ends`, where an account has a value for it. Few have.
    fn each_special<L: Copy>(
        &self,
        to: &mut PageWriter<'_>,
        of: &Family,
        ends: &[End<L>],
        value: impl Fn(&Readings, L) -> Option<Value>,
    ) {
        family(to, of, |to, name| {
            for (row, readings) in self.rows.special() {
                let labels = self.rows.labels(row);
                for (label, end) in ends {
                    if let Some(value) = value(readings, *label) {
                        to.sample([name, labels, end.piece()], value);
                    }
                }
            }
        });
    }
}

/// One family, whose series `samples` writes under the name that it is given.
fn family(to: &mut PageWriter<'_>, family: &Family, samples: impl FnOnce(&mut PageWriter<'_>, Piece<'_>)) {
    let Family { name, family_type, help, .. } = family;
    debug_assert_ne!(*family_type, FamilyType::Histogram, "accounts have none");
    let padded = Padded::new(*name);
    to.family(name, *family_type, help, |to| samples(to, padded.piece()));
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
fn end(label: &str, value: &str) -> Padded {
    let mut text = vec![b','];
    push_label(&mut text, label, value);
    text.extend_from_slice(b"} ");
    Padded::new(text)
}

#[cfg(test)]
mod tests;
