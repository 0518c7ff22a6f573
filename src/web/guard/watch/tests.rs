use std::fs;

use tempfile::TempDir;

use super::*;
use crate::web::guard::tests::{OTHER, RIGHT};

struct Site {
    directory: TempDir,
    watch: Watch,
}

fn users(of: &str) -> String {
    format!("basic_auth_users: {{{of}}}\n")
}

impl Site {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.yml");
        fs::write(&path, text).unwrap();
        let loaded = load_web(&path, Clock::System.now()).unwrap();
        let metrics = Arc::new(ExporterMetrics::new().unwrap());
        let (_, watch, _) = start(WebSource { path, loaded }, false, metrics, Clock::System).unwrap();
        Self { directory, watch }
    }

    fn write(&self, text: &str) {
        fs::write(self.directory.path().join("web.yml"), text).unwrap();
    }

    /// What is told at each of so many looks.
    async fn looks(&mut self, number: usize) -> Vec<Option<Vec<String>>> {
        let mut told = Vec::new();
        for _ in 0..number {
            let faults = self.watch.look().await;
            let short = |line: String| line.split_once("web.yml: ").unwrap().1.to_owned();
            told.push(faults.map(|faults| faults.into_iter().map(short).collect()));
        }
        told
    }
}

#[tokio::test]
async fn a_change_is_taken_at_the_second_look_that_sees_it() {
    let mut site = Site::new(&users(&format!("a: {RIGHT}")));
    assert_eq!(site.looks(3).await, [None, None, None]);
    site.write(&users(&format!("a: {RIGHT}, b: {OTHER}")));
    assert_eq!(site.looks(3).await, [None, Some(vec![]), None]);
    assert_eq!(site.watch.in_force.users, 2);
    // While it is written, it is another one each time.
    for half in ["basic", "basic_auth_users: {}", "basic_auth_users: {a"] {
        site.write(half);
        assert_eq!(site.looks(1).await, [None]);
    }
    site.write(&users(&format!("a: {RIGHT}, b: {OTHER}")));
    assert_eq!(site.looks(3).await, [None, None, None], "it is as it was");
}

#[tokio::test]
async fn what_is_broken_is_told_once_for_each_change() {
    let mut site = Site::new(&users(&format!("a: {RIGHT}")));
    let told = |fault: &str| Some(vec![fault.to_owned()]);
    let open = told("basic_auth_users: would let everybody in: restart the exporter for that");
    site.write("");
    assert_eq!(site.looks(4).await, [None, open, None, None]);
    fs::remove_file(site.directory.path().join("web.yml")).unwrap();
    let gone = told("no such file: name a YAML file that this user can read");
    assert_eq!(site.looks(4).await, [None, gone, None, None]);
    site.write(&users(&format!("a: {RIGHT}")));
    assert_eq!(site.looks(3).await, [None, Some(vec![]), None]);
    assert_eq!(site.watch.reload().await, Vec::<String>::new());
}
