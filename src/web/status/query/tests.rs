use proptest::prelude::*;

use super::*;

#[test]
fn a_view_is_what_its_link_says() {
    let view = View::parse("q=%E5%93%81+%26x&state=quota_day&page=3&lang=zh&refresh=off");
    assert_eq!(
        (view.search.as_str(), view.page, view.language, view.is_still),
        ("品 &x", 3, Some(Language::Zh), true)
    );
    assert_eq!(view.filter, Some(Filter::Class(ErrorClass::QuotaDay)));
    assert_eq!(View::parse(view.link(|_| {}).trim_start_matches('?')), view);
    assert_eq!(view.link(|view| *view = View::default()), "?");
}

#[test]
fn what_is_not_understood_is_as_by_default() {
    for odd in ["", "&&&", "=", "lang=fr", "page=x", "refresh=on", "q=", "%", "%ff", "a=b#c"] {
        assert_eq!(View::parse(odd), View::default(), "{odd}");
    }
    let long = View::parse(&format!("q={}&state={}", "A".repeat(5_000), "b".repeat(5_000)));
    assert_eq!((long.search.len(), long.unknown.unwrap().len()), (100, 100));
    assert_eq!(View::parse("q=a&q=b").search, "a", "the first counts");
}

#[test]
fn every_filter_has_a_name_of_its_own() {
    let classes = crate::wechat::class::CLASSES.iter().map(|row| Filter::Class(row.class));
    for filter in Filter::STATES.into_iter().chain(classes) {
        assert_eq!(Filter::from_label(filter.label()), Some(filter));
    }
}

proptest! {
    #[test]
    fn any_query_is_a_view_and_its_link_the_same_view(query in "\\PC{0,80}") {
        let view = View { unknown: None, ..View::parse(&query) };
        prop_assert_eq!(View::parse(view.link(|_| {}).trim_start_matches('?')), view);
    }
}
