"""The dashboard that answers: which accounts need somebody, and when?"""

from source.blocks import (
    DAY,
    GREEN,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    RUNWAY,
    USAGE,
    YELLOW,
    bars,
    coloured,
    column,
    graph,
    matrix,
    now,
    query,
    rows_of,
    stat,
    table,
    words,
)
from source.links import to_account, to_account_of_series
from source.series import (
    FULL_IN,
    ITEMS,
    OF_ACCOUNT,
    OF_EXPORTER,
    RATIO,
    STORAGE_RATIO,
    account,
    exporter,
    here,
    named,
)

UP = account("wechat_account_up")
LAST_SUCCESS = account("wechat_account_last_success_timestamp_seconds")
INTERVAL = account("wechat_account_poll_interval_seconds")
FAILING = account("wechat_account_failing", ", class, errcode")
FULLEST = f"max by (job, account) {here(STORAGE_RATIO)}"
GROWTH = f"{ITEMS} - {ITEMS} offset 7d"
SOONEST = f"bottomk(50, {here(FULL_IN)})"
QUOTA_LEFT = (
    f"{account('wechat_api_quota_remaining_calls', ', api')} / ({account('wechat_api_quota_limit_calls', ', api')} > 0)"
)
ACCOUNT_LINK = column("Account", links=[to_account()])


def fleet():
    return [
        stat(
            "Accounts",
            "Accounts that the exporters know, listed and discovered ones.",
            [now(f"count({account('wechat_account_info')})")],
        ),
        stat("Up", "Accounts whose last poll succeeded.", [now(f"sum({UP})")], steps=[(None, GREEN)]),
        stat(
            "Failing",
            "Accounts whose last poll failed. Their counts stay as they were until `poll.hold` has passed.",
            [now(f"sum({UP} == bool 0)")],
            steps=NONE_IS_GOOD,
            alert="WeChatAccountDown",
        ),
        stat(
            "Stale",
            "Accounts whose counts are older than three of their poll intervals.",
            [now(f"sum(time() - {LAST_SUCCESS} > bool 3 * {INTERVAL})")],
            steps=NONE_IS_GOOD,
            alert="WeChatAccountDataStale",
        ),
        stat(
            "Above 80 %",
            "Accounts that use more than 80 % of a limit, and fill none.",
            [now(f"sum(({FULLEST} >= bool 0.8) * ({FULLEST} < bool 1))")],
            steps=[(None, GREEN), (1, YELLOW)],
            alert="WeChatMaterialQuotaAlmostFull",
        ),
        stat(
            "Full",
            "Accounts with a kind of material at its limit: uploads of that kind fail.",
            [now(f"sum({FULLEST} >= bool 1)")],
            steps=NONE_IS_GOOD,
            alert="WeChatMaterialQuotaFull",
        ),
        stat(
            "Full in 14 days",
            """Accounts that will be full within 14 days if they grow on as in the median of the last
                 7 days, those that are full included. No data while no account grows, or before there are three days of history.""",
            [now(f"sum(min by (job, account) {here(FULL_IN)} < bool {14 * DAY})")],
            steps=[(None, GREEN), (1, ORANGE)],
            alert="WeChatMaterialQuotaFillingUp",
        ),
        stat(
            "Exporters down",
            "Targets of the chosen jobs that Prometheus cannot scrape.",
            [now(f"sum({exporter('up')} == bool 0)")],
            steps=NONE_IS_GOOD,
            alert="WeChatExporterAbsent",
        ),
    ]


def storage():
    return [
        bars(
            "Nearest to full",
            """The 20 fullest kinds of material of all accounts, as a share of their limit. Where kinds share
             a limit (`limits.pooled`), pools stand in their place.""",
            [now(f"sort_desc(topk(20, {here(STORAGE_RATIO)}))", "{{account}} {{kind}}{{pool}}")],
            height=12,
            top=1,
            links=[to_account_of_series()],
        ),
        table(
            "Usage by kind",
            "The 50 fullest accounts: each kind of material as a share of its limit.",
            [rows_of(f"{RATIO} and on (job, account) topk(50, {FULLEST})")],
            {"account\\kind": "Account", "voice": "voice", "video": "video", "image": "image", "news": "news"},
            unit="percentunit",
            sort=("Account", False),
            height=12,
            shaped_by=matrix("account", "kind"),
            overrides=[
                ACCOUNT_LINK,
                *(column(kind, **coloured(USAGE)) for kind in ("voice", "video", "image", "news")),
            ],
        ),
        table(
            "Time to full, soonest first",
            """When a kind of material reaches its limit if it grows on as in the median of
                  the last 7 days. Accounts that do not grow have no such time; the first one comes after three days of history.""",
            [rows_of(named(SOONEST)), rows_of(f"{STORAGE_RATIO} and {SOONEST}")],
            {
                "account": "Account",
                "display_name": "Name",
                "kind": "Kind",
                "pool": "Pool",
                "Value #A": "Full in",
                "Value #B": "Used",
            },
            unit="s",
            sort=("Full in", False),
            overrides=[
                ACCOUNT_LINK,
                column("Full in", **coloured(RUNWAY)),
                column("Used", unit="percentunit", **coloured(USAGE)),
            ],
            alert="WeChatMaterialQuotaFillingUp",
        ),
        table(
            "Growth in 7 days",
            "Where the most material was added within the last 7 days, in items. Needs 7 days of history.",
            [rows_of(named(f"topk(50, {here(GROWTH)})"))],
            {"account": "Account", "display_name": "Name", "kind": "Kind", "Value": "Items added"},
            sort=("Items added", True),
            overrides=[ACCOUNT_LINK],
        ),
        graph(
            "All items by kind",
            "Permanent materials of all chosen accounts together.",
            [query(f"sum by (kind) ({here(ITEMS)})", "{{kind}}")],
            least=0,
        ),
        bars(
            "API quota left today",
            "The 20 smallest shares of a daily quota that are left. Needs `collect: [quota]`.",
            [now(f"sort(bottomk(20, {QUOTA_LEFT}))", "{{account}} {{api}}")],
            steps=[(None, RED), (0.1, YELLOW), (0.3, GREEN)],
            height=8,
            top=1,
            links=[to_account_of_series()],
            alert="WeChatAPIQuotaLow",
        ),
    ]


def trouble():
    failing = f"on (job, account) wechat_account_failing{{{OF_ACCOUNT}}}"
    next_poll = account("wechat_account_next_poll_timestamp_seconds")
    durations = {"unit": "s"}
    return [
        table(
            "Failing accounts",
            """Why the last poll failed, how old the counts are, and when the account is asked again.
                  The status page of the exporter and the runbook say what to do. Empty is good.""",
            [
                rows_of(named(FAILING)),
                rows_of(f"time() - {LAST_SUCCESS} and {failing}"),
                rows_of(f"{next_poll} - time() and {failing}"),
            ],
            {
                "account": "Account",
                "display_name": "Name",
                "class": "Class",
                "errcode": "errcode",
                "Value #B": "Age of counts",
                "Value #C": "Next poll in",
            },
            sort=("Class", False),
            overrides=[ACCOUNT_LINK, column("Age of counts", **durations), column("Next poll in", **durations)],
            alert="WeChatAccountAuthFailing",
        ),
        graph(
            "Failing accounts by class",
            "How many accounts fail, by what is done about it.",
            [query(f"count by (class) ({account('wechat_account_failing', ', class')})", "{{class}}")],
            height=9,
            is_stacked=True,
            least=0,
            decimals=0,
            alert="WeChatFleetFailing",
        ),
        bars(
            "Refused tokens",
            """Access tokens that a data call refused within the last hour, for the 20 accounts with the
                 most. More than 3 mean that another program replaces the token. Empty is good.""",
            [
                now(
                    f"""sort_desc(topk(20, sum by (job, account)
                      (increase(wechat_account_token_rejections_total{{{OF_ACCOUNT}}}[1h])) > 0))""",
                    "{{account}}",
                )
            ],
            unit="short",
            steps=[(None, YELLOW), (3, RED)],
            height=8,
            links=[to_account_of_series()],
            alert="WeChatTokenClash",
        ),
        table(
            "Failing optional collectors",
            "Drafts and quotas that could not be read. The counts of material do not suffer from it. Empty is good.",
            [rows_of(account("wechat_collector_failing", ", collector, class, errcode"))],
            {"account": "Account", "collector": "Collector", "class": "Class", "errcode": "errcode"},
            sort=("Account", False),
            overrides=[ACCOUNT_LINK],
            height=8,
        ),
    ]


def platforms():
    up = words((1, "up", GREEN), (0, "failing", RED))
    states = ("polled", "mini_program", "no_permission", "no_refresh_token", "duplicate")
    return [
        table(
            "Third-party platforms",
            """Whether the last component call succeeded. While it did not, none of the platform's
              accounts is polled.""",
            [
                rows_of(f"max by (job, platform) (wechat_platform_up{{{OF_EXPORTER}}})"),
                rows_of(f"max by (job, platform, class, errcode) (wechat_platform_failing{{{OF_EXPORTER}}})"),
            ],
            {"platform": "Platform", "Value #A": "State", "class": "Class", "errcode": "errcode"},
            sort=("Platform", False),
            height=8,
            overrides=[column("State", mappings=up, custom__cellOptions={"type": "color-text"})],
            alert="WeChatPlatformFailing",
        ),
        table(
            "Authorizers",
            "Accounts that the platform's list names, by what became of them.",
            [rows_of(f"sum by (platform, state) (wechat_platform_authorizers{{{OF_EXPORTER}}})")],
            {"platform\\state": "Platform", **{state: state.replace("_", " ") for state in states}},
            sort=("Platform", False),
            height=8,
            shaped_by=matrix("platform", "state"),
        ),
    ]


ROWS = [
    ("Fleet", False, fleet()),
    ("Storage", False, storage()),
    ("Trouble", False, trouble()),
    ("Third-party platforms", True, platforms()),
]
