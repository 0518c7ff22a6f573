//! Secret keys: each is given as `X`, `X_file` or `X_env`, and must be readable at the start.
//! Headers have names of the operator's choice, so theirs is the text itself, `file` or `env`.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::fault::Report;
use super::section::{Section, place_of};
use super::yaml::{Form, Node, Scalar};
use crate::secret::{Secret, SecretError, SecretFile, SecretSource};

/// The environment variables a secret may stand in.
pub(super) type Variables<'e> = HashMap<&'e str, &'e str>;

/// Is shown a key and its value, to decide on something and keep nothing of it.
pub(super) type Seen<'s> = &'s mut dyn FnMut(&'static str, &str);

/// A secret's three keys and its noun.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecretKey {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
    pub(super) variable: &'static str,
    /// The noun for its value.
    pub(super) what: &'static str,
    /// Whether a value may be right.
    pub(super) accepts: fn(&str) -> bool,
    /// What would be right.
    pub(super) rule: &'static str,
}

impl SecretKey {
    /// Whether any of the three keys is there.
    pub(super) fn is_in(self, section: &Section<'_>) -> bool {
        [self.inline, self.file, self.variable].into_iter().any(|key| section.has(key))
    }

    /// Refuses a section in which none of the three keys is there.
    pub(super) fn require(self, section: &Section<'_>) {
        if !self.is_in(section) {
            let right = format!("give `{}`, `{}` or `{}`", self.file, self.variable, self.inline);
            section.fault(self.inline, "missing", right);
        }
    }

    /// Takes the three keys, of which at most one may be there. Its value is read once, to see
    /// that it can be.
    pub(super) fn read(self, section: &mut Section<'_>, variables: &Variables<'_>) -> Option<SecretSource> {
        self.read_seen(section, variables, &mut |_, _| {})
    }

    /// As [`SecretKey::read`], and shows `seen` the key that stands there and its value.
    pub(super) fn read_seen(
        self,
        section: &mut Section<'_>,
        variables: &Variables<'_>,
        seen: Seen<'_>,
    ) -> Option<SecretSource> {
        let inline = self.read_inline(section, seen);
        let file = self.read_file(section, seen);
        let variable = self.read_variable(section, variables, seen);
        let [inline, file, variable] = match [inline, file, variable] {
            [Given::No, Given::No, Given::No] => return None,
            sources => sources,
        };
        let given =
            [&inline, &file, &variable].into_iter().filter(|given| !matches!(given, Given::No)).count();
        if given > 1 {
            let right = format!("keep one of `{}`, `{}` and `{}`", self.file, self.variable, self.inline);
            section.fault(self.inline, "given more than once", right);
            return None;
        }
        [inline, file, variable].into_iter().find_map(|given| match given {
            Given::Good(source) => Some(source),
            Given::No | Given::Bad => None,
        })
    }

    /// The secret at `path`: a text, or a map with a file or a variable. For maps whose keys the
    /// operator chooses.
    pub(super) fn read_entry(
        self,
        path: String,
        node: Node,
        report: &Report,
        variables: &Variables<'_>,
        seen: Seen<'_>,
    ) -> Option<SecretSource> {
        const SHAPE: &str = "write it as text, or as a map with `file` or `env`";
        let place = place_of(path.clone(), &node);
        let (wrong, right) = match node {
            Node::Scalar(Scalar { form: Form::Bare, .. }) => {
                (format!("a bare number or boolean, not {}", self.what), "write it in quotes")
            }
            Node::Scalar(Scalar { text, .. }) if (self.accepts)(&text) => {
                seen("", &text);
                return Some(SecretSource::Inline(Secret::new(text)));
            }
            Node::Scalar(_) => (format!("not {}", self.what), self.rule),
            Node::Empty => ("empty".to_owned(), SHAPE),
            Node::List(_) => (format!("a list, not {}", self.what), SHAPE),
            Node::Map(_) => {
                let mut section = Section::open(path, node, report)?;
                let given =
                    [self.read_file(&mut section, seen), self.read_variable(&mut section, variables, seen)];
                section.finish();
                match given {
                    [Given::Good(source), Given::No] | [Given::No, Given::Good(source)] => {
                        return Some(source);
                    }
                    [Given::Bad, Given::No] | [Given::No, Given::Bad] => return None,
                    [Given::No, Given::No] => (format!("a map without {}", self.what), SHAPE),
                    _ => ("given more than once".to_owned(), "keep one of `file` and `env`"),
                }
            }
        };
        report.fault(&place, wrong, right);
        None
    }

    fn read_inline(self, section: &mut Section<'_>, seen: Seen<'_>) -> Given {
        if !section.has(self.inline) {
            section.take(self.inline);
            return Given::No;
        }
        let source = |text: &str| {
            (self.accepts)(text).then(|| {
                seen(self.inline, text);
                SecretSource::Inline(Secret::new(text.to_owned()))
            })
        };
        Given::from(section.text(self.inline, self.what, self.rule, source))
    }

    fn read_file(self, section: &mut Section<'_>, seen: Seen<'_>) -> Given {
        if !section.has(self.file) {
            section.take(self.file);
            return Given::No;
        }
        let rule = "write the path of a file";
        let Some(path) = section.text(self.file, "a path", rule, non_empty) else { return Given::Bad };
        let path = PathBuf::from(path);
        match small_file(&path).and_then(|metadata| Ok((metadata, read_secret(&path)?))) {
            Err(wrong) => {
                section.fault(self.file, wrong, format_args!("name a readable file with {}", self.what));
            }
            Ok((_, secret)) if !(self.accepts)(secret.expose()) => {
                section.fault(self.file, format_args!("a file without {}", self.what), self.rule);
            }
            Ok((metadata, secret)) => {
                seen(self.file, secret.expose());
                if is_open_to_others(&metadata) {
                    section.warn(self.file, "a file that others may read", "set its mode to 0600 or 0400");
                }
                return Given::Good(SecretSource::File(SecretFile::holding(path, &secret)));
            }
        }
        Given::Bad
    }

    fn read_variable(self, section: &mut Section<'_>, variables: &Variables<'_>, seen: Seen<'_>) -> Given {
        if !section.has(self.variable) {
            section.take(self.variable);
            return Given::No;
        }
        let rule = "write the name of an environment variable";
        let Some(name) = section.text(self.variable, "a name", rule, non_empty) else { return Given::Bad };
        match variables.get(name.as_str()).filter(|value| !value.is_empty()) {
            None => {
                let wrong = "names a variable that is not set or empty";
                section.fault(self.variable, wrong, "set it in the exporter's environment");
            }
            Some(value) if !(self.accepts)(value) => {
                section.fault(
                    self.variable,
                    format_args!("names a variable without {}", self.what),
                    self.rule,
                );
            }
            Some(value) => {
                seen(self.variable, value);
                return Given::Good(SecretSource::Env(name));
            }
        }
        Given::Bad
    }
}

/// What stands under one of the three keys.
enum Given {
    No,
    Bad,
    Good(SecretSource),
}

impl From<Option<SecretSource>> for Given {
    fn from(source: Option<SecretSource>) -> Self {
        source.map_or(Self::Bad, Self::Good)
    }
}

/// The text, if there is any.
pub(super) fn non_empty(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// The metadata of a regular file, or what is wrong with it. A pipe would be empty at the second
/// reading, a device might never end.
pub(super) fn regular_file(path: &Path) -> Result<Metadata, &'static str> {
    match std::fs::metadata(path) {
        Err(error) => Err(why_unreadable(error.kind())),
        Ok(metadata) if metadata.is_dir() => Err("a directory, not a file"),
        Ok(metadata) if !metadata.is_file() => Err("not a regular file"),
        Ok(metadata) => Ok(metadata),
    }
}

/// As [`regular_file`], and of a size that makes sense.
pub(super) fn small_file(path: &Path) -> Result<Metadata, &'static str> {
    const MOST_BYTES: u64 = 4 << 20;
    match regular_file(path)? {
        metadata if metadata.len() > MOST_BYTES => Err("a file of more than 4 MiB"),
        metadata => Ok(metadata),
    }
}

/// The system's reason in our words: its own might quote the path, which might be a secret.
pub(super) fn why_unreadable(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "no such file",
        ErrorKind::PermissionDenied => "a file that this user may not read",
        ErrorKind::IsADirectory => "a directory, not a file",
        ErrorKind::InvalidData => "a file that is not UTF-8 text",
        _ => "a file that cannot be read",
    }
}

fn read_secret(path: &Path) -> Result<Secret, &'static str> {
    SecretSource::file(path).read_blocking().map_err(|error| match error {
        SecretError::File { source, .. } => why_unreadable(source.kind()),
        SecretError::EmptyFile(_) | SecretError::Env(_) => "an empty file",
    })
}

#[cfg(unix)]
pub(super) fn is_open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
pub(super) fn is_open_to_others(_: &Metadata) -> bool {
    false
}
