//! The README in both languages: the same sections, commands, tables, links and names.

use std::collections::BTreeSet;

use super::{Guide, links, shell};

/// What has to be the same in all languages.
#[derive(Debug, PartialEq)]
struct Outline {
    /// Of each section: how deep its heading is, and its rows of tables and items of lists.
    sections: Vec<(usize, usize, usize)>,
    commands: Vec<String>,
    /// Other fences, without comments.
    files: Vec<(String, String)>,
    links: BTreeSet<String>,
    /// What stands in backticks.
    names: BTreeSet<String>,
}

impl Outline {
    fn of(guide: &Guide) -> Self {
        let mut sections = Vec::new();
        for line in links::prose(&guide.text).lines() {
            let deep = line.chars().take_while(|char| *char == '#').count();
            if deep > 0 {
                sections.push((deep, 0, 0));
            }
            let Some(section) = sections.last_mut() else { continue };
            section.1 += usize::from(line.starts_with('|'));
            let (number, rest) = line.split_at(line.bytes().take_while(u8::is_ascii_digit).count());
            let is_item = line.starts_with("- ") || !number.is_empty() && rest.starts_with(". ");
            section.2 += usize::from(is_item);
        }
        let fences = guide.fences();
        let other = fences.iter().filter(|fence| fence.commands().is_empty());
        let bare = |body: &str| body.lines().map(shell::without_comment).collect::<Vec<_>>().join("\n");
        Self {
            sections,
            commands: guide.commands().into_iter().map(|command| command.text).collect(),
            files: other.map(|fence| (fence.language.clone(), bare(&fence.body))).collect(),
            links: links::targets(&guide.text).into_iter().map(|link| of_no_language(&link)).collect(),
            names: names(&guide.text),
        }
    }
}

/// Pages and pictures that are there in both languages count as one.
fn of_no_language(link: &str) -> String {
    link.replace(".zh-CN", "").replace("-zh.png", "-en.png")
}

fn names(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if !fenced {
            names.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    names
}

#[test]
fn both_readmes_have_the_same_content() {
    let (english, chinese) = (Guide::read("README.md"), Guide::read("README.zh-CN.md"));
    let (english, chinese) = (Outline::of(&english), Outline::of(&chinese));
    let differ =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.symmetric_difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(differ(&english.names, &chinese.names), [""; 0], "stand in backticks in one of them only");
    assert_eq!(differ(&english.links, &chinese.links), [""; 0], "are linked from one of them only");
    assert_eq!(english, chinese);
    assert!(english.sections.len() > 5 && english.commands.len() > 5 && english.names.len() > 40);
}

#[test]
fn a_readme_that_lacks_something_is_found() {
    let whole = "# A\n\n- `b` [c](d)\n\n```sh\ne\n```\n\n| f |\n|---|\n\n```yaml\ng: 1  # 一\n```\n";
    let outline = Outline::of(&Guide::made_up(whole));
    for part in ["# A", "`b`", "(d)", "\ne\n", "| f |\n", "g: 1"] {
        assert_ne!(Outline::of(&Guide::made_up(&whole.replacen(part, "\n", 1))), outline, "{part}");
    }
    assert_eq!(Outline::of(&Guide::made_up(&whole.replace("一", "one"))), outline);
}
