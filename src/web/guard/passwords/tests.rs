use std::collections::HashSet;

use tokio::task::yield_now;

use super::*;
use crate::web::guard::tests::{OTHER, RIGHT, config};

fn users(of: &[(&str, &str)]) -> Vec<WebUser> {
    let users: Vec<_> = of.iter().map(|(name, hash)| format!("  {name}: {hash}\n")).collect();
    config(&format!("basic_auth_users:\n{}", users.concat())).users
}

async fn check(checks: &Checks, passwords: &Passwords, name: &str, password: &str) -> Verdict {
    let credentials = Credentials { name: name.into(), password: password.into() };
    checks.check(passwords, credentials, Origin::default()).await
}

#[tokio::test]
async fn names_and_passwords_are_right_together_only() {
    let checks = Checks::new().unwrap();
    let passwords = Passwords::new(users(&[("bob", OTHER), ("alice", RIGHT)]));
    for _ in 0..2 {
        for (name, password, expected) in [
            ("alice", "right", Verdict::Right),
            ("bob", "other", Verdict::Right),
            ("alice", "other", Verdict::Wrong),
            ("bob", "right", Verdict::Wrong),
            ("alice", "", Verdict::Wrong),
            ("alic", "right", Verdict::Wrong),
            ("", "right", Verdict::Wrong),
            // Whose hash is looked at is nobody's business, whatever comes of it.
            ("carol", "right", Verdict::Wrong),
            ("carol", "other", Verdict::Wrong),
        ] {
            assert_eq!(check(&checks, &passwords, name, password).await, expected, "{name} {password}");
        }
    }
}

#[tokio::test]
async fn a_password_that_was_right_waits_for_nobody() {
    let checks = Checks::new().unwrap();
    let passwords = Passwords::new(users(&[("alice", RIGHT)]));
    assert_eq!(check(&checks, &passwords, "alice", "right").await, Verdict::Right);
    let turn = checks.turns.take(Origin::default()).await.unwrap();
    assert_eq!(check(&checks, &passwords, "alice", "right").await, Verdict::Right);
    for (name, password) in [("alice", "wrong"), ("mallory", "right")] {
        tokio::select! {
            biased;
            verdict = check(&checks, &passwords, name, password) => panic!("{verdict:?} out of turn"),
            () = yield_now() => {}
        }
    }
    drop(turn);
}

#[tokio::test]
async fn another_hash_forgets_the_password_and_another_user_does_not() {
    let checks = Checks::new().unwrap();
    let passwords = Passwords::new(users(&[("alice", RIGHT), ("bob", OTHER)]));
    assert_eq!(check(&checks, &passwords, "alice", "right").await, Verdict::Right);
    let is_remembered = |passwords: &Passwords, name: &str| {
        passwords.find(name.as_bytes()).is_some_and(|known| known.right().is_some())
    };
    let more = passwords.replaced_by(users(&[("aaron", RIGHT), ("alice", RIGHT)]));
    assert!(is_remembered(&more, "alice") && !is_remembered(&more, "aaron"));
    let changed = more.replaced_by(users(&[("alice", OTHER)]));
    assert!(!is_remembered(&changed, "alice"));
    assert_eq!(check(&checks, &changed, "alice", "right").await, Verdict::Wrong);
    assert!(changed.replaced_by(Vec::new()).are_none());
}

#[test]
fn an_unknown_name_is_always_compared_with_the_same_hash_and_any_may_be_it() {
    let checks = Checks::new().unwrap();
    let passwords = Passwords::new(users(&[("alice", RIGHT), ("bob", OTHER)]));
    let decoy = |name: String| format!("{:p}", passwords.decoy(&checks.key, name.as_bytes()).unwrap());
    let decoys: HashSet<_> = (0..200).map(|n| decoy(format!("mallory-{n}"))).collect();
    assert_eq!(decoys.len(), 2);
    assert_eq!(decoy("x".to_owned()), decoy("x".to_owned()));
}
