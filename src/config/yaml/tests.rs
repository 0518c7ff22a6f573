use std::fmt::Write as _;

use super::*;

/// The scalars of one account, in order, as `text/Form`.
fn account_scalars(yaml: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut each = |_, node| scalars(&node, &mut seen);
    read(yaml, &mut each).unwrap();
    seen
}

fn scalars(node: &Node, seen: &mut Vec<String>) {
    match node {
        Node::Empty => seen.push("empty".into()),
        Node::Scalar(scalar) => seen.push(format!("{}/{:?}", scalar.text, scalar.form)),
        Node::List(items) => items.iter().for_each(|item| scalars(item, seen)),
        Node::Map(entries) => entries.iter().for_each(|(_, value)| scalars(value, seen)),
    }
}

fn check_account(fields: &str, expected: &[&str]) {
    let yaml = format!("# 品牌 é 😀\naccounts:\n  a: {{x: 品牌😀}}\n  b:\n{fields}");
    let seen = account_scalars(&yaml);
    assert_eq!(seen[1..], *expected, "{yaml}");
}

#[test]
fn scalars_of_accounts_are_kept_as_written() {
    check_account(
        "    s: 12345678901234567890123456789012\n    t: 00123\n    u: 1e5\n    v: 0x1F\n    w: 1.10 # note\n",
        &["12345678901234567890123456789012/Loose", "00123/Loose", "1e5/Loose", "0x1F/Loose", "1.10/Loose"],
    );
    check_account(
        "    s: .inf\n    t: 1e999\n    u: -0\n    v: true\n    w: yes\n    x: 1_000\n    y: +5\n    z: 0o17\n",
        &[
            ".inf/Loose",
            "1e999/Loose",
            "-0/Loose",
            "true/Loose",
            "yes/Text",
            "1_000/Loose",
            "+5/Loose",
            "0o17/Loose",
        ],
    );
    check_account(
        "    {s: 007, t: [1.50, '007'], u: \"1e5\"}\n",
        &["007/Loose", "1.50/Loose", "007/Text", "1e5/Text"],
    );
    check_account(
        "    s: null\n    t: ~\n    u:\n    v: 'null'\n",
        &["empty", "empty", "empty", "null/Text"],
    );
    check_account("    s: |\n      007\n    t: >-\n      1e5\n", &["007\n/Text", "1e5/Text"]);
    check_account("    s: 2026-01-02\n    t: 1:30\n", &["2026-01-02/Text", "1:30/Text"]);
}

#[test]
fn anchors_aliases_and_merges_keep_what_was_written() {
    check_account(
        "    s: &é 007\n    t: *é\n    u: &b\n      v: 1e5\n    w: {<<: *b, x: 0010}\n",
        &["007/Loose", "007/Loose", "1e5/Loose", "0010/Loose", "1e5/Loose"],
    );
    check_account("    s: &c !!str 007\n    t: *c\n    u: !!int 7\n", &["007/Text", "007/Text", "7/Loose"]);
}

#[test]
fn account_names_are_kept_as_written() {
    let mut names = Vec::new();
    let yaml =
        "accounts:\n  007: {}\n  1e5: {}\n  true: {}\n  007: {}\n  \"x y\": {}\n  0x10: {}\n  16: {}\n";
    read(yaml, &mut |name, _| names.push(name)).unwrap();
    assert_eq!(names, ["007", "1e5", "true", "007", "x y", "0x10", "16"]);
}

#[test]
fn a_mark_of_byte_order_and_carriage_returns_move_nothing() {
    let yaml = "\u{feff}# é\r\naccounts:\r\n  a:\r\n    s: 0070\r\n    t: 1e5\r\n";
    assert_eq!(account_scalars(yaml), ["0070/Loose", "1e5/Loose"]);
}

#[test]
fn scalars_outside_of_accounts_are_bare() {
    let root = read("a: 007\nb: '007'\nc: on\nd: true\n", &mut |_, _| {}).unwrap();
    let mut seen = Vec::new();
    scalars(&root, &mut seen);
    assert_eq!(seen, ["007/Bare", "007/Text", "on/Text", "true/Bare"]);
}

#[test]
fn other_shapes_are_told_apart() {
    for (yaml, expected) in [
        ("", Node::Empty),
        ("# nothing\n", Node::Empty),
        ("[1, {a: b}]", Node::List(vec![])),
        ("accounts:", Node::Map(vec![("accounts".into(), Node::Empty)])),
        ("accounts: [a]", Node::Map(vec![("accounts".into(), Node::List(vec![]))])),
        ("accounts: {}", Node::Map(vec![("accounts".into(), Node::Map(vec![]))])),
    ] {
        assert_eq!(read(yaml, &mut |_, _| {}).unwrap(), expected, "{yaml}");
    }
    assert!(matches!(read("5", &mut |_, _| {}).unwrap(), Node::Scalar(_)));
}

fn check_syntax(yaml: &str, line: u64, column: u64, wrong: &str) {
    let fault = read(yaml, &mut |_, _| {}).unwrap_err();
    assert_eq!((fault.line, fault.column, fault.wrong), (line, column, wrong), "{yaml}");
}

#[test]
fn syntax_faults_have_a_place() {
    check_syntax("a: 1\nb: [1, 2\nc: 3\n", 3, 2, "not valid YAML");
    check_syntax("a: b: c\n", 1, 5, "not valid YAML");
    check_syntax("a: *b\n", 1, 4, "an alias without its anchor");
    check_syntax("a: 1\n---\nb: 2\n", 3, 1, "a second YAML document");
    check_syntax("a: !secret b\n", 1, 12, "a tag that does not fit");
    check_syntax("a: {<<: 5}\n", 1, 9, "`<<` with something that is not a map");
    check_syntax("~: 5\n", 1, 1, "an empty key");
    check_syntax(
        &format!("a: {}{}\n", "[".repeat(40), "]".repeat(40)),
        1,
        19,
        "nested too deep, or too much of it",
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(yaml, "a{i}: &a{i} [{aliases}]").unwrap();
    }
    let fault = read(&yaml, &mut |_, _| {}).unwrap_err();
    assert_eq!(fault.wrong, "nested too deep, or too much of it");
}
