//! The status page's texts in both languages. Remedies come from the table of error classes.

use std::time::Duration;

use crate::config::{Kind, Pool};
use crate::store::AuthorizerState;
use crate::web::negotiate::Language;
use crate::web::status::State;
use crate::wechat::class::Bilingual;

/// All texts of one language. `{}` stands for a number, a time, or what the reader wrote.
#[derive(Debug)]
pub(super) struct Texts {
    language: Language,
    /// The language's tag.
    pub(super) tag: &'static str,
    pub(super) title: &'static str,
    pub(super) summary: &'static str,
    pub(super) accounts: &'static str,
    pub(super) nearly_full: &'static str,
    pub(super) full: &'static str,
    pub(super) by_class: &'static str,
    pub(super) platforms: &'static str,
    pub(super) works: &'static str,
    pub(super) parked: &'static str,
    pub(super) not_called: &'static str,
    pub(super) skip: &'static str,
    pub(super) filter: &'static str,
    pub(super) search: &'static str,
    pub(super) state: &'static str,
    pub(super) all: &'static str,
    pub(super) apply: &'static str,
    pub(super) clear: &'static str,
    pub(super) unknown_state: &'static str,
    pub(super) no_match: &'static str,
    pub(super) no_accounts: &'static str,
    pub(super) pages: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,
    /// First, last, all.
    pub(super) shown: &'static str,
    pub(super) config_faults: &'static str,
    pub(super) more_faults: &'static str,
    pub(super) updated: &'static str,
    pub(super) next_poll: &'static str,
    pub(super) never: &'static str,
    pub(super) due: &'static str,
    pub(super) waiting: &'static str,
    pub(super) hidden_values: &'static str,
    pub(super) no_values: &'static str,
    pub(super) errcode: &'static str,
    pub(super) seen_ip: &'static str,
    pub(super) remedy: &'static str,
    pub(super) late: &'static str,
    pub(super) from_the_future: &'static str,
    pub(super) token: &'static str,
    pub(super) token_left: &'static str,
    pub(super) no_token: &'static str,
    pub(super) fetched: &'static str,
    pub(super) refused: &'static str,
    pub(super) drafts: &'static str,
    pub(super) calls_left: &'static str,
    /// Between parts of one line.
    pub(super) comma: &'static str,
    pub(super) as_of: &'static str,
    pub(super) refreshes: &'static str,
    pub(super) pause: &'static str,
    pub(super) is_still: &'static str,
    pub(super) resume: &'static str,
    pub(super) links: &'static str,
    pub(super) language_choice: &'static str,
    pub(super) metrics: &'static str,
    pub(super) targets: &'static str,
    pub(super) configuration: &'static str,
    pub(super) health: &'static str,
    pub(super) readiness: &'static str,
    ago: &'static str,
    ahead: &'static str,
    /// In the order of [`State`].
    states: [&'static str; State::ALL.len()],
    /// In the order of [`AuthorizerState`].
    authorizers: [&'static str; AuthorizerState::ALL.len()],
    /// Second, minute, hour, day.
    units: [&'static str; 4],
    /// In the order of [`Kind`].
    kinds: [&'static str; 4],
    /// In the order of [`Pool`].
    pools: [&'static str; 2],
}

const EN: Texts = Texts {
    language: Language::En,
    tag: "en",
    title: "WeChat material exporter",
    summary: "Summary",
    accounts: "Accounts",
    nearly_full: "Nearly full",
    full: "Full",
    by_class: "Failing by class",
    platforms: "Third-party platforms",
    works: "Works",
    parked: "Parked",
    not_called: "Not yet called",
    skip: "To the accounts",
    filter: "Filter accounts",
    search: "Search",
    state: "State",
    all: "all",
    apply: "Filter",
    clear: "Show all",
    unknown_state: "There is no state “{}”: all states are shown.",
    no_match: "No account matches.",
    no_accounts: "No accounts are configured.",
    pages: "Pages of accounts",
    previous: "Previous",
    next: "Next",
    shown: "{} to {} of {}",
    more_faults: "{} more are in the log.",
    config_faults: "The configuration was not taken over as it is",
    updated: "Updated",
    next_poll: "Next poll",
    never: "never",
    due: "due now",
    waiting: "Waiting for the first poll.",
    hidden_values: "Nothing is shown: the last values came {} and are past the hold time.",
    no_values: "Nothing is shown: no poll has succeeded yet.",
    errcode: "errcode",
    seen_ip: "IP that WeChat saw",
    remedy: "What to do",
    late: "No poll has ended for more than three intervals: look at the log and at wechat_exporter_scheduler_lag_seconds.",
    from_the_future: "in the future: the clock has changed",
    token: "Token",
    token_left: "valid for {}",
    no_token: "none held",
    fetched: "fetched {}×",
    refused: "refused {}×",
    drafts: "Drafts",
    calls_left: "Calls left today",
    comma: ", ",
    as_of: "As of",
    refreshes: "reloads every {} s",
    pause: "Pause",
    is_still: "does not reload itself",
    resume: "Reload every {} s",
    links: "Other pages",
    language_choice: "Language",
    metrics: "Metrics",
    targets: "Targets",
    configuration: "Configuration",
    health: "Health",
    readiness: "Readiness",
    ago: "{} ago",
    ahead: "in {}",
    states: ["Failing", "Stale", "Partly failing", "Healthy", "Not yet polled"],
    authorizers: [
        "polled",
        "mini programs",
        "without permission",
        "without refresh token",
        "polled elsewhere",
    ],
    units: [" s", " min", " h", " d"],
    kinds: ["Voice", "Video", "Image", "News"],
    pools: ["Image + news", "Voice + video"],
};

const ZH: Texts = Texts {
    language: Language::Zh,
    tag: "zh-CN",
    title: "微信素材用量",
    summary: "概览",
    accounts: "账号",
    nearly_full: "即将存满",
    full: "已存满",
    by_class: "失败类别",
    platforms: "第三方平台",
    works: "正常",
    parked: "暂停调用",
    not_called: "尚未调用",
    skip: "跳到账号列表",
    filter: "筛选账号",
    search: "搜索",
    state: "状态",
    all: "全部",
    apply: "筛选",
    clear: "显示全部",
    unknown_state: "没有名为“{}”的状态，以下为全部账号。",
    no_match: "没有符合条件的账号。",
    no_accounts: "没有配置任何账号。",
    pages: "账号分页",
    previous: "上一页",
    next: "下一页",
    shown: "第 {} 至 {} 个，共 {} 个",
    more_faults: "另有 {} 项，见日志。",
    config_faults: "配置未能全部生效",
    updated: "更新于",
    next_poll: "下次轮询",
    never: "从未",
    due: "即将开始",
    waiting: "等待首次轮询。",
    hidden_values: "不显示数值：上次的数值获取于 {}，已超过保留时间。",
    no_values: "不显示数值：尚无成功的轮询。",
    errcode: "错误码",
    seen_ip: "微信看到的 IP",
    remedy: "处理办法",
    late: "超过三个轮询间隔没有完成轮询：请查看日志和 wechat_exporter_scheduler_lag_seconds。",
    from_the_future: "未来的时间：时钟曾被调整",
    token: "token",
    token_left: "有效期还剩 {}",
    no_token: "未持有",
    fetched: "获取 {} 次",
    refused: "被拒 {} 次",
    drafts: "草稿",
    calls_left: "今日剩余调用",
    comma: "，",
    as_of: "截至",
    refreshes: "每 {} 秒自动刷新",
    pause: "暂停",
    is_still: "自动刷新已暂停",
    resume: "每 {} 秒自动刷新",
    links: "其他页面",
    language_choice: "语言",
    metrics: "指标",
    targets: "抓取目标",
    configuration: "配置",
    health: "健康",
    readiness: "就绪",
    ago: "{}前",
    ahead: "{}后",
    states: ["失败", "数据过旧", "部分失败", "正常", "尚未轮询"],
    authorizers: ["轮询中", "小程序", "缺少权限", "缺少 refresh token", "由别处轮询"],
    units: [" 秒", " 分钟", " 小时", " 天"],
    kinds: ["语音", "视频", "图片", "图文"],
    pools: ["图片 + 图文", "语音 + 视频"],
};

/// The texts of `language`.
pub(super) const fn of(language: Language) -> &'static Texts {
    match language {
        Language::En => &EN,
        Language::Zh => &ZH,
    }
}

impl Texts {
    /// The text of this language.
    pub(super) const fn pick(&self, text: Bilingual) -> &'static str {
        match self.language {
            Language::En => text.en,
            Language::Zh => text.zh,
        }
    }

    pub(super) const fn state(&self, state: State) -> &'static str {
        self.states[state as usize]
    }

    pub(super) const fn authorizer(&self, state: AuthorizerState) -> &'static str {
        self.authorizers[state as usize]
    }

    pub(super) const fn kind(&self, kind: Kind) -> &'static str {
        self.kinds[kind as usize]
    }

    pub(super) const fn pool(&self, pool: Pool) -> &'static str {
        self.pools[pool as usize]
    }

    /// "3 min ago"
    pub(super) fn ago(&self, age: Duration) -> String {
        filled(self.ago, &self.span(age))
    }

    /// "in 3 min"
    pub(super) fn ahead(&self, wait: Duration) -> String {
        filled(self.ahead, &self.span(wait))
    }

    /// "3 min"
    pub(super) fn span(&self, span: Duration) -> String {
        let seconds = span.as_secs();
        // Minutes up to two hours and hours up to two days: one unit is enough to judge an age.
        let (number, unit) = match seconds {
            0..60 => (seconds, 0),
            60..7_200 => (seconds / 60, 1),
            7_200..172_800 => (seconds / 3_600, 2),
            _ => (seconds / 86_400, 3),
        };
        format!("{number}{}", self.units[unit])
    }
}

/// `text` with `value` in the place of its `{}`.
pub(super) fn filled(text: &str, value: &str) -> String {
    text.replace("{}", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_one_number_and_one_unit() {
        for (seconds, en, zh) in [
            (0, "0 s ago", "0 秒前"),
            (59, "59 s ago", "59 秒前"),
            (60, "1 min ago", "1 分钟前"),
            (7_199, "119 min ago", "119 分钟前"),
            (7_200, "2 h ago", "2 小时前"),
            (172_800, "2 d ago", "2 天前"),
        ] {
            assert_eq!(EN.ago(Duration::from_secs(seconds)), en);
            assert_eq!(ZH.ago(Duration::from_secs(seconds)), zh);
        }
        assert_eq!(EN.ahead(Duration::from_secs(300)), "in 5 min");
        assert_eq!(ZH.ahead(Duration::from_secs(300)), "5 分钟后");
    }
}
