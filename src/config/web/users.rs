//! `basic_auth_users`: who may ask, with bcrypt hashes of their passwords.

use std::ops::RangeInclusive;
use std::str::FromStr as _;

use bcrypt::HashParts;

use crate::config::section::Section;
use crate::config::yaml::{Node, Scalar};
use crate::secret::Secret;

/// What bcrypt allows.
const COSTS: RangeInclusive<u32> = 4..=31;
/// A hash of this cost takes about a second.
const DOUBTFUL_COST: u32 = 15;

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUser {
    /// The name, as the client sends it.
    pub name: Box<str>,
    /// The hash of the password.
    pub hash: PasswordHash,
}

/// A bcrypt hash. It cannot print itself: a weak password can be found from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// A valid hash and its cost, or nothing.
    fn parse(text: &str) -> Option<(Self, u32)> {
        let cost = HashParts::from_str(text).ok()?.get_cost();
        COSTS.contains(&cost).then(|| (Self(Secret::new(text.to_owned())), cost))
    }

    /// Whether `password` is the one. Takes as long as whoever made the hash wanted, and blocks.
    pub fn is_of(&self, password: &[u8]) -> bool {
        // As in Go, what is beyond 72 bytes does not count.
        bcrypt::verify(password, self.0.expose()).unwrap_or(false)
    }
}

/// The users, in name order.
pub(super) fn read(section: Section<'_>) -> Vec<WebUser> {
    let faults = Section::empty(section.path().to_owned(), section.report());
    let mut users = Vec::new();
    for (name, node) in section.into_entries() {
        // Basic authentication divides name and password there.
        if name.is_empty() || name.contains(|c: char| c == ':' || c.is_control()) {
            let right = "write a name without `:`, a blank after the next `:`, and the hash";
            faults.fault(&name, "a name that no client can send", right);
            continue;
        }
        let text = match &node {
            Node::Scalar(Scalar { text, .. }) => text.as_str(),
            Node::Empty | Node::List(_) | Node::Map(_) => "",
        };
        let Some((hash, cost)) = PasswordHash::parse(text) else {
            let right = "write what `htpasswd -nBC 10 NAME` prints after the `:`";
            faults.fault(&name, "not a bcrypt hash", right);
            continue;
        };
        if cost >= DOUBTFUL_COST {
            let doubtful = format_args!("a hash of cost {cost}, which takes long to check");
            faults.warn(&name, doubtful, "make one of cost 10 to 12");
        }
        users.push(WebUser { name: name.into(), hash });
    }
    users.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    users
}
