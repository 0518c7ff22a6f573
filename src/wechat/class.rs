//! The one table of error classes: label, delay, log line, remedies, runbook anchor; and which
//! `errcode` belongs to which class. Everything that branches on an error reads it here.

use std::fmt;
use std::time::Duration;

/// `WeChat`'s number for an error; 0 never occurs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrCode(pub i64);

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of call an error came from: 40001 means a wrong secret on one and a stale token on
/// the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A call that fetches a token by a secret.
    Token,
    /// A call that carries an account's token.
    Data,
    /// A call that carries a third-party platform's component token.
    Component,
}

/// What we do about an error; the `class` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// No whole answer came back.
    Network,
    /// The platform asks to try again.
    Busy,
    /// The token was refused on a data call.
    Token,
    /// App id or secret were refused, or the secret cannot be read.
    Secret,
    /// The egress IP is not on the account's whitelist.
    Ip,
    /// An administrator has to confirm the IP.
    Risk,
    /// Too many calls within a minute.
    QuotaMinute,
    /// The day's calls are used up.
    QuotaDay,
    /// The account may not use this API.
    Permission,
    /// The account is frozen, closed or restricted.
    Account,
    /// The account no longer authorises the third-party platform.
    Authorization,
    /// The platform's verify ticket is expired or invalid.
    Ticket,
    /// The request itself is refused: a defect of ours, a proxy's, or of the deployment.
    Request,
    /// The answer is not what the documentation promises.
    Decode,
    /// Any other errcode.
    Other,
}

/// The wait of [`Rule::NextMinute`].
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// The first such wait is longer by up to this.
pub(crate) const MINUTE_SPREAD: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3_600);

/// When an account is tried again after a failed poll. Turned into a deadline by `poll::backoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Two more attempts after about 1 s and 2 s, then the interval.
    Attempts,
    /// `base`·2ⁿ up to `cap`; without a base the account's interval.
    Doubling {
        /// First delay.
        base: Option<Duration>,
        /// Longest delay.
        cap: Duration,
    },
    /// The account's interval.
    Interval,
    /// 15 min, but 1 h for 89507 and 24 h for 89506: the times the token pages name.
    Confirmation,
    /// 60 to 75 s once, then the interval.
    NextMinute,
    /// Shortly after the next midnight in Shanghai, then steps of an hour.
    NextDay,
}

impl Rule {
    const fn doubling(base: Duration, cap: Duration) -> Self {
        Self::Doubling { base: Some(base), cap }
    }

    const fn from_interval() -> Self {
        Self::Doubling { base: None, cap: HOUR }
    }

    const fn fixed(delay: Duration) -> Self {
        Self::Doubling { base: Some(delay), cap: delay }
    }
}

/// A text in the two languages of the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bilingual {
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    pub zh: &'static str,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ClassRow {
    /// The class this row is about.
    pub class: ErrorClass,
    /// The `class` label and the anchor in the runbook.
    pub label: &'static str,
    /// When the account is tried again.
    pub rule: Rule,
    /// What happened, in one clause: the log line and the headline on the status page.
    pub summary: Bilingual,
    /// What the operator does about it.
    pub remedy: Bilingual,
}

macro_rules! row {
    ($class:ident, $label:literal, $rule:expr, $en:literal / $zh:literal, $fix_en:literal / $fix_zh:literal) => {
        ClassRow {
            class: ErrorClass::$class,
            label: $label,
            rule: $rule,
            summary: Bilingual { en: $en, zh: $zh },
            remedy: Bilingual { en: $fix_en, zh: $fix_zh },
        }
    };
}

/// The table, in the order of [`ErrorClass`].
pub const CLASSES: [ClassRow; 15] = [
    row!(
        Network,
        "network",
        Rule::Attempts,
        "the API could not be reached" / "无法连接微信接口",
        "Check DNS, egress firewall, proxy and TLS trust from this host to the API; nothing is wrong with the account."
            / "请检查本机到微信接口的 DNS、出口防火墙、代理和 TLS 证书；账号本身没有问题。"
    ),
    row!(
        Busy,
        "busy",
        Rule::Attempts,
        "the platform is busy" / "微信系统繁忙",
        "Wait: the platform asks to try again later." / "等待即可：微信要求稍后重试。"
    ),
    row!(
        Token,
        "token",
        Rule::from_interval(),
        "the access token was refused" / "access_token 被拒绝",
        "Some other program replaces this account's token. Let every program use stable_token without force_refresh, and check that the app id is this account's."
            / "有其他程序在替换此账号的 token。请让所有程序使用 stable_token 且不要 force_refresh，并确认 AppID 属于此账号。"
    ),
    row!(
        Secret,
        "secret",
        Rule::doubling(Duration::from_secs(15 * 60), HOUR),
        "app id or app secret were refused" / "AppID 或 AppSecret 被拒绝",
        "Compare app id and AppSecret with the account's console (Settings and Development, Basic Configuration); reset or unfreeze the secret there if needed. A secret file must be readable and hold the secret alone."
            / "请在公众平台「设置与开发 - 基本配置」核对 AppID 与 AppSecret，必要时重置或解冻 AppSecret；密钥文件须可读且只包含密钥。"
    ),
    row!(
        Ip,
        "ip",
        Rule::doubling(Duration::from_secs(5 * 60), Duration::from_secs(15 * 60)),
        "the egress IP is not on the whitelist" / "出口 IP 不在白名单",
        "Add the egress IP that WeChat saw to the account's IP whitelist; it is tried again within 15 minutes."
            / "请将微信看到的出口 IP 加入该账号的 IP 白名单；15 分钟内会自动重试。"
    ),
    row!(
        Risk,
        "risk",
        Rule::Confirmation,
        "an administrator has to confirm this IP" / "此 IP 的调用需要管理员确认",
        "Ask the account's administrator to approve the request that WeChat sent to their phone; repeated refusals block the IP for long."
            / "请账号管理员在微信收到的消息中确认；多次拒绝会使该 IP 被长时间封禁。"
    ),
    row!(
        QuotaMinute,
        "quota_minute",
        Rule::NextMinute,
        "too many calls within a minute" / "每分钟调用次数超限",
        "Another program calls this API very often; the exporter waits at least a minute."
            / "有其他程序频繁调用此接口；本程序至少等待一分钟后重试。"
    ),
    row!(
        QuotaDay,
        "quota_day",
        Rule::NextDay,
        "the day's calls are used up" / "当日调用次数已用完",
        "Nothing is called until the quota resets after midnight (Asia/Shanghai). Find the program that uses the quota, or lengthen poll.interval."
            / "在北京时间零点额度重置之前不再调用。请找出消耗额度的程序，或加大 poll.interval。"
    ),
    row!(
        Permission,
        "permission",
        Rule::doubling(HOUR, Duration::from_secs(6 * 3_600)),
        "the account may not use this API" / "账号没有此接口的权限",
        "Material APIs need a verified account; on a third-party platform the permission sets 11 or 100 must be granted."
            / "素材接口需要已认证的账号；通过第三方平台调用时须授予权限集 11 或 100。"
    ),
    row!(
        Account,
        "account",
        Rule::doubling(Duration::from_secs(6 * 3_600), Duration::from_secs(24 * 3_600)),
        "the account is restricted" / "账号受限",
        "The account is frozen, closed, migrated or punished: look for notices in its console."
            / "账号被冻结、注销、迁移或处罚：请查看公众平台的通知。"
    ),
    row!(
        Authorization,
        "authorization",
        Rule::fixed(HOUR),
        "the account no longer authorises the platform" / "账号已取消对第三方平台的授权",
        "Ask the account's administrator to authorise the third-party platform again."
            / "请账号管理员重新授权第三方平台。"
    ),
    row!(
        Ticket,
        "ticket",
        Rule::fixed(Duration::from_secs(10 * 60)),
        "the platform's verify ticket is expired or invalid" / "第三方平台的 verify ticket 已过期或无效",
        "Check that the platform's callback receives component_verify_ticket, pushed every 10 minutes, and that its store is read here."
            / "请确认第三方平台的回调能收到每 10 分钟推送的 component_verify_ticket，且此处读取的是同一存储。"
    ),
    row!(
        Request,
        "request",
        Rule::from_interval(),
        "the request was refused" / "请求被拒绝",
        "Check api.base_url and proxies between this host and the API, which may rewrite or redirect calls."
            / "请检查 api.base_url 以及本机与微信接口之间的代理，它们可能改写或重定向了请求。"
    ),
    row!(
        Decode,
        "decode",
        Rule::Interval,
        "the answer is not what the API documents" / "返回内容与接口文档不符",
        "Check that api.base_url leads to the WeChat API and that no proxy answers in its place."
            / "请确认 api.base_url 指向微信接口，且没有代理代为应答。"
    ),
    row!(
        Other,
        "other",
        Rule::from_interval(),
        "the API answered with an error" / "接口返回错误",
        "Look the errcode up in the list of global return codes of the WeChat documentation."
            / "请在微信文档的全局返回码中查询该错误码。"
    ),
];

impl ErrorClass {
    /// This class's row.
    pub fn row(self) -> &'static ClassRow {
        &CLASSES[self as usize]
    }

    /// The `class` label.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// The class of this label.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        CLASSES.iter().find(|row| row.label == label).map(|row| row.class)
    }

    /// The class of `errcode` when it answers `call`. Meanings: the error tables of the API's own
    /// pages and the global return codes.
    pub const fn of(code: ErrCode, call: Call) -> Self {
        match code.0 {
            -1 | -1000 | 85113 => Self::Busy,
            40001 | 40014 | 42001 | 48012 if matches!(call, Call::Data | Call::Component) => Self::Token,
            42006 if matches!(call, Call::Component) => Self::Token,
            40001 | 40002 | 40013 | 40125 | 40243 | 41002 | 41004 if matches!(call, Call::Token) => {
                Self::Secret
            }
            40164 | 45035 | 61004 => Self::Ip,
            89501..=89507 => Self::Risk,
            45011 => Self::QuotaMinute,
            45009 => Self::QuotaDay,
            48001 | 48009 | 50001 | 61007 | 61016 | 61017 | 42005 => Self::Permission,
            48004 | 50002 | 50003 | 50004 | 50007 => Self::Account,
            61003 | 42002 | 42007 | 61023 => Self::Authorization,
            61005 | 61006 => Self::Ticket,
            40066
            | 40097
            | 40170
            | 41001
            | 43001..=43003
            | 44002
            | 47001
            | 61011
            | 61014
            | 61015
            | 61024
            | 76003
            | 76021
            | 76022
            | 85088
            | 85107
            | 85112 => Self::Request,
            _ => Self::Other,
        }
    }
}

/// The delay that [`Rule::Confirmation`] names for `code`.
pub(crate) const fn confirmation_delay(code: Option<ErrCode>) -> Duration {
    match code {
        Some(ErrCode(89507)) => HOUR,
        Some(ErrCode(89506)) => Duration::from_secs(24 * 3_600),
        _ => Duration::from_secs(15 * 60),
    }
}

#[cfg(test)]
mod tests;
