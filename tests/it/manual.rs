//! The manual pages and the completions: written from the flags, checked in, and read by the programs
//! that they are for. `UPDATE_DOCS=1` writes them anew.

mod pages;
mod shells;

use std::path::Path;
use std::process::{Command, Stdio};

/// Compares a file with what it should be, or writes it.
fn check(path: &str, text: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    assert!(
        std::fs::read(&file).is_ok_and(|written| written == text),
        "{path} differs from the flags: run `make docs`"
    );
}

/// What a program writes to stdout when it has nothing to say on stderr and ends well.
fn output_of(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80").stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}: run `make tools`"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{program} {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}
