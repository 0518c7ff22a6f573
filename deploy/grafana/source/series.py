"""The series that dashboards show, once each: selectors, the names of recorded series, joins."""

# An exporter's own series, and those of accounts.
OF_EXPORTER = 'job=~"$job", instance=~"$instance"'
OF_ACCOUNT = f'{OF_EXPORTER}, account=~"$account"'
# Recorded series say nothing of the instance: two replicas or a move make no second series.
OF_KIND = 'job=~"$job", account=~"$account", kind=~"$kind"'
OF_POOL = 'job=~"$job", account=~"$account"'
# What fills up: kinds, and pools, which have no label `kind`.
OF_STORAGE = 'job=~"$job", account=~"$account", kind=~"|$kind"'

ITEMS = f"account_kind:wechat_material_items:max{{{OF_KIND}}}"
LIMIT = f"account_kind:wechat_material_limit_items:max{{{OF_KIND}}}"
RATIO = f"account_kind:wechat_material_usage_ratio:max{{{OF_KIND}}}"
POOL_RATIO = f"account_pool:wechat_material_pool_usage_ratio:max{{{OF_POOL}}}"
STORAGE_RATIO = f"account_storage:wechat_material_usage_ratio:max{{{OF_STORAGE}}}"
# Recorded every 15 minutes, which is longer than Prometheus looks back.
PER_DAY = f"last_over_time(account_kind:wechat_material_items_per_day:median7d{{{OF_KIND}}}[30m])"
KIND_FULL_IN = f"last_over_time(account_kind:wechat_material_time_to_full_seconds:median7d{{{OF_KIND}}}[30m])"
POOL_FULL_IN = f"last_over_time(account_pool:wechat_material_time_to_full_seconds:median7d{{{OF_POOL}}}[30m])"
# Of an account whose kinds share limits, the pools alone.
FULL_IN = f"(({KIND_FULL_IN} or {POOL_FULL_IN}) and {STORAGE_RATIO})"

NAMES = f"max by (job, account, display_name) (wechat_account_info{{{OF_ACCOUNT}}})"


def account(family, more=""):
    """The family for the chosen accounts, one series each however many instances tell of them."""
    return f"max by (job, account{more}) ({family}{{{OF_ACCOUNT}}})"


def exporter(family):
    """A family of the chosen exporters themselves."""
    return f"{family}{{{OF_EXPORTER}}}"


def rate(family, selector=OF_EXPORTER):
    return f"rate({family}{{{selector}}}[$__rate_interval])"


def increase(family, selector=OF_EXPORTER):
    return f"increase({family}{{{selector}}}[$__rate_interval])"


def here(expr):
    """Of recorded series those whose account one of the chosen instances has."""
    return f"({expr} and on (job, account) wechat_account_info{{{OF_ACCOUNT}}})"


def named(expr):
    """With the account's name for people. Leaves the accounts of the chosen instances."""
    return f"({expr}) * on (job, account) group_left (display_name) {NAMES}"
