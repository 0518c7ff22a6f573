use std::mem::size_of;

use super::*;
use crate::poll::schedule::AccountKey;

#[test]
fn the_sizes_in_the_account_of_memory_are_those_of_the_types() {
    let document = include_str!("../../../docs/performance.md");
    for (name, size) in [
        ("Account", size_of::<Account>()),
        ("AccountState", size_of::<AccountState>()),
        ("TokenState", size_of::<TokenState>()),
        ("CollectorState", size_of::<CollectorState>()),
        ("Readings", size_of::<Readings>()),
        ("(Instant, AccountKey)", size_of::<(Instant, AccountKey)>()),
        ("(AccountKey, (Lane, Instant))", size_of::<(AccountKey, (Lane, Instant))>()),
    ] {
        let cells = format!(" | `{name}` | {size} | ");
        assert!(document.contains(&cells), "{name} takes {size}");
    }
}
