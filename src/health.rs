//! Asks an exporter on this machine whether it is healthy, for images that have no shell to ask from.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, StatusCode, redirect};

use crate::listen::{LOCALHOST, ListenAddress};
use crate::web::telemetry_path::HEALTHY;

/// Below the 5 s that a check of the image may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Returns when every one of `addresses` answered that all is well. The error says which one did not.
pub async fn check(addresses: &[ListenAddress]) -> anyhow::Result<()> {
    let client = client().context("cannot prepare a request")?;
    let all = async {
        for address in addresses {
            ask(&client, &address.local()).await?;
        }
        Ok(())
    };
    let late = || format!("no answer within {} s from {}", PATIENCE.as_secs(), listed(addresses));
    tokio::time::timeout(PATIENCE, all).await.with_context(late)?
}

fn client() -> reqwest::Result<Client> {
    let loopback = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        // Not every image knows the name.
        .resolve_to_addrs(LOCALHOST, &loopback)
        // Certificates name the host as others see it. Nothing secret is sent.
        .tls_danger_accept_invalid_certs(true)
        .build()
}

async fn ask(client: &Client, address: &str) -> anyhow::Result<()> {
    let get = |scheme| client.get(format!("{scheme}://{address}{HEALTHY}")).send();
    let answer = match get("http").await {
        // Somebody is there and does not speak HTTP, or says so in it: with a certificate it is HTTPS.
        Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => get("https").await,
        Err(error) if !error.is_connect() => get("https").await,
        answer => answer,
    };
    let told = |error: reqwest::Error| {
        let error = anyhow::Error::from(error.without_url());
        anyhow!("`{address}` does not answer: {error:#}: give the --web.listen-address of the exporter")
    };
    match answer.map_err(told)?.status() {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED => {
            bail!("`{address}` wants a password: give the exporter --web.auth-exempt-health")
        }
        status => bail!("`{address}` answers with HTTP status {}", status.as_u16()),
    }
}

fn listed(addresses: &[ListenAddress]) -> String {
    addresses.iter().map(|address| format!("`{}`", address.local())).collect::<Vec<_>>().join(", ")
}
