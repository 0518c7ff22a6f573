//! The status page's texts in both languages. Remedies come from the table of error classes.

use std::time::Duration;

use crate::config::{Kind, Pool};
use crate::web::negotiate::Language;
use crate::wechat::class::Bilingual;

/// All texts of one language. `{}` stands for a number or a time.
#[derive(Debug)]
pub(super) struct Texts {
    language: Language,
    /// The language's tag.
    pub(super) tag: &'static str,
    pub(super) title: &'static str,
    pub(super) summary: &'static str,
    pub(super) accounts: &'static str,
    pub(super) healthy: &'static str,
    pub(super) failing: &'static str,
    pub(super) pending: &'static str,
    pub(super) stale: &'static str,
    pub(super) nearly_full: &'static str,
    pub(super) no_accounts: &'static str,
    pub(super) config_faults: &'static str,
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
    pub(super) not_shown: &'static str,
    pub(super) as_of: &'static str,
    pub(super) refreshes: &'static str,
    pub(super) links: &'static str,
    pub(super) metrics: &'static str,
    pub(super) health: &'static str,
    pub(super) readiness: &'static str,
    ago: &'static str,
    ahead: &'static str,
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
    healthy: "Healthy",
    failing: "Failing",
    pending: "Not yet polled",
    stale: "Stale",
    nearly_full: "90% full or more",
    no_accounts: "No accounts are configured.",
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
    not_shown: "{} more accounts are not listed. All of them are on the metrics page.",
    as_of: "As of",
    refreshes: "Reloads itself every 15 s.",
    links: "Pages",
    metrics: "Metrics",
    health: "Health",
    readiness: "Readiness",
    ago: "{} ago",
    ahead: "in {}",
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
    healthy: "正常",
    failing: "失败",
    pending: "尚未轮询",
    stale: "已过期",
    nearly_full: "用量达到 90%",
    no_accounts: "没有配置任何账号。",
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
    not_shown: "另有 {} 个账号未列出，全部账号见指标页。",
    as_of: "截至",
    refreshes: "每 15 秒自动刷新。",
    links: "页面",
    metrics: "指标",
    health: "健康",
    readiness: "就绪",
    ago: "{}前",
    ahead: "{}后",
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

    fn span(&self, span: Duration) -> String {
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
