//! Tells the findings: lines for people, or one JSON document for programs.
//!
//! The document is `{"steps": […], "accounts": {…}, "interrupted": …, "ok": …}`. A step has
//! `subject` (`configuration`, a way to the API, or an account's name), `step`, `outcome` (`ok`,
//! `skipped`, `warning` or `failed`) and `detail`, and where there is one `class`, `errcode`,
//! `seen_ip` and `remedy`. `accounts` counts those that were `checked` by what came of it: `fine`,
//! `warning`, `failed`, `skipped`. `ok` is false when a step failed.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::finding::{Finding, Step, Subject, Verdict};
use crate::counted::counted;
use crate::web::negotiate::Language;

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One document for programs.
    Json,
}

/// What is told of a subject to people; programs are told everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every step.
    Whole,
    /// Every step, but only of a subject in trouble.
    Trouble,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was checked.
    Complete,
    /// A signal came before so many accounts were checked.
    Interrupted {
        /// How many accounts there are to check.
        accounts: usize,
    },
}

/// Writes as it goes, and counts.
#[derive(Debug)]
pub(super) struct Report<W> {
    out: W,
    format: Format,
    language: Language,
    steps: u64,
    accounts: Tally,
    has_failed: bool,
}

/// Accounts by the worst of their steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    checked: usize,
    fine: usize,
    warning: usize,
    failed: usize,
    /// Neither fine nor in trouble: their counts were not asked for.
    skipped: usize,
}

#[derive(Serialize)]
struct JsonStep<'a> {
    subject: &'a str,
    step: &'static str,
    outcome: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl<W: Write> Report<W> {
    /// Begins at once.
    pub(super) fn new(mut out: W, format: Format, language: Language) -> io::Result<Self> {
        if format == Format::Json {
            out.write_all(b"{\"steps\":[")?;
        }
        let accounts = Tally::default();
        Ok(Self { out, format, language, steps: 0, accounts, has_failed: false })
    }

    /// Tells what came of one subject.
    pub(super) fn show(
        &mut self,
        subject: &Subject,
        findings: &[Finding],
        extent: Extent,
    ) -> anyhow::Result<()> {
        self.has_failed |= findings.iter().any(Finding::has_failed);
        if let Subject::Account(..) = subject {
            self.accounts.count(findings);
        }
        match self.format {
            Format::Json => self.write_json(subject, findings)?,
            Format::Text if extent == Extent::Trouble && !in_trouble(findings) => {}
            Format::Text => self.out.write_all(self.text(subject, findings).as_bytes())?,
        }
        Ok(())
    }

    /// Ends the report. Whether nothing failed.
    pub(super) fn finish(mut self, end: End) -> anyhow::Result<bool> {
        let is_ok = !self.has_failed;
        match self.format {
            Format::Json => {
                let accounts = serde_json::to_string(&self.accounts)?;
                let interrupted = end != End::Complete;
                writeln!(
                    self.out,
                    "\n],\"accounts\":{accounts},\"interrupted\":{interrupted},\"ok\":{is_ok}}}"
                )?;
            }
            Format::Text => writeln!(self.out, "{}", self.accounts.text(end))?,
        }
        self.out.flush()?;
        Ok(is_ok)
    }

    fn write_json(&mut self, subject: &Subject, findings: &[Finding]) -> anyhow::Result<()> {
        let subject = subject.to_string();
        for Finding { step, verdict, detail } in findings {
            let cause = verdict.cause();
            let failing = cause.and_then(|cause| cause.failing());
            let step = JsonStep {
                subject: &subject,
                step: step.label(),
                outcome: verdict.label(),
                detail,
                class: failing.map(|failing| failing.class.label()),
                errcode: failing.and_then(|failing| failing.errcode).map(|code| code.0),
                seen_ip: failing.and_then(|failing| failing.seen_ip),
                remedy: self.remedy(verdict),
            };
            self.out.write_all(if self.steps == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut self.out, &step)?;
            self.steps += 1;
        }
        Ok(())
    }

    fn text(&self, subject: &Subject, findings: &[Finding]) -> String {
        let (mut text, indent) = match subject {
            Subject::Configuration => (String::new(), ""),
            Subject::Route(name) => (format!("{name}\n"), "  "),
            Subject::Account(name, app_id) => (format!("{name} ({app_id})\n"), "  "),
        };
        let width = Step::Configuration.label().len() - indent.len();
        for Finding { step, verdict, detail } in findings {
            let (step, outcome) = (step.label(), verdict.label());
            let detail = detail.replace(char::is_control, " ");
            writeln!(text, "{indent}{step:<width$}  {outcome:<7}  {detail}").unwrap_or_default();
            if let Some(remedy) = self.remedy(verdict) {
                writeln!(text, "{indent}{:<width$}  {:<7}  {remedy}", "", "remedy").unwrap_or_default();
            }
        }
        text
    }

    fn remedy(&self, verdict: &Verdict) -> Option<&'static str> {
        let remedy = verdict.cause()?.remedy()?;
        Some(match self.language {
            Language::En => remedy.en,
            Language::Zh => remedy.zh,
        })
    }
}

fn in_trouble(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict.cause().is_some())
}

impl Tally {
    fn count(&mut self, findings: &[Finding]) {
        self.checked += 1;
        let has_counts =
            findings.iter().any(|finding| (finding.step, &finding.verdict) == (Step::Data, &Verdict::Ok));
        let of_its_kind = if findings.iter().any(Finding::has_failed) {
            &mut self.failed
        } else if in_trouble(findings) {
            &mut self.warning
        } else if has_counts {
            &mut self.fine
        } else {
            &mut self.skipped
        };
        *of_its_kind += 1;
    }

    fn text(&self, end: End) -> String {
        let parts = [
            (self.fine, "fine"),
            (self.warning, "with warnings"),
            (self.failed, "failed"),
            (self.skipped, "not asked"),
        ];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let checked = match (end, self.checked) {
            (End::Interrupted { accounts }, checked) => {
                format!("interrupted after {checked} of {}", counted(accounts, "account"))
            }
            (End::Complete, 0) => "no account was checked".to_owned(),
            (End::Complete, checked) => counted(checked, "account"),
        };
        if parts.is_empty() { checked } else { format!("{checked}: {}", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests;
