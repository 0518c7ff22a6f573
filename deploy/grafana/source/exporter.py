"""The dashboard that answers: is the exporter itself well, and are its shards of one mind?"""

from source.blocks import (
    GREEN,
    NONE_IS_GOOD,
    PLAIN,
    RED,
    YELLOW,
    bars,
    column,
    dashed,
    graph,
    now,
    query,
    rows_of,
    stat,
    table,
)
from source.series import OF_EXPORTER, exporter, increase, rate

CONFIGURED = f"max by (job) ({exporter('wechat_exporter_accounts_configured')})"
OWNED = f"sum by (job) ({exporter('wechat_exporter_accounts_owned')})"
POLL_RATE = rate("wechat_exporter_poll_duration_seconds_count")
INSTANCE = "{{instance}}"


def present():
    hashes = exporter("wechat_exporter_config_hash")
    return [
        stat(
            "Exporters",
            "Targets of the chosen jobs that Prometheus can scrape.",
            [now(f"sum({exporter('up')})")],
            steps=[(None, RED), (1, GREEN)],
        ),
        stat(
            "Listed",
            "Accounts that the configuration lists; discovered ones come on top.",
            [now(f"sum({CONFIGURED})")],
        ),
        stat(
            "Unpolled",
            "Listed accounts that none of the chosen exporters polls: a shard is missing.",
            [now(f"sum(clamp_min({CONFIGURED} - {OWNED}, 0))")],
            steps=NONE_IS_GOOD,
            alert="WeChatAccountsNotOwned",
        ),
        stat(
            "Polled twice",
            "Accounts that more than one of the chosen exporters polls: each costs twice the quota.",
            [now(f"sum(count by (job, account) (wechat_account_polls_total{{{OF_EXPORTER}}}) > bool 1)")],
            steps=NONE_IS_GOOD,
            alert="WeChatAccountPolledTwice",
        ),
        stat(
            "Broken",
            "Accounts that stand in account files with a fault.",
            [now(f"sum(max by (job, instance) ({exporter('wechat_exporter_accounts_broken')}))")],
            steps=NONE_IS_GOOD,
            alert="WeChatExporterAccountConfigBroken",
        ),
        stat(
            "Reload failed",
            "Exporters whose last reload was refused: the configuration before it is still in force.",
            [now(f"sum({exporter('wechat_exporter_config_last_reload_successful')} == bool 0)")],
            steps=NONE_IS_GOOD,
            alert="WeChatExporterConfigReloadFailed",
        ),
        stat(
            "Configs",
            "Different configurations in force among the exporters of one job. More than one is a mistake.",
            [now(f'max(count by (job) (count_values by (job) ("hash", {hashes})))')],
            steps=[(None, GREEN), (2, RED)],
            alert="WeChatExporterShardsMismatch",
        ),
        stat(
            "Lag",
            "How far the poll that waits longest is behind its due time.",
            [now(f"max({exporter('wechat_exporter_scheduler_lag_seconds')})")],
            unit="s",
            steps=[(None, GREEN), (60, YELLOW), (300, RED)],
            alert="WeChatExporterSchedulerLag",
        ),
    ]


def polls():
    def quantile(share, by, family):
        return f"histogram_quantile({share}, sum by ({by}) ({rate(f'{family}_bucket')}))"

    duration, request = "wechat_exporter_poll_duration_seconds", "wechat_exporter_api_request_duration_seconds"
    return [
        graph(
            "Polls",
            "Polls that ended, well or not.",
            [query(f"sum by (instance) ({POLL_RATE})", INSTANCE)],
            unit="ops",
            least=0,
        ),
        graph(
            "Failing share of polls",
            "Polls that failed, as a share of those that ended.",
            [
                query(
                    f"""sum by (instance) ({rate('wechat_exporter_poll_failures_total')})
                    / (sum by (instance) ({POLL_RATE}) > 0)""",
                    INSTANCE,
                )
            ],
            unit="percentunit",
            least=0,
            top=1,
        ),
        graph(
            "Failures by class",
            "Failed polls by what is done about them.",
            [query(f"sum by (class) ({increase('wechat_exporter_poll_failures_total')}) > 0", "{{class}}")],
            least=0,
            is_stacked=True,
            has_bars=True,
            alert="WeChatFleetFailing",
        ),
        graph(
            "Duration of polls",
            "Half, 95 % and 99 % of the polls took no longer than this, token request included.",
            [
                query(quantile(share, "le", duration), name)
                for share, name in [(0.5, "50 %"), (0.95, "95 %"), (0.99, "99 %")]
            ],
            unit="s",
            least=0,
        ),
        graph(
            "Lag of the scheduler",
            "How far the poll that waits longest is behind its due time.",
            [query(exporter("wechat_exporter_scheduler_lag_seconds"), INSTANCE)],
            unit="s",
            least=0,
            alert="WeChatExporterSchedulerLag",
        ),
        graph(
            "Polls in flight",
            "Polls that run at the same moment.",
            [query(exporter("wechat_exporter_polls_in_flight"), INSTANCE)],
            least=0,
            decimals=0,
        ),
        graph(
            "API requests",
            "Requests that ended, well or not, by API.",
            [query(f"sum by (api) ({rate('wechat_exporter_api_requests_total')})", "{{api}}")],
            unit="reqps",
            least=0,
            is_stacked=True,
        ),
        graph(
            "Duration of API requests",
            "95 % of the requests took no longer than this, by API.",
            [query(quantile(0.95, "le, api", request), "{{api}}")],
            unit="s",
            least=0,
        ),
        bars(
            "API calls in 24 hours",
            "Calls to each API by the chosen exporters within the last 24 hours.",
            [
                now(
                    f"sort_desc(sum by (api) (increase(wechat_exporter_api_requests_total{{{OF_EXPORTER}}}[1d])) > 0)",
                    "{{api}}",
                )
            ],
            unit="short",
            decimals=0,
            steps=PLAIN,
        ),
        graph(
            "Tokens",
            "Access tokens that were obtained for accounts, and those that data calls refused.",
            [
                query(f"sum({rate('wechat_account_token_refreshes_total')})", "obtained"),
                query(f"sum({rate('wechat_account_token_rejections_total')})", "refused"),
            ],
            unit="ops",
            least=0,
            alert="WeChatTokenClash",
        ),
    ]


def shards():
    def of_instance(family, more=""):
        return rows_of(f"max by (job, instance{more}) ({exporter(family)})")

    reload = "wechat_exporter_config_last_reload_success_timestamp_seconds"
    status = {"title": "Status page", "url": "http://${__value.text}/", "targetBlank": True}
    return [
        table(
            "Shards",
            """What each exporter believes. Those of one job must agree on the number of shards, the listed accounts
            and the hash of the configuration, and own all listed accounts between them.""",
            [
                of_instance("wechat_exporter_build_info", ", version, revision"),
                of_instance("wechat_exporter_shard_ordinal"),
                of_instance("wechat_exporter_shards"),
                of_instance("wechat_exporter_accounts_configured"),
                of_instance("wechat_exporter_accounts_owned"),
                of_instance("wechat_exporter_config_hash"),
                rows_of(f"time() - max by (job, instance) ({exporter(reload)})"),
                rows_of(f"time() - max by (job, instance) ({exporter('process_start_time_seconds')})"),
            ],
            {
                "instance": "Instance",
                "version": "Version",
                "revision": "Revision",
                "Value #B": "Shard",
                "Value #C": "of",
                "Value #D": "Listed",
                "Value #E": "Owned",
                "Value #F": "Hash",
                "Value #G": "Config age",
                "Value #H": "Up for",
            },
            sort=("Instance", False),
            width=24,
            height=7,
            overrides=[
                column("Instance", links=[status], custom__width=200),
                column("Hash", custom__width=160),
                column("Config age", unit="s"),
                column("Up for", unit="s"),
            ],
            alert="WeChatExporterShardsMissing",
        ),
    ]


def process():
    return [
        graph(
            "Memory",
            "Memory of the process: resident, and the address space as a dashed line.",
            [
                query(exporter("process_resident_memory_bytes"), INSTANCE),
                query(exporter("process_virtual_memory_bytes"), f"{INSTANCE} virtual"),
            ],
            unit="bytes",
            least=0,
            overrides=[dashed("B")],
        ),
        graph(
            "CPU",
            "Time on the processor: 100 % is one core.",
            [query(rate("process_cpu_seconds_total"), INSTANCE)],
            unit="percentunit",
            least=0,
        ),
        graph(
            "File descriptors",
            "Open file descriptors, and the most that the process may open as a dashed line.",
            [query(exporter("process_open_fds"), INSTANCE), query(exporter("process_max_fds"), f"{INSTANCE} limit")],
            least=0,
            overrides=[dashed("B")],
        ),
        graph(
            "Threads", "Threads of the process.", [query(exporter("process_threads"), INSTANCE)], least=0, decimals=0
        ),
        graph(
            "Duration of scrapes",
            "How long Prometheus waited for the metrics page.",
            [query(exporter("scrape_duration_seconds"), INSTANCE)],
            unit="s",
            least=0,
            width=6,
        ),
        graph(
            "Size of scrapes",
            "Samples on the metrics page.",
            [query(exporter("scrape_samples_scraped"), INSTANCE)],
            least=0,
            width=6,
        ),
        graph(
            "Scrapes",
            "Requests for the metrics page, by anybody.",
            [query(f"sum by (instance) ({rate('wechat_exporter_scrapes_total')})", INSTANCE)],
            unit="reqps",
            least=0,
            width=6,
        ),
        graph(
            "TLS certificate ends in",
            "Time until the certificate that is served ends. Only where the exporter serves TLS.",
            [query(f"{exporter('wechat_exporter_tls_certificate_expiry_timestamp_seconds')} - time()", INSTANCE)],
            unit="s",
            width=6,
            alert="WeChatExporterCertificateExpiring",
        ),
    ]


ROWS = [
    ("Now", False, present()),
    ("Polls and calls", False, polls()),
    ("Shards", False, shards()),
    ("Process and scrapes", False, process()),
]
