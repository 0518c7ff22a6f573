//! `docs/reliability.md` names the test that proves each promise.

use std::collections::BTreeSet;
use std::path::Path;

/// The tests that the document names as `file.rs::test`.
fn named(document: &str) -> BTreeSet<&str> {
    document.split('`').filter(|text| text.contains(".rs::")).collect()
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_test_that_the_document_names_exists() {
    let document = read("docs/reliability.md");
    let named = named(&document);
    assert!(named.len() > 30, "{named:?}");
    for test in named {
        let (file, name) = test.split_once("::").unwrap();
        assert!(read(file).contains(&format!("fn {name}(")), "no such test: {test}");
    }
}

#[test]
fn the_document_names_every_fault_that_is_tested() {
    let document = read("docs/reliability.md");
    let named = named(&document);
    for file in ["clients", "clients/scrapers", "clock", "connect", "errcodes", "herd", "transport"] {
        let file = format!("tests/it/faults/{file}.rs");
        for test in read(&file).split("#[tokio::test").skip(1) {
            let (_, rest) = test.split_once("async fn ").unwrap();
            let (name, _) = rest.split_once('(').unwrap();
            let test = format!("{file}::{name}");
            assert!(named.contains(test.as_str()), "not in the document: {test}");
        }
    }
}
