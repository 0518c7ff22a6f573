//! Pairs of keys `X` and `X_file` that hold PEM text, and what is in it.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{FileRead, Files};
use crate::config::secrets::non_empty;
use crate::config::section::Section;

/// The keys under which something in PEM form is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct PemKeys {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
    pub(super) is_secret: bool,
}

/// PEM text, and the key under which it was given.
pub(super) struct Pem {
    pub(super) key: &'static str,
    bytes: Vec<u8>,
}

impl PemKeys {
    pub(super) fn is_in(self, section: &Section<'_>) -> bool {
        section.has(self.inline) || section.has(self.file)
    }

    /// Refuses a section in which neither of the keys is there.
    pub(super) fn require(self, section: &Section<'_>) {
        if !self.is_in(section) {
            section.fault(self.file, "missing", format_args!("give `{}` or `{}`", self.file, self.inline));
        }
    }

    /// Takes both keys, of which at most one may be there.
    pub(super) fn read(self, section: &mut Section<'_>, files: &mut Files<'_>) -> Option<Pem> {
        let is_twice = section.has(self.inline) && section.has(self.file);
        let rule = "write the lines of a PEM file below it, after `|`";
        let inline = section.text(self.inline, "text in PEM form", rule, non_empty);
        let path = section.text(self.file, "a path", "write the path of a file", non_empty);
        if is_twice {
            let right = format_args!("keep one of `{}` and `{}`", self.file, self.inline);
            section.fault(self.inline, "given more than once", right);
            return None;
        }
        let Some(path) = path else {
            let read = FileRead { bytes: inline?.into_bytes(), is_open_to_others: files.main_is_open };
            return Some(self.of(section, self.inline, read));
        };
        match files.read_named(&path) {
            Ok(read) => Some(self.of(section, self.file, read)),
            Err(wrong) => {
                section.fault(self.file, wrong, "name a PEM file that this user can read");
                None
            }
        }
    }

    fn of(self, section: &Section<'_>, key: &'static str, read: FileRead) -> Pem {
        if self.is_secret && read.is_open_to_others {
            let doubtful = if key == self.file {
                "a file that others may read"
            } else {
                "in a file that others may read"
            };
            section.warn(key, doubtful, "set its mode to 0600 or 0400");
        }
        Pem { key, bytes: read.bytes }
    }
}

impl Pem {
    /// All certificates in it, at least one, or a fault.
    pub(super) fn certificates(&self, section: &Section<'_>) -> Option<Vec<CertificateDer<'static>>> {
        let right = "give each certificate whole, from its line BEGIN CERTIFICATE to END CERTIFICATE";
        match CertificateDer::pem_slice_iter(&self.bytes).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) if certificates.is_empty() => {
                section.fault(self.key, "no certificate in it", right);
                None
            }
            Ok(certificates) => Some(certificates),
            Err(_) => {
                section.fault(self.key, "not PEM", right);
                None
            }
        }
    }

    /// The first private key in it, or a fault.
    pub(super) fn private_key(&self, section: &Section<'_>) -> Option<PrivateKeyDer<'static>> {
        const ENCRYPTED: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
        let is_encrypted =
            ENCRYPTED.iter().any(|mark| self.bytes.windows(mark.len()).any(|part| part == *mark));
        if is_encrypted {
            let right = "decrypt it: nobody is there to type its password";
            section.fault(self.key, "an encrypted private key", right);
            return None;
        }
        let right = "give one private key, from its line BEGIN … PRIVATE KEY to its END line";
        let wrong = match PrivateKeyDer::from_pem_slice(&self.bytes) {
            Ok(key) => return Some(key),
            Err(pem::Error::NoItemsFound) => "no private key in it",
            Err(_) => "not PEM",
        };
        section.fault(self.key, wrong, right);
        None
    }
}
