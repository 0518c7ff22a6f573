//! Reads a state file from its first byte to its last, in bounded memory whatever it holds.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::line::{self, HEADER, Line, VERSION};
use super::record::{Key, Record};
use crate::clock::WallTime;

/// Longest line that is read, in bytes; a record takes a few hundred.
const LONGEST_LINE: u64 = 1024 * 1024;
/// Records that were saved longer ago are left out.
const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// What is in the place of a state file.
#[derive(Debug)]
pub(super) enum Found {
    /// No file, or the unfinished beginning of ours.
    Nothing,
    /// A file of ours.
    Ours(Contents),
    /// A file of ours in another version.
    OtherVersion(u64),
    /// Somebody else's file.
    Foreign,
}

/// What a state file holds.
#[derive(Debug)]
pub(super) struct Contents {
    file: File,
    /// In bytes.
    pub(super) len: u64,
    /// Where the live records are: for each key the last one that is not too old.
    live: HashMap<Key, Place>,
    /// When the last batch was written.
    pub(super) written_at: Option<WallTime>,
    pub(super) corrupt: Option<Corrupt>,
    /// Whether the last line was not written to its end.
    pub(super) is_torn: bool,
}

/// Lines that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt {
    pub(super) count: u64,
    /// Number of the first of them, from 1.
    pub(super) first_line: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Of its first byte.
    offset: u64,
    /// In bytes, with its line feed.
    len: u64,
    saved_at: WallTime,
}

/// Reads what is at `path`. Each record that is not too old at `now` is told in the order of the
/// file, also those in whose place a later one comes.
pub(super) fn find(path: &Path, now: WallTime, mut tell: impl FnMut(Record)) -> io::Result<Found> {
    let file = match regular_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let mut lines = Lines::new(&file);
    match lines.header()? {
        Header::Ours => {}
        Header::Missing => return Ok(Found::Nothing),
        Header::OtherVersion(version) => return Ok(Found::OtherVersion(version)),
        Header::Foreign => return Ok(Found::Foreign),
    }
    let (mut live, mut written_at, mut corrupt, mut is_torn) = (HashMap::new(), None, None, false);
    while let Some(ending) = lines.next()? {
        let parsed = match ending {
            Ending::Whole => line::parse(&lines.line),
            Ending::TooLong => None,
            Ending::Torn => {
                is_torn = true;
                continue;
            }
        };
        match parsed {
            Some(Line::SavedAt(at)) => written_at = Some(at),
            Some(Line::Record(record)) => {
                // The time of the first batch is missing only if its line is corrupt.
                let saved_at = written_at.unwrap_or(now);
                if now.since(saved_at) <= LIFE {
                    live.insert(record.key(), lines.place(saved_at));
                    tell(record);
                }
            }
            None => corrupt.get_or_insert(Corrupt { count: 0, first_line: lines.number }).count += 1,
        }
    }
    let len = lines.end;
    Ok(Found::Ours(Contents { file, len, live, written_at, corrupt, is_torn }))
}

/// Opened for reading. Opening anything else could wait for ever, or replace a device later.
fn regular_file(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() { File::open(path) } else { Err(io::Error::other("it is no regular file")) }
}

impl Contents {
    /// How long the file need be: header and live records, in bytes.
    pub(super) fn live_len(&self) -> u64 {
        HEADER.len() as u64 + self.live.values().map(|place| place.len).sum::<u64>()
    }

    /// Writes the live records to `target`, each below the time at which it was saved.
    pub(super) fn copy_live(self, target: &mut impl Write) -> io::Result<()> {
        let mut places: Vec<Place> = self.live.into_values().collect();
        places.sort_unstable_by_key(|place| place.offset);
        let mut source = BufReader::new(self.file);
        let mut position = source.seek(SeekFrom::Start(0))?;
        let mut saved_at = None;
        let mut line = Vec::new();
        for place in places {
            if saved_at != Some(place.saved_at) {
                saved_at = Some(place.saved_at);
                target.write_all(&line::batch([].into_iter(), place.saved_at)?)?;
            }
            // Forward only, and mostly within the buffer.
            source.seek_relative(i64::try_from(place.offset - position).map_err(io::Error::other)?)?;
            line.resize(usize::try_from(place.len).map_err(io::Error::other)?, 0);
            source.read_exact(&mut line)?;
            target.write_all(&line)?;
            position = place.offset + place.len;
        }
        Ok(())
    }
}

enum Header {
    Ours,
    Missing,
    OtherVersion(u64),
    Foreign,
}

/// How a line ends.
enum Ending {
    Whole,
    /// It is longer than [`LONGEST_LINE`], and passed over.
    TooLong,
    /// The file ends before the line does.
    Torn,
}

/// The lines of a file, one after the other.
struct Lines<R> {
    reader: BufReader<R>,
    /// The last line read; its beginning if it is too long.
    line: Vec<u8>,
    /// Its number, from 1.
    number: u64,
    /// Offset of its first byte, and of the byte after its last.
    start: u64,
    end: u64,
}

impl<R: Read> Lines<R> {
    fn new(file: R) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, file);
        Self { reader, line: Vec::new(), number: 0, start: 0, end: 0 }
    }

    fn header(&mut self) -> io::Result<Header> {
        let is_whole = match self.next()? {
            None => return Ok(Header::Missing),
            Some(Ending::TooLong) => return Ok(Header::Foreign),
            Some(Ending::Whole) => true,
            Some(Ending::Torn) => false,
        };
        Ok(match line::version(&self.line) {
            Some(VERSION) if is_whole => Header::Ours,
            Some(version) if version != VERSION => Header::OtherVersion(version),
            _ if HEADER.as_bytes().starts_with(&self.line) => Header::Missing,
            _ => Header::Foreign,
        })
    }

    /// Reads the next line; nothing at the end of the file.
    fn next(&mut self) -> io::Result<Option<Ending>> {
        self.line.clear();
        self.start = self.end;
        let read = (&mut self.reader).take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.end += read as u64;
        if self.line.ends_with(b"\n") {
            return Ok(Some(Ending::Whole));
        }
        if (read as u64) < LONGEST_LINE {
            return Ok(Some(Ending::Torn));
        }
        self.end += self.reader.skip_until(b'\n')? as u64;
        Ok(Some(Ending::TooLong))
    }

    /// Where the last line is.
    fn place(&self, saved_at: WallTime) -> Place {
        Place { offset: self.start, len: self.end - self.start, saved_at }
    }
}

#[cfg(test)]
mod tests;
