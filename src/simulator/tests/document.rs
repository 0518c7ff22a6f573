//! The document of scenario files against their reader, whose own messages list what it knows.

use crate::simulator::Endpoint;
use crate::simulator::scenario::Scenario;

const DOCUMENT: &str = include_str!("../../../docs/simulator.md");
const EXAMPLE: &str = include_str!("../../../config/scenario.example.yaml");

/// What the reader says that it would have taken in the place of `nothing` in `text`.
fn known(text: &str) -> Vec<String> {
    let message = Scenario::from_yaml(text, "x").unwrap_err().to_string();
    let (_, names) = message.split_once("expected one of ").unwrap_or_else(|| panic!("{message}"));
    let names = names.split(" at line ").next().unwrap();
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    let names =
        names.split(", ").map(|name| name.trim_start_matches('`').split(|c| !word(c)).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn every_key_of_a_scenario_is_described_and_shown() {
    let account = |more: &str| format!("accounts: {{a: {{app_id: wx0123456789, secret: s, {more}}}}}");
    let platform = |more: &str| {
        let own = "component_app_id: wx9876543210, component_app_secret: s, ticket: t";
        format!("{}\nplatforms: {{p: {{{own}, {more}}}}}", account(""))
    };
    let mut shown = 0;
    for text in [
        "nothing: 1".to_owned(),
        account("nothing: 1"),
        account("counts: {nothing: 1}"),
        account("faults: [{nothing: 1}]"),
        platform("nothing: 1"),
        platform("authorizers: {wx0123456789: {nothing: 1}}"),
    ] {
        for key in known(&text) {
            assert!(DOCUMENT.contains(&format!("`{key}`")), "docs/simulator.md lacks {key}");
            assert!(EXAMPLE.contains(&format!("{key}:")), "the example lacks {key}");
            shown += 1;
        }
    }
    assert!(shown > 30, "{shown}");
    for what in known(&account("faults: [{what: nothing}]")) {
        let described = [format!("| `{what}` |"), format!("| `{what}: ")];
        assert!(described.iter().any(|row| DOCUMENT.contains(row)), "docs/simulator.md lacks {what}");
        assert!(
            EXAMPLE.contains(&format!("what: {what}")) || EXAMPLE.contains(&format!("{{{what}: ")),
            "{what}"
        );
    }
    for calls in known(&account("faults: [{calls: nothing, what: reset}]")) {
        assert!(DOCUMENT.contains(&format!("`{calls}`")), "docs/simulator.md lacks {calls}");
    }
}

#[test]
fn every_call_that_is_answered_is_described() {
    for endpoint in Endpoint::ALL {
        assert!(DOCUMENT.contains(&format!("| `{}` |", endpoint.path())), "{}", endpoint.path());
    }
}
