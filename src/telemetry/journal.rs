//! What is different when systemd's journal reads stderr: it knows the time of a line, and takes the
//! priority from `<N>` at its beginning.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Who reads stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// systemd's journal.
    Journal,
    /// A terminal, a file, a collector of logs.
    Other,
}

impl Reader {
    /// The journal, if stderr is the stream that `JOURNAL_STREAM` names. Somebody may have pointed it
    /// elsewhere since systemd set the variable.
    pub fn of_stderr() -> Self {
        let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
        match stderr() {
            Ok(stderr) if named == stderr => Self::Journal,
            _ => Self::Other,
        }
    }

    /// What a line of this level begins with.
    pub fn prefix(self, level: Level) -> &'static str {
        match (self, level) {
            (Self::Other, _) => "",
            (Self::Journal, Level::ERROR) => "<3>",
            (Self::Journal, Level::WARN) => "<4>",
            (Self::Journal, Level::INFO) => "<6>",
            (Self::Journal, Level::DEBUG | Level::TRACE) => "<7>",
        }
    }
}

/// Stderr, in the form of `JOURNAL_STREAM`.
fn stderr() -> io::Result<String> {
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
    Ok(format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Writes each line with its priority before it.
#[derive(Debug)]
pub(super) struct WithPriority<W>(pub(super) W);

/// The writer of one line.
#[derive(Debug)]
pub(super) struct Line<W> {
    prefix: &'static str,
    writer: W,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for WithPriority<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { prefix: "", writer: self.0.make_writer() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Line { prefix: Reader::Journal.prefix(*meta.level()), writer: self.0.make_writer_for(meta) }
    }
}

impl<W: Write> Write for Line<W> {
    /// The whole line comes at once, and goes at once: other threads write too.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.writer.write_all(&[self.prefix.as_bytes(), line].concat())?;
        self.prefix = "";
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
