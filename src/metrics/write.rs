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
    /// A moment, printed as seconds since the Unix epoch, exact to the millisecond.
    Moment(WallTime),
}

/// Text collects up to this size before it is compressed: large enough that the compressor's start-up
/// does not count, small enough to stay in the cache.
const CHUNK_BYTES: usize = 64 * 1024;

/// Pages become a tenth by compression, this is to be sure: as room that is not written to costs no
/// memory, and growing on the way costs twice the page.
const LEAST_RATIO: usize = 6;

/// A page in the making. Its lines are right if names and label names are; label values may be any text.
pub(crate) struct PageWriter {
    format: Format,
    text: Vec<u8>,
    /// Takes over `text` whenever that is longer than `chunk_bytes`.
    compressor: Option<GzEncoder<Vec<u8>>>,
    chunk_bytes: usize,
    samples: u64,
}

impl PageWriter {
    /// An empty page that expects to grow to `expected_bytes` before compression.
    pub(crate) fn new(format: Format, encoding: Encoding, expected_bytes: usize) -> Self {
        let (capacity, compressor, chunk_bytes) = match encoding {
            Encoding::Identity => (expected_bytes, None, usize::MAX),
            Encoding::Gzip => {
                let capacity = expected_bytes.min(CHUNK_BYTES + CHUNK_BYTES / 4);
                let room = Vec::with_capacity(expected_bytes / LEAST_RATIO);
                (capacity, Some(GzEncoder::new(room, Compression::fast())), CHUNK_BYTES)
            }
        };
        Self { format, text: Vec::with_capacity(capacity), compressor, chunk_bytes, samples: 0 }
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
        // Only a sample can have handed text to the compressor, so without one all of it is still here.
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

    /// Writes one sample. `name`, `labels` and `end` stand one after another as they are: together
    /// they are everything up to the value, such as `up`, `{account="a"` and `} `.
    pub(crate) fn sample(&mut self, name: &[u8], labels: &[u8], end: &[u8], value: Value) {
        self.samples(name, labels, [(end, value)]);
    }

    /// Writes samples that differ in their ends and values alone.
    pub(crate) fn samples(
        &mut self,
        name: &[u8],
        labels: &[u8],
        ends: impl IntoIterator<Item = (impl AsRef<[u8]>, Value)>,
    ) {
        let text = &mut self.text;
        let start = text.len();
        let same = start..start + name.len() + labels.len();
        for (end, value) in ends {
            if text.len() == start {
                text.extend_from_slice(name);
                text.extend_from_slice(labels);
            } else {
                text.extend_from_within(same.clone());
            }
            text.extend_from_slice(end.as_ref());
            push_value(text, value);
            text.push(b'\n');
            self.samples += 1;
        }
        if self.text.len() >= self.chunk_bytes {
            self.compress();
        }
    }

    fn compress(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            infallible(compressor.write_all(&self.text));
            self.text.clear();
        }
    }

    /// The bytes of the page, compressed if it is.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.format == Format::OpenMetrics {
            push_all(&mut self.text, &["# EOF\n"]);
        }
        self.compress();
        match self.compressor {
            Some(compressor) => infallible(compressor.finish()),
            None => self.text,
        }
    }
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

fn push_value(text: &mut Vec<u8>, value: Value) {
    match value {
        Value::Count(count) => push_count(text, count),
        Value::Float(number) => push_float(text, number),
        Value::Moment(moment) => push_moment(text, moment),
    }
}

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
    let millis = moment.millis().unsigned_abs();
    push_count(text, millis / 1000);
    let fraction = millis % 1000;
    if fraction > 0 {
        // The leading 1 keeps the zeros behind the point; the point takes its place.
        let point = text.len();
        push_count(text, 1000 + fraction);
        text[point] = b'.';
    }
}

#[cfg(test)]
mod tests;
