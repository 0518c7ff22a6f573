//! A number of things in English: `1 account`, `2 accounts`.

/// So many of a thing whose plural ends in `s`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}
