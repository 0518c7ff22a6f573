use std::path::Path;

use super::*;

const SPAN: Span =
    Span { least: Duration::from_millis(100), most: Duration::from_secs(3600), text: "`100ms` to `1h`" };

/// What `read` makes of one value, with the faults there are.
fn check<T: PartialEq + fmt::Debug>(
    scalar: (&str, Form),
    read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    expected: Result<T, &str>,
) {
    let report = Report::new(Path::new("f"));
    let node = Node::Scalar(Scalar { text: scalar.0.to_owned(), form: scalar.1 });
    let mut section = Section::open("p".into(), Node::Map(vec![("k".into(), node)]), &report).unwrap();
    let value = read(&mut section);
    section.finish();
    match (report.finish(Some(())), expected) {
        (Ok(_), expected) => assert_eq!(value.ok_or("nothing"), expected, "{scalar:?}"),
        (Err(faults), expected) => {
            assert_eq!(value, None, "{scalar:?}");
            assert_eq!(faults.to_string(), expected.expect_err("a value"), "{scalar:?}");
        }
    }
}

#[test]
fn durations_have_units_and_bounds() {
    let rule = "write a duration from `100ms` to `1h`, with its unit";
    for (text, millis) in
        [("100ms", 100), ("1h", 3_600_000), ("10m", 600_000), ("1m30s", 90_000), ("1.5s", 1_500)]
    {
        check((text, Form::Text), |s| s.duration("k", SPAN), Ok(Duration::from_millis(millis)));
        check((text, Form::Variable), |s| s.duration("k", SPAN), Ok(Duration::from_millis(millis)));
    }
    for text in ["", "10", "10x", "-1s", "1d", "1s ago", "99999999999999999999h", "10 minutes and more"] {
        let wrong = format!("f: p.k: not a duration: {rule}");
        check((text, Form::Text), |s| s.duration("k", SPAN), Err(&wrong));
    }
    check(
        ("99ms", Form::Text),
        |s| s.duration("k", SPAN),
        Err(&format!("f: p.k: a duration that is too short: {rule}")),
    );
    check(
        ("61m", Form::Text),
        |s| s.duration("k", SPAN),
        Err(&format!("f: p.k: a duration that is too long: {rule}")),
    );
}

#[test]
fn numbers_and_booleans_are_not_quoted() {
    let whole = "write a whole number from 1 to 5, without quotes";
    for form in [Form::Bare, Form::Loose, Form::Variable] {
        check(("5", form), |s| s.whole("k", 5), Ok(5));
        check(("True", form), |s| s.boolean("k"), Ok(true));
    }
    check(("5", Form::Text), |s| s.whole("k", 5), Err(&format!("f: p.k: not a whole number: {whole}")));
    check(("6", Form::Bare), |s| s.whole("k", 5), Err(&format!("f: p.k: a number out of range: {whole}")));
    let boolean = "f: p.k: not a boolean: write `true` or `false`, without quotes";
    check(("true", Form::Text), |s| s.boolean("k"), Err(boolean));
    check(("1", Form::Bare), |s| s.boolean("k"), Err(boolean));
}

#[test]
fn text_is_quoted_where_it_looks_like_a_number() {
    let read = |s: &mut Section<'_>| s.text("k", "a name", "write one", |text| Some(text.to_owned()));
    for form in [Form::Text, Form::Loose, Form::Variable] {
        check(("5", form), read, Ok("5".to_owned()));
    }
    check(("5", Form::Bare), read, Err("f: p.k: a bare number or boolean, not a name: write it in quotes"));
}

#[test]
fn a_misspelt_key_gets_a_suggestion() {
    let known = ["interval", "hold", "app_secret_file"];
    assert_eq!(suggestion("intervall", &known), "did you mean `interval`?");
    assert_eq!(suggestion("HOLD", &known), "did you mean `hold`?");
    assert_eq!(suggestion("appSecretFile", &known), "did you mean `app_secret_file`?");
    assert_eq!(suggestion("colour", &known), "known here: interval, hold, app_secret_file");
    assert_eq!(suggestion("a.b", &known), "write each part as a key of its own, one below the other");
    assert_eq!(suggestion("hold:72h", &known), "write a blank after the `:`");
    assert_eq!(suggestion("a", &[]), "remove it");
}
