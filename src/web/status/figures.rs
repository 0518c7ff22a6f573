//! The numbers on top of the status page, each of which leads to its accounts, and the choice of the
//! same in the form.

use super::fleet::Summary;
use super::query::{Filter, View};
use super::words::grouped;
use crate::web::texts::Texts;
use crate::wechat::class::CLASSES;

/// A number of accounts, as a link to them.
pub(super) struct Figure {
    pub(super) label: &'static str,
    /// The value of the label `class`, if it is of one.
    pub(super) class: &'static str,
    pub(super) count: String,
    pub(super) link: String,
    /// The class in the style sheet, where there is something to look at.
    pub(super) style: &'static str,
    pub(super) is_chosen: bool,
}

/// All accounts, and those in each state.
pub(super) fn states(summary: &Summary, view: &View, texts: &'static Texts) -> Vec<Figure> {
    let all = (None, texts.accounts, summary.accounts, "");
    let of = |filter: Filter| {
        let (count, style) = match filter {
            Filter::State(state) => (summary.states[state as usize], state.label()),
            Filter::Full => (summary.full, filter.label()),
            Filter::NearlyFull => (summary.nearly_full, filter.label()),
            Filter::Class(_) => (0, ""),
        };
        (Some(filter), name_of(filter, texts), count, style)
    };
    let figures = std::iter::once(all).chain(Filter::STATES.map(of));
    let figures = figures.map(|(filter, label, count, style)| Figure {
        label,
        class: "",
        count: grouped(count as u64),
        link: filtering(view, filter),
        style: if count > 0 { style } else { "" },
        is_chosen: view.filter == filter,
    });
    figures.collect()
}

/// The failing accounts by class.
pub(super) fn classes(summary: &Summary, view: &View, texts: &'static Texts) -> Vec<Figure> {
    let classes = summary.classes().map(|(class, count)| Figure {
        label: texts.pick(class.row().summary),
        class: class.label(),
        count: grouped(count as u64),
        link: filtering(view, Some(Filter::Class(class))),
        style: "",
        is_chosen: view.filter == Some(Filter::Class(class)),
    });
    classes.collect()
}

/// What the form offers.
pub(super) struct Options {
    pub(super) states: Vec<Choice>,
    pub(super) classes: Vec<Choice>,
}

pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

impl Options {
    pub(super) fn new(view: &View, texts: &'static Texts) -> Self {
        let choice = |filter: Filter| Choice {
            value: filter.label(),
            label: name_of(filter, texts),
            is_chosen: view.filter == Some(filter),
        };
        let classes = CLASSES.iter().map(|row| choice(Filter::Class(row.class)));
        Self { states: Filter::STATES.map(choice).into(), classes: classes.collect() }
    }
}

fn filtering(view: &View, filter: Option<Filter>) -> String {
    view.link(|view| (view.filter, view.page) = (filter, 1))
}

fn name_of(filter: Filter, texts: &'static Texts) -> &'static str {
    match filter {
        Filter::State(state) => texts.state(state),
        Filter::Full => texts.full,
        Filter::NearlyFull => texts.nearly_full,
        Filter::Class(class) => class.label(),
    }
}
