//! Fences of a Markdown text, and the commands in them.

use std::path::Path;

use super::shell;

/// Programs that a guide's commands may call, if a walk is to run them.
const RUN_HERE: &[&str] = &[
    "./wechat-material-exporter",
    "amtool",
    "cat",
    "cd",
    "curl",
    "deploy/grafana/generate.py",
    "deploy/prometheus/adjust",
    "grep",
    "install",
    "mkdir",
    "printf",
    "prometheus",
    "promtool",
    "umask",
    "wechat-material-exporter",
];

/// What stands between two lines of backticks.
pub(super) struct Fence {
    /// The line of the first one.
    line: usize,
    pub(super) language: String,
    /// What the text before it calls the file that it shows, if it does.
    pub(super) file: Option<String>,
    pub(super) body: String,
}

/// One line to type, without its comment; continued lines are joined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Command {
    /// Whether all of its programs are known here.
    pub(super) fn is_run_here(&self) -> bool {
        shell::programs(&self.text).iter().all(|program| RUN_HERE.contains(&program.as_str()))
    }
}

/// All fences of a text.
pub(super) fn fences(text: &str) -> Vec<Fence> {
    let mut found: Vec<Fence> = Vec::new();
    let (mut open, mut indent, mut before) = (false, 0, "");
    for (i, line) in text.lines().enumerate() {
        let bare = line.trim();
        match (open, bare.strip_prefix("```")) {
            (false, Some(language)) => {
                indent = line.len() - line.trim_start().len();
                let file = named_file(before).filter(|_| ["yaml", "yml"].contains(&language));
                found.push(Fence { line: i + 1, language: language.to_owned(), file, body: String::new() });
                open = true;
            }
            (true, Some(_)) => {
                open = false;
                before = "";
            }
            (true, None) => {
                let body = &mut found.last_mut().expect("one is open").body;
                body.push_str(line.get(indent..).unwrap_or(bare));
                body.push('\n');
            }
            (false, None) if !bare.is_empty() => before = bare,
            (false, None) => {}
        }
    }
    assert!(!open, "a fence does not end");
    found
}

/// The file in "Write this to `FILE.yaml`:".
fn named_file(before: &str) -> Option<String> {
    if !before.ends_with([':', '：']) {
        return None;
    }
    let spans = before.split('`').skip(1).step_by(2);
    let is_file =
        |span: &&str| Path::new(span).extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
    spans.filter(is_file).last().map(str::to_owned)
}

impl Fence {
    /// What is to be typed. In `console` only what stands behind a prompt.
    pub(super) fn commands(&self) -> Vec<Command> {
        if !["sh", "bash", "shell", "console"].contains(&self.language.as_str()) {
            return Vec::new();
        }
        let mut commands = Vec::new();
        let mut begun: Option<Command> = None;
        for (i, line) in self.body.lines().enumerate() {
            let typed = match (&begun, self.language.as_str()) {
                (None, "console") => line.strip_prefix("$ ").unwrap_or_default(),
                _ => line,
            };
            let typed = shell::without_comment(typed).trim();
            let (typed, goes_on) =
                typed.strip_suffix('\\').map_or((typed, false), |typed| (typed.trim(), true));
            let command = begun.get_or_insert(Command { line: self.line + 1 + i, text: String::new() });
            if !command.text.is_empty() {
                command.text.push(' ');
            }
            command.text.push_str(typed);
            if !goes_on {
                commands.extend(begun.take().filter(|command| !command.text.is_empty()));
            }
        }
        assert!(begun.is_none(), "line {}: the last command goes on", self.line);
        commands
    }
}
