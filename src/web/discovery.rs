//! `/sd`: every account as a target of its own, in the format of Prometheus's HTTP service discovery.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::store::Readings;
use crate::web::external_url::ExternalUrl;
use crate::web::telemetry_path::TelemetryPath;

/// What stands before the names of labels that are there for relabelling.
const META: &str = "__meta_wechat_";

#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<String, String>,
}

/// One group for each account. No label is called `account`: the scraped series have it already, and
/// Prometheus would rename theirs.
pub(super) fn groups(
    readings: &[Arc<Readings>],
    info_labels: &[String],
    url: &ExternalUrl,
    telemetry_path: &TelemetryPath,
) -> serde_json::Result<Vec<u8>> {
    let path = url.path(telemetry_path.as_str());
    let groups = readings.iter().map(|readings| {
        let account = &readings.account;
        let name = account.name.as_str();
        let meta = [
            ("account", name),
            ("app_id", account.app_id.as_str()),
            ("display_name", &account.display_name),
            ("source", account.token.label()),
            ("platform", account.token.platform()),
        ];
        let meta = meta.into_iter().map(|(label, value)| (format!("{META}{label}"), value));
        let own = info_labels.iter().zip(&account.info_labels);
        let own = own.map(|(label, value)| (format!("{META}label_{label}"), value.as_ref()));
        let labels = meta.chain(own).filter(|(_, value)| !value.is_empty());
        let mut labels: BTreeMap<_, _> = labels.map(|(label, value)| (label, value.to_owned())).collect();
        labels.extend([
            ("__scheme__".to_owned(), url.scheme().to_owned()),
            ("__metrics_path__".to_owned(), path.clone()),
            ("__param_account".to_owned(), name.to_owned()),
            ("instance".to_owned(), format!("{}/{name}", url.host())),
        ]);
        Group { targets: [url.host()], labels }
    });
    // Written one by one: as a list of all of them it would take several times its text.
    let mut text = vec![b'['];
    for (at, group) in groups.enumerate() {
        text.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut text, &group)?;
    }
    text.extend_from_slice(b"\n]\n");
    Ok(text)
}
