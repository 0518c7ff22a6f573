//! Families of the accounts and of what is collected from them.

use super::{ALWAYS, Family, HELD, counter, gauge};

pub(crate) const ITEMS: Family = gauge(
    "wechat_material_items",
    &["account", "kind"],
    HELD,
    "Permanent materials of this kind in the account, in items, as get_materialcount last told; \
     cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const LIMIT_ITEMS: Family = gauge(
    "wechat_material_limit_items",
    &["account", "kind"],
    ALWAYS,
    "Most permanent materials of this kind that the account can hold, in items; a setting.",
);

pub(crate) const USAGE_RATIO: Family = gauge(
    "wechat_material_usage_ratio",
    &["account", "kind"],
    HELD,
    "Permanent materials of this kind divided by their limit: 1 is full, more is possible; \
     cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const POOL_LIMIT_ITEMS: Family = gauge(
    "wechat_material_pool_limit_items",
    &["account", "pool"],
    "with `limits.pooled`",
    "Most permanent materials that the two kinds of this pool can hold together, in items; a setting.",
);

pub(crate) const POOL_USAGE_RATIO: Family = gauge(
    "wechat_material_pool_usage_ratio",
    &["account", "pool"],
    "with `limits.pooled`, while `wechat_material_items` is there",
    "Permanent materials of the two kinds of this pool divided by their common limit: 1 is full, more is \
     possible; cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const INFO: Family = gauge(
    "wechat_account_info",
    &["account", "app_id", "display_name", "source", "platform"],
    ALWAYS,
    "What the configuration says of the account, as labels; the value is 1 and has no unit.",
);

pub(crate) const UP: Family = gauge(
    "wechat_account_up",
    &["account"],
    "once the first poll has ended",
    "Whether the last poll of the account succeeded, 1 or 0; cached until the next poll, \
     the last success was at wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const FAILING: Family = gauge(
    "wechat_account_failing",
    &["account", "class", "errcode"],
    "while the last poll failed; `errcode` is empty when the failure has none",
    "Why the last poll of the account failed; the value is 1 and has no unit; cached until the next poll, \
     the last success was at wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const LAST_SUCCESS: Family = gauge(
    "wechat_account_last_success_timestamp_seconds",
    &["account"],
    "from the first success on, also after `hold`",
    "When the last successful poll of the account ended, in seconds since the Unix epoch: \
     all cached counts of the account are of that moment.",
);

pub(crate) const NEXT_POLL: Family = gauge(
    "wechat_account_next_poll_timestamp_seconds",
    &["account"],
    ALWAYS,
    "When the next poll of the account is due, in seconds since the Unix epoch; \
     further off than the interval while failures hold it back.",
);

pub(crate) const POLL_INTERVAL: Family = gauge(
    "wechat_account_poll_interval_seconds",
    &["account"],
    ALWAYS,
    "Time between two polls of the account now, in seconds; \
     longer than its setting while little of the daily quota remains.",
);

pub(crate) const POLLS: Family = counter(
    "wechat_account_polls_total",
    &["account"],
    "Polls of the account that ended, well or not, in polls since the exporter started.",
);

pub(crate) const POLL_FAILURES: Family = counter(
    "wechat_account_poll_failures_total",
    &["account"],
    "Polls of the account that failed, in polls since the exporter started.",
);

pub(crate) const TOKEN_REFRESHES: Family = counter(
    "wechat_account_token_refreshes_total",
    &["account"],
    "Access tokens obtained for the account, in tokens since the exporter started.",
);

pub(crate) const TOKEN_REJECTIONS: Family = counter(
    "wechat_account_token_rejections_total",
    &["account"],
    "Access tokens of the account that a data call refused, in tokens since the exporter started.",
);

pub(crate) const DRAFTS: Family = gauge(
    "wechat_draft_items",
    &["account"],
    "with `collect: [draft]`, from the first success until `hold` has passed without another",
    "Drafts in the account, in items, as draft/count last told; cached, its age follows from \
     wechat_collector_last_success_timestamp_seconds.",
);

const QUOTA: &str = "with `collect: [quota]`, while the quota is known";

pub(crate) const QUOTA_LIMIT: Family = gauge(
    "wechat_api_quota_limit_calls",
    &["account", "api"],
    QUOTA,
    "Calls of this API that the account may make a day, in calls, as quota/get last told; cached, its age \
     follows from wechat_collector_last_success_timestamp_seconds.",
);

pub(crate) const QUOTA_USED: Family = gauge(
    "wechat_api_quota_used_calls",
    &["account", "api"],
    "with `collect: [quota]`, from the first success until `hold` has passed without another",
    "Calls of this API that were made for the account today, by anybody, in calls, as quota/get last told; \
     cached, its age follows from wechat_collector_last_success_timestamp_seconds.",
);

pub(crate) const QUOTA_REMAINING: Family = gauge(
    "wechat_api_quota_remaining_calls",
    &["account", "api"],
    QUOTA,
    "Calls of this API that are left to the account today, in calls, as quota/get last told; cached, its age \
     follows from wechat_collector_last_success_timestamp_seconds.",
);

pub(crate) const COLLECTOR_LAST_SUCCESS: Family = gauge(
    "wechat_collector_last_success_timestamp_seconds",
    &["account", "collector"],
    "for each collector in `collect`, from its first success on",
    "When the last successful poll of this optional collector ended, in seconds since the Unix epoch.",
);

pub(crate) const COLLECTOR_FAILING: Family = gauge(
    "wechat_collector_failing",
    &["account", "collector", "class", "errcode"],
    "for each collector in `collect`, while its last poll failed",
    "Why the last poll of this optional collector failed; the value is 1 and has no unit; cached until its \
     next poll.",
);

pub(crate) const PLATFORM_AUTHORIZERS: Family = gauge(
    "wechat_platform_authorizers",
    &["platform", "state"],
    "for platforms that discover, from the first complete reading of the list on",
    "Authorizers that the third-party platform's list names, by what became of them, in accounts; cached \
     until the list is read again.",
);

pub(crate) const PLATFORM_UP: Family = gauge(
    "wechat_platform_up",
    &["platform"],
    "once a component call has ended",
    "Whether the last component call of the third-party platform succeeded, 1 or 0.",
);

pub(crate) const PLATFORM_FAILING: Family = gauge(
    "wechat_platform_failing",
    &["platform", "class", "errcode"],
    "while the platform is parked; `errcode` is empty when the failure has none",
    "Why the third-party platform is parked and none of its accounts makes a call; the value is 1 and has no \
     unit.",
);
