//! Reads YAML into loose trees, one account at a time. It knows no key but `accounts`, decides no
//! type, and keeps every scalar as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options, Spanned};

/// A value that has no type yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A key with nothing after it.
    Empty,
    /// Anything that is one piece of text.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A map, with the keys that stand twice in it.
    Map(Vec<(String, Node)>),
}

/// One piece of text and what it may be read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    /// As written, without quotes.
    pub(super) text: String,
    /// What it may be read as.
    pub(super) form: Form,
}

/// What a scalar may be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text only.
    Text,
    /// A number or a boolean only: it was written without quotes.
    Bare,
    /// Whatever the reader wants: it was written without quotes, or in an environment variable.
    Loose,
    /// As [`Form::Loose`], and it came from an environment variable.
    Variable,
}

/// Why a file is not YAML, in our own words, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxFault {
    /// Line and column from 1, or 0 where unknown.
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) wrong: &'static str,
    pub(super) right: &'static str,
}

/// The key whose map is handed on entry by entry.
pub(super) const STREAMED_KEY: &str = "accounts";

/// Reads the file. Calls `each` for every entry of the map `accounts`, which is empty in the
/// answer; scalars of accounts come as [`Form::Loose`] where they have no quotes.
pub(super) fn read(text: &str, each: &mut dyn FnMut(String, Node)) -> Result<Node, SyntaxFault> {
    let level = Level { text, streamed: false, each };
    serde_saphyr::with_deserializer_from_str_with_options(text, options(), |d| level.deserialize(d))
        .map_err(|error| SyntaxFault::new(&error))
}

/// Sized for 100,000 accounts that all use anchors; what an alias bomb can cost stays bounded.
fn options() -> Options {
    const MANY: usize = 50_000_000;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MANY,
            max_nodes: MANY,
            max_aliases: 1_000_000,
            max_anchors: 1_000_000,
            max_merge_keys: 1_000_000,
            max_recorded_anchor_events: 300_000,
            max_total_scalar_bytes: 1 << 30,
            max_depth: 16,
            // One anchor used by every account is the usual case, not an attack.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 4_000_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

impl SyntaxFault {
    fn new(error: &Error) -> Self {
        let (wrong, right) = describe(error);
        let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
        Self { line, column, wrong, right }
    }
}

/// The crate's own messages quote values, so none of their text is used.
fn describe(error: &Error) -> (&'static str, &'static str) {
    match error.without_snippet() {
        Error::AliasError { error, .. } => describe(error),
        Error::MultipleDocuments { .. } => ("a second YAML document", "keep one document in a file"),
        Error::UnknownAnchor { .. } => ("an alias without its anchor", "write `&name` before `*name`"),
        Error::NullIntoString { .. } => ("an empty key", "give the key a name"),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            ("`<<` with something that is not a map", "let it name a map, or a list of maps")
        }
        Error::UnsupportedTag { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::InvalidScalar { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::BinaryNotUtf8 { .. } => ("a tag that does not fit", "remove the word that begins with `!`"),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            ("nested too deep, or too much of it", "use fewer levels, anchors and aliases")
        }
        _ => ("not valid YAML", "check quotes, colons, brackets and the indentation here and above"),
    }
}

/// Visits the top of the file, and in it the map that is streamed.
struct Level<'a, 't> {
    text: &'t str,
    streamed: bool,
    each: &'a mut dyn FnMut(String, Node),
}

impl<'t> DeserializeSeed<'t> for Level<'_, 't> {
    type Value = Node;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Level<'_, 't> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.streamed {
                let value = map.next_value::<Spanned<Loose<'t>>>()?;
                (self.each)(key, node(value, self.text, Form::Loose));
            } else if key == STREAMED_KEY {
                let below = Level { text: self.text, streamed: true, each: &mut *self.each };
                entries.push((key, map.next_value_seed(below)?));
            } else {
                let value = map.next_value::<Spanned<Loose<'t>>>()?;
                entries.push((key, node(value, self.text, Form::Bare)));
            }
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Node, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::List(Vec::new()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar { text: text.to_owned(), form: Form::Text }))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar { text: String::new(), form: Form::Bare }))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar { text: String::new(), form: Form::Bare }))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar { text: String::new(), form: Form::Bare }))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar { text: String::new(), form: Form::Bare }))
    }
}

/// What the YAML crate makes of a value before its text is looked up.
enum Loose<'t> {
    Empty,
    /// Came as a number or boolean: only its place in the file tells how it was written.
    Bare,
    Text(Cow<'t, str>),
    List(Vec<Spanned<Loose<'t>>>),
    Map(Vec<(String, Spanned<Loose<'t>>)>),
}

impl<'t> Deserialize<'t> for Loose<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'t> Visitor<'t> for LooseVisitor {
    type Value = Loose<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Loose<'t>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Loose::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Loose<'t>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Loose::List(items))
    }

    fn visit_unit<E>(self) -> Result<Loose<'t>, E> {
        Ok(Loose::Empty)
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Loose<'t>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'t>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose<'t>, E> {
        Ok(Loose::Text(Cow::Owned(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'t>, E> {
        Ok(Loose::Bare)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose<'t>, E> {
        Ok(Loose::Bare)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose<'t>, E> {
        Ok(Loose::Bare)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose<'t>, E> {
        Ok(Loose::Bare)
    }
}

/// Gives every scalar its text as written. `bare` is the form of those without quotes that look
/// like a number or boolean.
fn node(value: Spanned<Loose<'_>>, text: &str, bare: Form) -> Node {
    match value.value {
        Loose::Empty => Node::Empty,
        Loose::Text(text) => Node::Scalar(Scalar { text: text.into_owned(), form: Form::Text }),
        Loose::Bare => {
            let span = value.defined.span();
            let written = usize::try_from(span.byte_offset().unwrap_or(0)).unwrap_or(usize::MAX);
            let length = usize::try_from(span.byte_len().unwrap_or(0)).unwrap_or(usize::MAX);
            let written = text.get(written..written.saturating_add(length)).unwrap_or_default().trim();
            Node::Scalar(Scalar { text: written.to_owned(), form: bare })
        }
        Loose::List(items) => Node::List(items.into_iter().map(|item| node(item, text, bare)).collect()),
        Loose::Map(entries) => {
            Node::Map(entries.into_iter().map(|(key, value)| (key, node(value, text, bare))).collect())
        }
    }
}

#[cfg(test)]
mod tests;
