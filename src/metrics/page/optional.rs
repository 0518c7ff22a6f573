//! Families that only some accounts have, and those of third-party platforms.

use std::sync::Arc;

use super::{AccountFamilies, Value, end, family, push_failing};
use crate::metrics::family::{Family, account};
use crate::metrics::write::{Padded, PageWriter, Piece, push_label};
use crate::store::{AuthorizerState, Failing, LastPoll, PlatformReadings, Readings};
use crate::wechat::api::Api;
use crate::wechat::collect::{ApiQuota, Collector};

impl AccountFamilies<'_> {
    /// The families of the optional collectors.
    pub(super) fn write_optional(&self, to: &mut PageWriter<'_>) {
        let now = self.page.now;
        self.each_special(to, &account::DRAFTS, &[((), Padded::new("} "))], |readings, ()| {
            readings.draft.as_ref()?.held(readings.account.hold, now).map(|&drafts| Value::Count(drafts))
        });
        self.write_quota(to, &account::QUOTA_LIMIT, |quota| Some(quota.limit?.calls));
        self.write_quota(to, &account::QUOTA_USED, |quota| Some(quota.used));
        self.write_quota(to, &account::QUOTA_REMAINING, |quota| Some(quota.limit?.remaining));
        let collectors = [Collector::Draft, Collector::Quota].map(|one| (one, end("collector", one.label())));
        self.each_special(to, &account::COLLECTOR_LAST_SUCCESS, &collectors, |readings, collector| {
            let at = match collector {
                Collector::Material => None,
                Collector::Draft => readings.draft.as_ref()?.last_good.as_ref().map(|(_, at)| *at),
                Collector::Quota => readings.quota.as_ref()?.last_good.as_ref().map(|(_, at)| *at),
            };
            at.map(Value::Moment)
        });
        self.write_collector_failing(to);
    }

    fn write_quota(
        &self,
        to: &mut PageWriter<'_>,
        family: &Family,
        value: impl Fn(&ApiQuota) -> Option<u64>,
    ) {
        let apis = Api::ALL.map(|api| (api, end("api", api.label())));
        let now = self.page.now;
        self.each_special(to, family, &apis, |readings, api| {
            let quotas = readings.quota.as_ref()?.held(readings.account.hold, now)?;
            quotas.iter().find(|quota| quota.api == api).and_then(&value).map(Value::Count)
        });
    }

    fn write_collector_failing(&self, to: &mut PageWriter<'_>) {
        let mut end = Vec::new();
        family(to, &account::COLLECTOR_FAILING, |to, name| {
            for (row, readings) in self.rows.special() {
                for (collector, failing) in optional_failures(readings) {
                    end.clear();
                    end.push(b',');
                    push_label(&mut end, "collector", collector.label());
                    push_failing(&mut end, failing);
                    to.sample([name, self.rows.labels(row), Piece::whole(&end)], Value::Count(1));
                }
            }
        });
    }
}

fn optional_failures(readings: &Readings) -> impl Iterator<Item = (Collector, &Failing)> {
    let draft = readings.draft.as_ref().map(|draft| (Collector::Draft, &draft.last_poll));
    let quota = readings.quota.as_ref().map(|quota| (Collector::Quota, &quota.last_poll));
    [draft, quota].into_iter().flatten().filter_map(|(collector, last_poll)| match last_poll {
        LastPoll::Failed(failing) => Some((collector, failing)),
        LastPoll::Pending | LastPoll::Succeeded => None,
    })
}

/// The families of third-party platforms.
pub(super) fn write_platforms(platforms: &[Arc<PlatformReadings>], to: &mut PageWriter<'_>) {
    let states = AuthorizerState::ALL.map(|state| end("state", state.label()));
    each_platform(platforms, to, &account::PLATFORM_AUTHORIZERS, |to, name, readings, labels| {
        for (end, count) in states.iter().zip(readings.authorizers.iter().flatten()) {
            to.sample([name, labels, end.piece()], Value::Count(*count));
        }
    });
    each_platform(platforms, to, &account::PLATFORM_UP, |to, name, readings, labels| {
        let up = match readings.last_call {
            LastPoll::Pending => return,
            LastPoll::Succeeded => 1,
            LastPoll::Failed(_) => 0,
        };
        to.sample([name, labels, Piece::whole(b"} ")], Value::Count(up));
    });
    each_platform(platforms, to, &account::PLATFORM_FAILING, |to, name, readings, labels| {
        if let LastPoll::Failed(failing) = &readings.last_call {
            let mut end = Vec::new();
            push_failing(&mut end, failing);
            to.sample([name, labels, Piece::whole(&end)], Value::Count(1));
        }
    });
}

fn each_platform(
    platforms: &[Arc<PlatformReadings>],
    to: &mut PageWriter<'_>,
    of: &Family,
    samples: impl Fn(&mut PageWriter<'_>, Piece<'_>, &PlatformReadings, Piece<'_>),
) {
    family(to, of, |to, name| {
        for readings in platforms {
            let mut labels = vec![b'{'];
            push_label(&mut labels, "platform", readings.name.as_str());
            samples(to, name, readings, Piece::whole(&labels));
        }
    });
}
