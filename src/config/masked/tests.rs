use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::config::{Config, load};
use crate::shard::Shard;

/// The configuration of `text`, which may name the variables `SECRET` and `URL`.
fn config(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yaml");
    fs::write(&path, text).unwrap();
    let variables = [("SECRET", "canary"), ("URL", "https://canary@tokens.internal/canary?x=canary")];
    let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    load(&path, &variables, Shard::default(), None).unwrap_or_else(|faults| panic!("{faults}")).config
}

fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_example_of_the_reference_is_shown_without_its_secrets() {
    let text = fs::read_to_string(Path::new("docs/configuration.md")).unwrap();
    let examples = text.split("```").filter_map(|block| block.strip_prefix("yaml\n"));
    let mut shown = 0;
    for example in examples.filter(|example| example.contains("accounts:")) {
        let config = config(&example.replace("account_files: [accounts.d/*.yaml]", ""));
        let masked = config.masked();
        let value = read(&masked);
        assert_eq!(value["accounts"].as_object().unwrap().len(), config.accounts.len(), "{masked}");
        assert!(!masked.contains("canary"), "{masked}");
        shown += 1;
    }
    assert!(shown > 8, "the examples were found");
}

#[test]
fn places_are_shown_and_values_are_not() {
    let config = config(
        "info_labels: [team]\napi: {proxy: 'http://user:canary@proxy:3128'}\naccounts:\n  '007':\n    app_id: \
         wx0123456789abcdef\n    display_name: \"\\u202e<b>\\\"no\\\"\"\n    labels: {team: '1.10'}\n    token: {app_secret: canary}\n  \
         no: {app_id: wx1123456789abcdef, collect: [draft], interval: 1200s, base_url: 'https://api.internal/canary', \
         token: {source: http, url_env: URL, headers: {authorization: {env: SECRET}}}}\n",
    );
    let masked = config.masked();
    let value = read(&masked);
    let [seven, no] = ["007", "no"].map(|name| &value["accounts"][name]);
    assert_eq!(seven["display_name"], "\u{202e}<b>\"no\"");
    assert_eq!((&seven["labels"]["team"], &seven["proxy"]), (&"1.10".into(), &"<secret>".into()));
    assert_eq!(seven["token"]["app_secret"], "<secret>");
    assert_eq!((&no["base_url"], &no["interval"]), (&"https://api.internal".into(), &"1200s".into()));
    assert_eq!(
        (&no["token"]["url_env"], &no["token"]["headers"][0]),
        (&"URL".into(), &"authorization".into())
    );
    assert_eq!(no["collect"][0], "draft");
    assert!(!masked.contains("canary"), "{masked}");
}
