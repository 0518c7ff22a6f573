use std::mem::size_of;

use tokio::time::Instant;

use crate::config::Account;
use crate::poll::schedule::{AccountKey, Lane};
use crate::poll::state::AccountState;
use crate::poll::state::collector::CollectorState;
use crate::store::Readings;
use crate::token::TokenState;

#[test]
fn the_sizes_in_the_account_of_memory_are_those_of_the_types() {
    let document = include_str!("../../../../docs/performance.md");
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
