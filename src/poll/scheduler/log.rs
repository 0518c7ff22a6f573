//! What the log says of polls.

use crate::config::AccountName;
use crate::poll::state::{Ended, News};
use crate::store::LastPoll;
use crate::wechat::class::ErrorClass;

/// The class of a failed poll.
pub(super) fn class(poll: &LastPoll) -> Option<ErrorClass> {
    match poll {
        LastPoll::Failed(failing) => Some(failing.class),
        LastPoll::Pending | LastPoll::Succeeded => None,
    }
}

/// One line when an account begins to fail, fails in another way, or recovers; none while it stays as
/// it was.
pub(super) fn change(account: &AccountName, ended: &Ended) {
    let collector = ended.collector.label();
    match (&ended.news, &ended.now) {
        (News::Failing(error), LastPoll::Failed(failing)) => {
            let row = failing.class.row();
            tracing::warn!(
                %account,
                collector,
                class = row.label,
                errcode = failing.errcode.map(|code| code.0),
                error,
                remedy = failing.remedy().en,
                "account failing: {}", row.summary.en
            );
        }
        (News::Recovered, _) => tracing::info!(%account, collector, "account recovered"),
        _ => tracing::debug!(%account, collector, "poll ended"),
    }
}
