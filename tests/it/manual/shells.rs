//! completions: for bash, zsh and fish.

use clap_complete::Shell;
use wechat_material_exporter::cli::describe;

use super::{check, output_of};

const NAME: &str = "wechat-material-exporter";
const BASH: &str = "completions/wechat-material-exporter.bash";
const ZSH: &str = "completions/_wechat-material-exporter";
const FISH: &str = "completions/wechat-material-exporter.fish";

fn generated(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut describe::for_documents(), NAME, &mut text);
    String::from_utf8(text).unwrap()
}

/// With functions of our own that find the sub-command. Those of `clap_complete` let fish's `argparse` do
/// that, which takes no flag with a dot in its name.
fn fish() -> String {
    let command = describe::for_documents();
    let subs: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    let functions = format!(
        r#"# Fails, and prints the sub-command, if there is one already.
function __fish_wechat_material_exporter_needs_command
    for word in (commandline -opc)
        if contains -- $word {} help
            echo $word
            return 1
        end
    end
end

function __fish_wechat_material_exporter_using_subcommand
    set -l command (__fish_wechat_material_exporter_needs_command)
    test -n "$command"; and contains -- $command $argv
end

"#,
        subs.join(" ")
    );
    let generated = generated(Shell::Fish);
    functions + generated.get(generated.find("complete -c").unwrap()..).unwrap()
}

/// With one name for each branch: where the program's name has hyphens, `clap_complete` writes them in one
/// way where it chooses a sub-command and in another where it answers for it.
fn bash() -> String {
    let answered = "wechat__subcmd__material__subcmd__exporter";
    let text = generated(Shell::Bash);
    assert!(text.contains(answered), "no longer needed");
    text.replace(answered, "wechat__material__exporter")
}

#[test]
fn the_completions_are_those_of_the_flags() {
    check(BASH, bash().as_bytes());
    check(ZSH, generated(Shell::Zsh).as_bytes());
    check(FISH, fish().as_bytes());
}

/// What bash offers for the last of these words.
fn in_bash(words: &[&str]) -> Vec<String> {
    let script = format!(
        r#"source {BASH}
        [[ $(complete -p {NAME}) =~ -F\ ([^ ]+) ]]
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "${{BASH_REMATCH[1]}}" "$1" "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\n' "${{COMPREPLY[@]}}""#
    );
    let words = [&["--norc", "-c", &script, "bash", NAME], words].concat();
    output_of("bash", &words).lines().map(str::to_owned).collect()
}

/// What fish offers for the last word of this line.
fn in_fish(line: &str) -> Vec<String> {
    let script = format!("source {FISH}; complete -C '{NAME} {line}'");
    let offered = output_of("fish", &["--no-config", "-c", &script]);
    offered.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

const SUBS: [&str; 4] = ["demo", "doctor", "help", "simulate"];
const LEVELS: [&str; 5] = ["debug", "error", "info", "trace", "warn"];

fn sorted(mut offered: Vec<String>) -> Vec<String> {
    offered.sort_unstable();
    offered
}

#[test]
fn bash_completes_flags_commands_and_values() {
    assert_eq!(in_bash(&["--log.f"]), ["--log.format"]);
    assert_eq!(in_bash(&["--web.enable-lifecycle", "--web.t"]), ["--web.telemetry-path"]);
    assert_eq!(sorted(in_bash(&["--log.level", ""])), LEVELS);
    assert_eq!(in_bash(&["--log.format", "j"]), ["json"]);
    assert_eq!(in_bash(&["--config.file", "config/scenario"]), ["config/scenario.example.yaml"]);
    assert_eq!(in_bash(&["si"]), ["simulate"]);
    assert_eq!(in_bash(&["simulate", "--sc"]), ["--scenario"]);
    assert_eq!(in_bash(&["demo", "--"]).iter().filter(|flag| flag.starts_with("--config")).count(), 0);
    assert_eq!(in_bash(&["demo", "--sp"]), ["--speed"]);
    let all = in_bash(&[""]);
    assert!(SUBS.iter().all(|sub| all.iter().any(|offered| offered == sub)), "{all:?}");
}

#[test]
fn fish_completes_flags_commands_and_values() {
    assert_eq!(in_fish("--log.f"), ["--log.format"]);
    assert_eq!(in_fish("--web.enable-lifecycle --web.t"), ["--web.telemetry-path"]);
    assert_eq!(sorted(in_fish("--log.level ")), LEVELS);
    assert_eq!(in_fish("--config.file config/scen"), ["config/scenario.example.yaml"]);
    assert_eq!(in_fish("--config.file x si"), ["simulate"]);
    assert_eq!(in_fish("simulate --sc"), ["--scenario"]);
    assert_eq!(in_fish("demo --config"), [""; 0]);
    assert_eq!(in_fish("demo --sp"), ["--speed"]);
}

#[test]
fn zsh_loads_its_completions() {
    output_of("zsh", &["-f", "-n", ZSH]);
    let script = "fpath=($PWD/completions $fpath); autoload -Uz compinit; compinit -D -u; \
                  autoload +X _wechat-material-exporter; print $_comps[wechat-material-exporter]";
    assert_eq!(output_of("zsh", &["-f", "-c", script]), "_wechat-material-exporter\n");
}
