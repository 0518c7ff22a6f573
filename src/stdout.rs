//! Standard output, where the result of a command goes. An error says that it was this output.

use std::io::{self, ErrorKind, Write};

/// Writes to standard output.
#[derive(Debug)]
pub(crate) struct Stdout;

#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
struct Unwritten(io::Error);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes).map_err(unwritten)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Unwritten(error))
}

/// Whether a command ended because its reader had left, as `head` does when it has seen enough.
pub(crate) fn reader_left(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<io::Error>() else { return false };
    let is_ours = error.get_ref().and_then(|inner| inner.downcast_ref::<Unwritten>()).is_some();
    is_ours && error.kind() == ErrorKind::BrokenPipe
}
