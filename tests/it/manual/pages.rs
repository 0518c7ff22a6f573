//! docs/man: one page for the program and one for each sub-command.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use wechat_material_exporter::cli::describe;

use super::{check, output_of};

const MANUAL: &str = "wechat-material-exporter";

const DESCRIPTION: &str = "\
Polls each configured account of WeChat on a schedule and serves the last good counts of its permanent material, the \
storage limits and the ratios to Prometheus. A scrape never causes a call to the API.\n\n\
Without a sub-command it serves until it is told to stop.";

/// All pages: name and text.
fn pages() -> Vec<(String, String)> {
    let mut command = describe::for_documents().disable_help_subcommand(true);
    command.build();
    // Now, because a long text makes the built-in `--help` speak of a short one.
    let command = command.long_about(DESCRIPTION);
    let subs: Vec<_> = command.get_subcommands().cloned().collect();
    let page_of = |name: &str| format!("{MANUAL}-{name}");
    let others: Vec<_> = subs.iter().map(|sub| page_of(sub.get_name())).collect();
    let mut sections = vec![commands(&subs)];
    sections.extend(in_general());
    sections.push(see_also(&others));
    let mut pages = vec![page(MANUAL, &command, &sections)];
    for mut sub in subs {
        if let Some(notes) = sub.get_after_help() {
            let description = format!("{}.\n\n{notes}", sub.get_about().unwrap());
            sub = sub.long_about(description);
        }
        pages.push(page(&page_of(sub.get_name()), &sub, &[see_also(&[MANUAL.to_owned()])]));
    }
    pages
}

fn page(name: &str, command: &Command, more: &[Section]) -> (String, String) {
    let usage = command.clone().render_usage().to_string();
    let command = command.clone().override_usage(usage.strip_prefix("Usage: ").unwrap().to_owned());
    let man = Man::new(command);
    // Not by `Man`: it leaves an empty date out, and what follows moves up. The blank keeps the middle of
    // the first line free, where the long names meet.
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(".TH {name} 1 \"\" \"{MANUAL} {version}\" \" \"\n").into_bytes();
    // Names of variables are to be found whole.
    Roff::new().control("nh", []).control("ad", ["l"]).to_writer(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    for (title, entries) in more {
        let mut roff = Roff::new();
        roff.control("SH", [*title]);
        for (term, what) in entries {
            if !term.is_empty() {
                roff.control("TP", []);
                roff.text([bold(term)]);
            }
            roff.text([roman(what)]);
        }
        roff.to_writer(&mut text).unwrap();
    }
    (format!("{name}.1"), String::from_utf8(text).unwrap())
}

/// A title, and terms with what is to be said of them.
type Section = (&'static str, Vec<(String, String)>);

fn commands(subs: &[Command]) -> Section {
    let told = |sub: &Command| (sub.get_name().to_owned(), format!("{}.", sub.get_about().unwrap()));
    ("COMMANDS", subs.iter().map(told).collect())
}

fn see_also(pages: &[String]) -> Section {
    let pages: Vec<_> = pages.iter().map(|page| format!("{page}(1)")).collect();
    ("SEE ALSO", vec![(String::new(), pages.join(", "))])
}

/// What no flag says.
fn in_general() -> Vec<Section> {
    let sections: [(&str, &[(&str, &str)]); 5] = [
        (
            "ENVIRONMENT",
            &[
                (
                    "WECHAT_EXPORTER__SECTION__KEY",
                    "A key of the configuration outside of accounts, as in \
                     WECHAT_EXPORTER__POLL__INTERVAL=15m. It goes over the file.",
                ),
                ("NOTIFY_SOCKET", "Where systemd is told of readiness, reloads and the stop."),
                (
                    "JOURNAL_STREAM",
                    "If stderr is that stream, log lines begin with their priority and have no time.",
                ),
                ("LC_ALL, LC_MESSAGES, LANG", "The doctor's remedies are Chinese where these say so."),
                ("NO_COLOR", "Takes the colour from the demo's report."),
            ],
        ),
        (
            "FILES",
            &[("./wechat-material-exporter.yaml", "The configuration, if --config.file names no other.")],
        ),
        (
            "SIGNALS",
            &[
                ("SIGHUP", "Reads the configuration anew. One with a fault changes nothing."),
                (
                    "SIGTERM, SIGINT",
                    "End the exporter in order, within 20 seconds. A second one ends it at once.",
                ),
            ],
        ),
        (
            "EXIT STATUS",
            &[
                ("0", "Fine, or ended by SIGTERM or SIGINT."),
                ("1", "A failure of the configuration or at run time."),
                ("2", "Wrong usage."),
            ],
        ),
        (
            "EXAMPLES",
            &[
                ("wechat-material-exporter demo", "Looks around without an account."),
                (
                    "wechat-material-exporter --config.check --config.file=config.yaml",
                    "Prints every fault of a configuration, or how many calls it plans.",
                ),
                ("wechat-material-exporter doctor brand-main", "Says what is wrong with an account."),
            ],
        ),
    ];
    let owned = |entries: &[(&str, &str)]| {
        entries.iter().map(|(term, what)| ((*term).to_owned(), (*what).to_owned())).collect()
    };
    sections.into_iter().map(|(title, entries)| (title, owned(entries))).collect()
}

#[test]
fn the_manual_pages_are_those_of_the_flags() {
    let pages = pages();
    let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let subs = ["demo", "simulate", "doctor", "health"].map(|sub| format!("{MANUAL}-{sub}.1"));
    assert_eq!(names, [&[format!("{MANUAL}.1")][..], &subs].concat());
    for (name, text) in pages {
        check(&format!("docs/man/{name}"), text.as_bytes());
    }
}

#[test]
fn man_renders_the_pages_without_a_warning() {
    for (name, _) in pages() {
        let path = format!("docs/man/{name}");
        let text = output_of("man", &["--warnings", "-l", "-E", "UTF-8", &path]);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{path}: {widest} columns");
    }
    let text = output_of("man", &["--warnings", "-l", "-E", "UTF-8", &format!("docs/man/{MANUAL}.1")]);
    for wanted in [
        "--config.file <PATH>",
        "[default: :19870]",
        "WECHAT_EXPORTER_WEB_LISTEN_ADDRESS",
        "STATE AND SHARDS",
        "EXIT STATUS",
        "wechat-material-exporter-doctor(1)",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
}
