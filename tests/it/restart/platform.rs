//! Accounts of a platform, and what must not be in the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;

use crate::installed::{Installed, are_listed_and_found, known, up_with_platform};

#[tokio::test]
async fn a_platform_is_asked_nothing_before_its_time_and_the_file_holds_no_secret() {
    let installed = Installed::new(Scenario::generated_platform(6), "1h").await;
    installed.list_with_platform(1, "1h");
    let first = installed.serve().await;
    let page = first.wait_for("/metrics", |page| up_with_platform(page, 6)).await;
    installed.are_saved(6).await;
    first.kill().await;
    let total = |endpoint| installed.simulator().total_calls(endpoint);
    let calls =
        [Endpoint::AuthorizerInfo, Endpoint::MaterialCount, Endpoint::StableToken, Endpoint::AuthorizerToken];
    let before = calls.map(total);
    assert_eq!(before[1], 6);

    for _ in 0..3 {
        let next = installed.serve().await;
        let restored = next.wait_for("/metrics", |page| are_listed_and_found(page, 6)).await;
        assert_eq!(known(&restored), known(&page), "nicknames and all");
        next.kill().await;
    }
    let once = installed.once().await;
    assert!(are_listed_and_found(&String::from_utf8(once.stdout).unwrap(), 6));
    assert_eq!((calls.map(total), total(Endpoint::AuthorizerList)), (before, 1));

    let path = installed.state();
    let text = fs::read_to_string(&path).unwrap();
    for secret in secrets(&installed) {
        assert!(!text.contains(&secret), "{secret} is in the file");
    }
    for private in [path.with_extension("lock"), path] {
        let mode = fs::metadata(&private).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", private.display());
    }
}

/// All that the simulator was told or has issued.
fn secrets(installed: &Installed) -> Vec<String> {
    let (scenario, simulator) = (&installed.scenario, installed.simulator());
    let platform = &scenario.platforms[0];
    let component = simulator.component_token_of(&platform.app_id).unwrap();
    let mut secrets = vec![platform.secret.clone(), platform.ticket.clone(), component];
    for account in &scenario.accounts {
        secrets.push(account.secret.clone());
        secrets.push(simulator.stable_token_of(&account.app_id).unwrap());
        secrets.push(simulator.authorizer_token_of(&platform.app_id, &account.app_id).unwrap());
    }
    secrets.extend(platform.authorizers.iter().map(|one| one.refresh_token.clone()));
    secrets
}
