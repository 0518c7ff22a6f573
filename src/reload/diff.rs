//! What a new configuration changes. Pure.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::config::{Account, AccountName};

/// Most names of one list in a log line or answer.
const MOST_NAMES: usize = 20;

/// The listed accounts that a new configuration adds, changes and removes, each in name order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Not listed before.
    pub added: Vec<AccountName>,
    /// Listed before with other settings.
    pub changed: Vec<AccountName>,
    /// No longer listed.
    pub removed: Vec<AccountName>,
}

/// What `new` changes of `old`, both in name order. Accounts of `new` that are as they were become
/// the very ones of `old`, so that the two configurations share them.
pub(super) fn diff(old: &[Arc<Account>], new: &mut [Arc<Account>]) -> Changes {
    let mut changes = Changes::default();
    let mut old = old.iter().peekable();
    for account in new {
        while let Some(gone) = old.next_if(|known| known.name < account.name) {
            changes.removed.push(gone.name.clone());
        }
        match old.peek().map(|known| known.name.cmp(&account.name)) {
            Some(Ordering::Equal) => {
                if let Some(known) = old.next() {
                    if known == account {
                        *account = Arc::clone(known);
                    } else {
                        changes.changed.push(account.name.clone());
                    }
                }
            }
            _ => changes.added.push(account.name.clone()),
        }
    }
    changes.removed.extend(old.map(|gone| gone.name.clone()));
    changes
}

/// Some names, and how many there are beside them.
pub(super) struct Names<'a>(pub(super) &'a [AccountName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&str> = self.0.iter().take(MOST_NAMES).map(AccountName::as_str).collect();
        f.write_str(&shown.join(", "))?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)]
        {
            write!(f, "{what} {}", names.len())?;
            if !names.is_empty() {
                write!(f, ": {}", Names(names))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::fleet::account as plain;

    fn accounts(fleet: &BTreeMap<u8, u8>) -> Vec<Arc<Account>> {
        let account = |(name, version): (&u8, &u8)| {
            let mut account = plain(&format!("a{name:03}"));
            account.display_name = version.to_string().into();
            Arc::new(account)
        };
        fleet.iter().map(account).collect()
    }

    fn names(of: impl Iterator<Item = u8>) -> Vec<AccountName> {
        of.filter_map(|name| AccountName::parse(&format!("a{name:03}"))).collect()
    }

    proptest! {
        #[test]
        fn the_difference_is_that_of_two_maps(
            old in prop::collection::btree_map(0..30_u8, 0..3_u8, 0..20),
            new in prop::collection::btree_map(0..30_u8, 0..3_u8, 0..20),
        ) {
            let (before, mut after) = (accounts(&old), accounts(&new));
            let changes = diff(&before, &mut after);
            prop_assert_eq!(changes.added, names(new.keys().copied().filter(|name| !old.contains_key(name))));
            prop_assert_eq!(changes.removed, names(old.keys().copied().filter(|name| !new.contains_key(name))));
            let differs = |name: &u8| old.get(name).is_some_and(|known| known != &new[name]);
            prop_assert_eq!(changes.changed, names(new.keys().copied().filter(differs)));
            for account in &after {
                let same = before.iter().find(|known| known == &account);
                prop_assert!(same.is_none_or(|known| Arc::ptr_eq(known, account)));
            }
        }
    }

    #[test]
    fn long_lists_are_shortened() {
        let changes = Changes { added: names(0..25), ..Changes::default() };
        let text = changes.to_string();
        assert!(text.starts_with("added 25: a000, a001,") && text.contains("a019 and 5 more\n"), "{text}");
        assert!(text.ends_with("changed 0\nremoved 0\n"), "{text}");
    }
}
