//! Why something fails and what to do about it, in words.

use crate::store::Failing;
use crate::web::texts::Texts;
use crate::wechat::collect::Collector;

pub(super) struct Trouble {
    /// What fails, if it is not the account or the platform as a whole.
    pub(super) collector: Option<&'static str>,
    pub(super) class: &'static str,
    pub(super) errcode: Option<String>,
    pub(super) seen_ip: Option<String>,
    pub(super) summary: &'static str,
    pub(super) remedy: &'static str,
}

impl Trouble {
    pub(super) fn new(collector: Option<Collector>, failing: &Failing, texts: &'static Texts) -> Self {
        let row = failing.class.row();
        Self {
            collector: collector.map(Collector::label),
            class: row.label,
            errcode: failing.errcode.map(|code| code.to_string()),
            seen_ip: failing.seen_ip.map(|ip| ip.to_string()),
            summary: texts.pick(row.summary),
            remedy: texts.pick(failing.remedy()),
        }
    }
}
