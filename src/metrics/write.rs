//! Writes lines of the text formats into a buffer: the only place that knows how they are spelled.
//! Knows nothing of accounts.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::family::FamilyType;
use super::{Encoding, Format};
use crate::clock::WallTime;

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// A whole number.
    Count(u64),
    /// Any number.
    Float(f64),
    /// So many of so many: their ratio.
    Share(u64, u64),
    /// A moment, printed as seconds since the Unix epoch, exact to the millisecond.
    Moment(WallTime),
}

/// Pieces up to this size are copied as a block of this size.
const BLOCK_BYTES: usize = 64;

/// Behind a text, it makes a fast [`Piece`] of it.
pub(crate) const PIECE_ROOM: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// A part of many lines. The copy of a short text costs several times less when its size is known at
/// compile time, so what lies behind the text is copied with it, and cut off again.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Begins with the text.
    bytes: &'a [u8],
    len: usize,
}

impl<'a> Piece<'a> {
    /// So many of `bytes`, which are faster to copy if there are [`BLOCK_BYTES`] of them at least.
    pub(crate) fn of(bytes: &'a [u8], len: usize) -> Self {
        debug_assert!(len <= bytes.len());
        Self { bytes, len }
    }

    /// The whole of `text`.
    pub(crate) fn whole(text: &'a [u8]) -> Self {
        Self::of(text, text.len())
    }

    #[expect(clippy::inline_always, reason = "a call would cost as much as the copy")]
    #[inline(always)]
    fn push_to(self, text: &mut Vec<u8>) {
        match self.bytes.first_chunk::<BLOCK_BYTES>() {
            Some(block) if self.len <= BLOCK_BYTES => {
                let end = text.len() + self.len;
                text.extend_from_slice(block);
                text.truncate(end);
            }
            _ => text.extend_from_slice(&self.bytes[..self.len]),
        }
    }
}

/// A text that is a [`Piece`] of many lines.
pub(crate) struct Padded {
    bytes: Vec<u8>,
    len: usize,
}

impl Padded {
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Self {
        let mut bytes: Vec<u8> = text.into();
        let len = bytes.len();
        bytes.resize(len.max(BLOCK_BYTES), 0);
        Self { bytes, len }
    }

    pub(crate) fn piece(&self) -> Piece<'_> {
        Piece::of(&self.bytes, self.len)
    }
}

/// A part of a page is so long, or a little longer: so that what it costs to begin one does not count,
/// and it is in the cache when it is compressed or sent.
const PART_BYTES: usize = 64 * 1024;
/// Room for the line or the block with which a part passes its length.
const OVERHANG_BYTES: usize = 1024;

/// A page in the making, which is passed on part by part. Its lines are right if names and label names
/// are; label values may be any text.
pub(crate) struct PageWriter<'p> {
    format: Format,
    text: Vec<u8>,
    compressor: Option<GzEncoder<Vec<u8>>>,
    pass_on: &'p mut dyn FnMut(Vec<u8>),
    samples: u64,
}

impl<'p> PageWriter<'p> {
    /// An empty page.
    pub(crate) fn new(format: Format, encoding: Encoding, pass_on: &'p mut dyn FnMut(Vec<u8>)) -> Self {
        let compressor = match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(GzEncoder::new(empty_part(), Compression::fast())),
        };
        Self { format, text: empty_part(), compressor, pass_on, samples: 0 }
    }

    /// The format of the page.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Writes one family: its HELP and TYPE lines and what `samples` writes. A family for which
    /// `samples` writes nothing leaves no trace.
    pub(crate) fn family(
        &mut self,
        name: &str,
        family_type: FamilyType,
        help: &str,
        samples: impl FnOnce(&mut Self),
    ) {
        let start = self.text.len();
        let before = self.samples;
        self.head(name, family_type, help);
        samples(self);
        // Only a sample can have ended a part, so without one all of it is still here.
        if self.samples == before {
            self.text.truncate(start);
        }
    }

    fn head(&mut self, name: &str, family_type: FamilyType, help: &str) {
        let text = &mut self.text;
        let push_type = |text: &mut Vec<u8>, name: &str| {
            push_all(text, &["# TYPE ", name, " ", family_type.word(), "\n"]);
        };
        match self.format {
            Format::Text => {
                push_all(text, &["# HELP ", name, " "]);
                push_help(text, help, self.format);
                push_type(text, name);
            }
            Format::OpenMetrics => {
                let name = match family_type {
                    FamilyType::Counter => name.strip_suffix("_total").unwrap_or(name),
                    FamilyType::Gauge | FamilyType::Histogram => name,
                };
                push_type(text, name);
                push_all(text, &["# HELP ", name, " "]);
                push_help(text, help, self.format);
            }
        }
    }

    /// Writes one sample. `parts` stand one after another as they are: together they are everything up
    /// to the value, such as `up`, `{account="a"` and `} `.
    #[expect(clippy::inline_always, reason = "the kind of value is known where it is written")]
    #[inline(always)]
    pub(crate) fn sample<const PARTS: usize>(&mut self, parts: [Piece<'_>; PARTS], value: Value) {
        let text = &mut self.text;
        for part in parts {
            part.push_to(text);
        }
        push_value(text, value);
        text.push(b'\n');
        self.samples += 1;
        if text.len() >= PART_BYTES {
            self.end_part();
        }
    }

    fn end_part(&mut self) {
        let Some(compressor) = &mut self.compressor else {
            (self.pass_on)(std::mem::replace(&mut self.text, empty_part()));
            return;
        };
        infallible(compressor.write_all(&self.text));
        self.text.clear();
        if compressor.get_ref().len() >= PART_BYTES {
            (self.pass_on)(std::mem::replace(compressor.get_mut(), empty_part()));
        }
    }

    /// Passes on what is left.
    pub(crate) fn finish(mut self) {
        if self.format == Format::OpenMetrics {
            push_all(&mut self.text, &["# EOF\n"]);
        }
        if let Some(mut compressor) = self.compressor {
            infallible(compressor.write_all(&self.text));
            self.text = infallible(compressor.finish());
        }
        if !self.text.is_empty() {
            (self.pass_on)(self.text);
        }
    }
}

fn empty_part() -> Vec<u8> {
    Vec::with_capacity(PART_BYTES + OVERHANG_BYTES)
}

#[expect(clippy::expect_used, reason = "the compressor writes to a Vec, which takes everything")]
fn infallible<T>(result: std::io::Result<T>) -> T {
    result.expect("a Vec takes everything")
}

fn push_all(text: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
}

/// The rest of a HELP line. Quotes are escaped in `OpenMetrics` only.
fn push_help(text: &mut Vec<u8>, help: &str, format: Format) {
    match format {
        Format::Text => push_escaped(text, help, |byte| matches!(byte, b'\\' | b'\n')),
        Format::OpenMetrics => push_escaped(text, help, |byte| matches!(byte, b'\\' | b'\n' | b'"')),
    }
    text.push(b'\n');
}

/// `name="value"`, escaped.
pub(crate) fn push_label(text: &mut Vec<u8>, name: &str, value: &str) {
    push_all(text, &[name, "=\""]);
    push_escaped(text, value, |byte| matches!(byte, b'\\' | b'\n' | b'"'));
    text.push(b'"');
}

/// `value` with a backslash before each special byte, and a line break as `\n`.
fn push_escaped(text: &mut Vec<u8>, value: &str, is_special: impl Fn(u8) -> bool) {
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| is_special(byte)) {
        let (plain, tail) = rest.split_at(at);
        text.extend_from_slice(plain);
        text.push(b'\\');
        text.push(if tail[0] == b'\n' { b'n' } else { tail[0] });
        rest = &tail[1..];
    }
    text.extend_from_slice(rest);
}

#[inline]
fn push_value(text: &mut Vec<u8>, value: Value) {
    match value {
        Value::Count(count) => push_count(text, count),
        Value::Float(number) => push_float(text, number),
        Value::Share(part, whole) => push_share(text, part, whole),
        Value::Moment(moment) => push_moment(text, moment),
    }
}

#[inline]
fn push_count(text: &mut Vec<u8>, count: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
}

/// The shortest decimal that reads back as `number`; a whole number has no `.0`.
pub(crate) fn push_float(text: &mut Vec<u8>, number: f64) {
    push_canonical_float(text, number);
    if text.ends_with(b".0") {
        text.truncate(text.len() - 2);
    }
}

/// As [`push_float`], but a whole number keeps its `.0`: the spelling that `OpenMetrics` wants for `le`.
pub(crate) fn push_canonical_float(text: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        text.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    } else if number.is_nan() {
        text.extend_from_slice(b"NaN");
    } else {
        text.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

fn push_moment(text: &mut Vec<u8>, moment: WallTime) {
    if moment.millis() < 0 {
        text.push(b'-');
    }
    push_decimal(text, moment.millis().unsigned_abs(), 1000);
}

/// Most usual limits are powers of ten, by which a number is divided without the cost of a float: as
/// long as it has at most 15 digits, its decimal is the one that reads back as the float.
fn push_share(text: &mut Vec<u8>, part: u64, whole: u64) {
    const EXACT: u64 = 1_000_000_000_000_000;
    let is_power_of_ten = || whole.checked_ilog10().is_some_and(|digits| whole == 10_u64.pow(digits));
    if part < EXACT && whole < EXACT && is_power_of_ten() {
        push_decimal(text, part, whole);
        if !part.is_multiple_of(whole) {
            let zeros = text.iter().rev().take_while(|digit| **digit == b'0').count();
            text.truncate(text.len() - zeros);
        }
    } else {
        push_float(text, part as f64 / whole as f64);
    }
}

/// `number` divided by `scale`, which is a power of ten.
fn push_decimal(text: &mut Vec<u8>, number: u64, scale: u64) {
    push_count(text, number / scale);
    let fraction = number % scale;
    if fraction > 0 {
        // The leading digit keeps the zeros behind the point; the point takes its place.
        let point = text.len();
        push_count(text, scale + fraction);
        text[point] = b'.';
    }
}

#[cfg(test)]
mod tests;
