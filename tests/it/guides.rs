//! The guides: every command in them is run, as a new user would, or stands in a table that says what
//! runs it; every link leads somewhere; both READMEs say the same.

mod commands;
mod elsewhere;
mod links;
mod readmes;
mod shell;
mod walk;

use std::fs;

use self::commands::{Command, Fence, fences};
use self::elsewhere::ELSEWHERE;
use self::walk::Walk;
use crate::tools::root;

/// A file that tells people what to type.
pub(crate) struct Guide {
    /// From the project's directory.
    path: String,
    text: String,
}

impl Guide {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    fn made_up(text: &str) -> Self {
        Self { path: "docs/made-up.md".into(), text: text.into() }
    }

    /// All there are. A new file below `docs` or `deploy` is one without a word here.
    fn all() -> Vec<Self> {
        let is_guide = |path: &String| {
            let is_readme = path.starts_with("deploy/") && path.ends_with("README.md");
            !path.contains('/') || path.starts_with("docs/") || is_readme
        };
        links::markdown_files().into_iter().filter(is_guide).map(|path| Self::read(&path)).collect()
    }

    fn fences(&self) -> Vec<Fence> {
        fences(&self.text)
    }

    fn commands(&self) -> Vec<Command> {
        self.fences().iter().flat_map(Fence::commands).collect()
    }

    /// What is neither run here nor elsewhere.
    fn unaccounted(&self) -> Vec<String> {
        let is_unknown = |command: &Command| elsewhere::of(command).is_none() && !command.is_run_here();
        let unknown = self.commands().into_iter().filter(is_unknown);
        unknown.map(|command| format!("{}:{}: {}", self.path, command.line, command.text)).collect()
    }
}

#[test]
fn every_command_is_run_here_or_elsewhere() {
    let guides = Guide::all();
    let commands: usize = guides.iter().map(|guide| guide.commands().len()).sum();
    assert!(commands > 40, "only {commands} commands were found");
    let unaccounted: Vec<_> = guides.iter().flat_map(Guide::unaccounted).collect();
    assert!(
        unaccounted.is_empty(),
        "nothing runs these; add a line to tests/it/guides/elsewhere.rs, or a program to RUN_HERE:\n{}",
        unaccounted.join("\n")
    );
}

#[test]
fn a_command_that_nothing_runs_is_found() {
    let guide = Guide::made_up(
        "Text.\n\n- Indented:\n\n  ```sh\n  promtool --version   # fine\n  frobnicate \\\n    --all\n  ```\n\n\
         ```\nnot a command\n```\n\n```console\n$ wechat-material-exporter --version | frobnicate\nan answer\n```\n",
    );
    let expected = [
        "docs/made-up.md:7: frobnicate --all",
        "docs/made-up.md:16: wechat-material-exporter --version | frobnicate",
    ];
    assert_eq!(guide.unaccounted(), expected);
    assert_eq!(Guide::made_up("Prose alone, with `a command` in it.\n").unaccounted(), [""; 0]);
}

#[test]
fn what_runs_the_others_exists_and_does_so() {
    let commands: Vec<_> = Guide::all().iter().flat_map(Guide::commands).collect();
    for row in ELSEWHERE {
        let file = fs::read_to_string(root().join(row.by));
        let file = file.unwrap_or_else(|error| panic!("`{}`: {}: {error}", row.command, row.by));
        let mut meant = commands.iter().filter(|command| row.fits(command)).peekable();
        assert!(meant.peek().is_some(), "no guide has a command `{}` any more", row.command);
        for word in row.words {
            assert!(file.contains(word), "{} does not do `{}`: `{word}` is not in it", row.by, row.command);
            for command in meant.clone() {
                assert!(command.text.contains(word), "`{}` does without `{word}`", command.text);
            }
        }
        assert!(!row.words.is_empty() && !row.why.is_empty(), "{}", row.command);
    }
}

#[tokio::test]
async fn the_commands_of_the_guides_do_what_a_new_user_expects() {
    for guide in Guide::all() {
        if guide.commands().iter().any(|command| elsewhere::of(command).is_none()) {
            // The Chinese README has the commands of the English one: see `readmes`.
            if guide.path != "README.zh-CN.md" {
                Walk::through(&guide).await.unwrap_or_else(|trouble| panic!("{trouble}"));
            }
        }
    }
}

#[tokio::test]
async fn a_command_that_fails_is_found() {
    for (command, said) in [
        ("wechat-material-exporter --frobnicate", "--frobnicate"),
        ("wechat-material-exporter --config.check --config.file missing.yaml", "missing.yaml"),
        ("promtool check rules missing.yml", "missing.yml"),
        ("curl http://localhost:19870/missing", "404"),
        ("wechat-material-exporter --web.listen-address nowhere", "nowhere"),
    ] {
        let guide = Guide::made_up(&format!("```sh\n{command}\n```\n"));
        let trouble = Walk::through(&guide).await.expect_err(command);
        assert!(trouble.contains("docs/made-up.md:2") && trouble.contains(said), "{trouble}");
    }
}
