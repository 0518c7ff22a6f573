"""The dashboard that answers: how does this account fare, and why?"""

from source.blocks import (
    GREEN,
    RED,
    RUNWAY,
    USAGE,
    curves,
    dashed,
    graph,
    now,
    query,
    repeated,
    rows_of,
    stat,
    states,
    table,
    words,
)
from source.series import (
    FULL_IN,
    ITEMS,
    LIMIT,
    OF_ACCOUNT,
    PER_DAY,
    POOL_RATIO,
    RATIO,
    STORAGE_RATIO,
    account,
    increase,
)

LAST_SUCCESS = account("wechat_account_last_success_timestamp_seconds")
NEXT_POLL = account("wechat_account_next_poll_timestamp_seconds")
INTERVAL = account("wechat_account_poll_interval_seconds")
FAILING = words((1, "failing", RED))


def present():
    return [
        table(
            "Account",
            "What the configuration or the third-party platform says of the account.",
            [rows_of(account("wechat_account_info", ", app_id, display_name, source, platform"))],
            {
                "account": "Account",
                "display_name": "Name",
                "app_id": "App ID",
                "source": "Token from",
                "platform": "Platform",
            },
            sort=("Account", False),
            height=5,
        ),
        stat(
            "Last poll",
            "Whether the last poll of the account succeeded.",
            [now(account("wechat_account_up"), "{{account}}")],
            unit="none",
            steps=[(None, RED), (1, GREEN)],
            mappings=words((1, "succeeded", GREEN), (0, "failed", RED)),
            height=5,
            alert="WeChatAccountDown",
        ),
        stat(
            "Age of the counts",
            "Time since the counts were last right.",
            [now(f"time() - {LAST_SUCCESS}", "{{account}}")],
            unit="s",
            height=5,
            alert="WeChatAccountDataStale",
        ),
        stat(
            "Used",
            "The largest share of a limit that the account uses, of all kinds or pools.",
            [now(f"max by (account) ({STORAGE_RATIO})", "{{account}}")],
            unit="percentunit",
            steps=USAGE,
            height=5,
        ),
        stat(
            "Full in",
            """Time until the first limit is reached if the account grows on as in the median of the last 7 days.
                 No data while nothing grows, or before there are three days of history.""",
            [now(f"min by (account) ({FULL_IN})", "{{account}}")],
            unit="s",
            steps=RUNWAY,
            height=5,
            alert="WeChatMaterialQuotaFillingUp",
        ),
    ]


def storage():
    by_kind = "{{account}} {{kind}}"
    return [
        repeated(
            graph(
                "Items: $kind",
                "Permanent materials of this kind, and the limit as a dashed line.",
                [query(ITEMS, "{{account}}"), query(LIMIT, "{{account}} limit")],
                width=6,
                least=0,
                overrides=[dashed("B")],
            ),
            "kind",
            4,
        ),
        graph(
            "Usage",
            "Items as a share of their limit. The alerts begin at the dashed lines: 80 %, 95 % and full.",
            [query(RATIO, by_kind)],
            unit="percentunit",
            steps=USAGE,
            least=0,
            height=9,
            alert="WeChatMaterialQuotaNearLimit",
        ),
        graph(
            "Items a day",
            """Bars: items that were added within a day, below 0 where more were deleted. Lines: the median of
              the last 7 days, from which the time to full follows; it begins after three days of history.""",
            [{**query(f"{ITEMS} - {ITEMS} offset 1d", by_kind), "interval": "1d"}, query(PER_DAY, f"{by_kind} median")],
            height=9,
            overrides=[curves("A", custom__drawStyle="bars", custom__fillOpacity=50), curves("B", custom__lineWidth=2)],
        ),
        graph(
            "Time to full",
            "When each kind, or pool of kinds, is full if it grows on as in the median of the last 7 days.",
            [query(FULL_IN, "{{account}} {{kind}}{{pool}}")],
            unit="s",
            least=0,
            width=24,
        ),
    ]


def pools():
    by_pool = "{{account}} {{pool}}"
    share, limit = (account(f"wechat_material_pool_{what}", ", pool") for what in ("usage_ratio", "limit_items"))
    return [
        graph(
            "Usage of pools",
            "Items of the two kinds of a pool as a share of the limit that they have in common.",
            [query(POOL_RATIO, by_pool)],
            unit="percentunit",
            steps=USAGE,
            least=0,
        ),
        graph(
            "Items in pools",
            "Items of the two kinds of a pool together, and their common limit as a dashed line.",
            [query(f"{share} * {limit}", by_pool), query(limit, f"{by_pool} limit")],
            least=0,
            overrides=[dashed("B")],
        ),
    ]


def polls():
    return [
        graph(
            "Age of the counts",
            """Time since the last success. Beyond the dashed line, three poll intervals, the account counts
              as stale.""",
            [query(f"time() - {LAST_SUCCESS}", "{{account}}"), query(f"3 * {INTERVAL}", "{{account}} stale")],
            unit="s",
            least=0,
            overrides=[dashed("B")],
        ),
        graph(
            "Next poll in",
            """Time until the account is asked again: beyond the dashed line, its poll interval, a failure
              holds it back.""",
            [query(f"{NEXT_POLL} - time()", "{{account}}"), query(INTERVAL, "{{account}} interval")],
            unit="s",
            overrides=[dashed("B")],
        ),
        states(
            "Why it failed",
            "Class and errcode of the last poll while it had failed. Empty is good.",
            [query(account("wechat_account_failing", ", class, errcode"), "{{account}}: {{class}} {{errcode}}")],
            FAILING,
            alert="WeChatAccountAuthFailing",
        ),
        graph(
            "Polls",
            "Polls that ended, and those of them that failed.",
            [
                query(f"sum by (account) ({increase('wechat_account_polls_total', OF_ACCOUNT)})", "{{account}}"),
                query(
                    f"sum by (account) ({increase('wechat_account_poll_failures_total', OF_ACCOUNT)})",
                    "{{account}} failed",
                ),
            ],
            least=0,
        ),
        graph(
            "Tokens",
            """Access tokens that were obtained, and those that a data call refused. Refusals that go on mean that
                  another program replaces the token.""",
            [
                query(
                    f"sum by (account) ({increase('wechat_account_token_refreshes_total', OF_ACCOUNT)})",
                    "{{account}} obtained",
                ),
                query(
                    f"sum by (account) ({increase('wechat_account_token_rejections_total', OF_ACCOUNT)})",
                    "{{account}} refused",
                ),
            ],
            least=0,
            alert="WeChatTokenClash",
        ),
    ]


def collectors():
    by_api = "{{account}} {{api}}"
    return [
        graph(
            "API quota left today",
            """Calls that are left until midnight in Shanghai, whoever made the others; the daily quota
                  as a dashed line. Needs `collect: [quota]`.""",
            [
                query(account("wechat_api_quota_remaining_calls", ", api"), by_api),
                query(account("wechat_api_quota_limit_calls", ", api"), f"{by_api} quota"),
            ],
            least=0,
            overrides=[dashed("B")],
            alert="WeChatAPIQuotaLow",
        ),
        graph(
            "API calls of today",
            "Calls that were made for the account today, by anybody. Needs `collect: [quota]`.",
            [query(account("wechat_api_quota_used_calls", ", api"), by_api)],
            least=0,
        ),
        graph(
            "Drafts",
            "Drafts in the draft box. Needs `collect: [draft]`.",
            [query(account("wechat_draft_items"), "{{account}}")],
            least=0,
        ),
        graph(
            "Age of drafts and quotas",
            "Time since each optional collector last succeeded.",
            [
                query(
                    f"time() - {account('wechat_collector_last_success_timestamp_seconds', ', collector')}",
                    "{{account}} {{collector}}",
                )
            ],
            unit="s",
            least=0,
        ),
        states(
            "Why drafts or quotas failed",
            "Class and errcode of an optional collector while its last poll had failed. Empty is good.",
            [
                query(
                    account("wechat_collector_failing", ", collector, class, errcode"),
                    "{{account}} {{collector}}: {{class}} {{errcode}}",
                )
            ],
            FAILING,
            width=24,
            height=6,
        ),
    ]


ROWS = [
    ("Now", False, present()),
    ("Storage", False, storage()),
    ("Polls", False, polls()),
    ("Quota and drafts", False, collectors()),
    ("Pooled limits", True, pools()),
]
