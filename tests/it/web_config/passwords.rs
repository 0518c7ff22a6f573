//! Basic authentication, headers and the rate limit.

use reqwest::StatusCode;
use tokio::time::Instant;

use super::*;

fn users(users: &[(&str, &str)]) -> String {
    let lines: Vec<_> = users.iter().map(|(name, hash)| format!("  {name}: {hash}\n")).collect();
    format!("basic_auth_users:\n{}", lines.concat())
}

/// The status of a page for a user.
async fn status(exporter: &Serving, path: &str, user: Option<(&str, &str)>) -> u16 {
    let request = Client::new().get(format!("{}{path}", exporter.url));
    let request = match user {
        Some((name, password)) => request.basic_auth(name, Some(password)),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_page_wants_a_password_and_the_health_pages_if_not_exempt() {
    let site = Site::start().await;
    let web = users(&[("alice", RIGHT), ("bob", OTHER)])
        + "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 0}}\n";
    for exempt in [false, true] {
        let flags: &[&str] = if exempt { &["--web.auth-exempt-health"] } else { &[] };
        let exporter = site.serve(&web, flags).await;
        for path in [
            "/",
            "/metrics",
            "/metrics?account=brand",
            "/sd",
            "/config",
            "/style.css",
            "/none",
            "/-/healthy",
            "/-/ready",
            "/-/healthy/",
            "/-/healthy?x",
            "//-/healthy",
        ] {
            let path_only = path.split('?').next().unwrap();
            let is_free = exempt && ["/-/healthy", "/-/ready"].contains(&path_only);
            for wrong in [
                None,
                Some(("alice", "other")),
                Some(("alice", "")),
                Some(("carol", "right")),
                Some(("", "")),
            ] {
                assert_eq!(status(&exporter, path, wrong).await == 401, !is_free, "{path} {wrong:?}");
            }
            for right in [("alice", "right"), ("bob", "other"), ("alice", "right")] {
                assert_ne!(status(&exporter, path, Some(right)).await, 401, "{path}");
            }
        }
        let answer = Client::new().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
        assert_eq!(
            (&answer.headers()["x-frame-options"], &answer.headers()["x-xss-protection"]),
            (&"deny".parse().unwrap(), &"0".parse().unwrap())
        );
        let log = exporter.stop().await;
        assert!(log.contains("passwords that cross the network in clear"), "{log}");
        for secret in [RIGHT, OTHER, "$2"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

#[tokio::test]
async fn users_change_while_it_runs_and_never_to_none() {
    let site = Site::start().await;
    let mut exporter = site.serve(&users(&[("alice", RIGHT), ("bob", OTHER)]), &[]).await;
    let alice = Some(("alice", "right"));
    assert_eq!(status(&exporter, "/metrics", alice).await, 200);
    // Bob goes, Carol comes, and Alice has another password.
    site.write("web.yml", &users(&[("alice", OTHER), ("carol", RIGHT)]));
    let changed = async { while status(&exporter, "/metrics", alice).await == 200 {} };
    within("the change", changed).await;
    for (user, expected) in [(("alice", "other"), 200), (("bob", "other"), 401), (("carol", "right"), 200)] {
        assert_eq!(status(&exporter, "/metrics", Some(user)).await, expected, "{user:?}");
    }
    for nobody in ["", "basic_auth_users:\n", "basic_auth_users: {}\n"] {
        site.write("web.yml", nobody);
        let answer =
            Client::new().post(format!("{}/-/reload", exporter.url)).basic_auth("carol", Some("right"));
        let (code, text) = told(answer.send().await.unwrap()).await;
        assert_eq!(code, 500);
        assert!(
            text.contains("basic_auth_users: would let everybody in: restart the exporter for that"),
            "{text}"
        );
        assert_eq!(status(&exporter, "/metrics", None).await, 401);
    }
    // Nor by a file that is gone or broken.
    fs::remove_file(site.path("web.yml")).unwrap();
    exporter.wait_for_log("web.yml: no such file").await;
    site.write("web.yml", "basic_auth_users: {alice: hunter2-in-clear");
    exporter.wait_for_log("not valid YAML").await;
    assert_eq!(status(&exporter, "/metrics", None).await, 401);
    assert_eq!(status(&exporter, "/metrics", Some(("carol", "right"))).await, 200);
    exporter.signal("HUP");
    exporter.wait_for_line("not valid YAML").await;
    let log = exporter.stop().await;
    assert!(!log.contains("hunter2"), "{log}");
}

/// The least of some times is that of the work itself, however busy the machine is.
#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let site = Site::start().await;
    let exporter = site.serve(&users(&[("alice", RIGHT_10), ("bob", RIGHT_10)]), &[]).await;
    // A password that was right once takes no time.
    assert_eq!(status(&exporter, "/none", Some(("alice", "right"))).await, 404);
    let mut least = [Duration::MAX; 3];
    for _ in 0..6 {
        let asked = [("alice", "wrong", 401), ("mallory", "wrong", 401), ("alice", "right", 404)];
        for ((name, password, expected), least) in asked.into_iter().zip(&mut least) {
            let began = Instant::now();
            assert_eq!(status(&exporter, "/none", Some((name, password))).await, expected);
            *least = began.elapsed().min(*least);
        }
    }
    let [wrong, unknown, right] = least;
    assert!(unknown > wrong / 2, "{least:?}");
    assert!(right < wrong / 2, "{least:?}");
    exporter.stop().await;
}

#[tokio::test]
async fn more_than_the_limit_is_told_to_come_again() {
    let site = Site::start().await;
    let exporter = site.serve("rate_limit: {interval: 1h, burst: 3}\n", &[]).await;
    let mut served = Vec::new();
    for _ in 0..5 {
        served.push(status(&exporter, "/metrics", None).await);
    }
    assert_eq!(served, [200, 200, 200, 429, 429]);
    for health in ["/-/healthy", "/-/healthy"] {
        assert_eq!(status(&exporter, health, None).await, 200, "a probe is never limited");
    }
    exporter.stop().await;
}
