//! The collectors: what is asked of an account, and how each answer is read.

use serde_json::{Map, Value, json};

use super::answer::{decode, material_counts, unsigned};
use super::api::Api;
use super::client::{ApiClient, Request};
use super::error::{ApiError, Failure};
use crate::config::{Account, Collect};
use crate::store::MaterialCounts;
use crate::token::Credential;

/// Something that is asked of an account on a rhythm of its own; the `collector` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collector {
    /// The four material counts; always on.
    Material,
    /// The number of drafts.
    Draft,
    /// Daily quotas and their use.
    Quota,
}

impl Collector {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 3] = [Self::Material, Self::Draft, Self::Quota];

    /// The value of the `collector` label and of the configuration key `collect`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Draft => "draft",
            Self::Quota => "quota",
        }
    }
}

/// What `quota/get` says of one API, in calls a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiQuota {
    /// Whose quota.
    pub api: Api,
    /// The quota and what remains of it; unknown where the platform says 0.
    pub limit: Option<QuotaLimit>,
    /// Calls made today, by anybody.
    pub used: u64,
}

/// A known daily quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimit {
    /// Calls a day.
    pub calls: u64,
    /// Calls left today.
    pub remaining: u64,
}

/// What a collector brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// By [`Collector::Material`].
    Material(MaterialCounts),
    /// By [`Collector::Draft`], in drafts.
    Draft(u64),
    /// By [`Collector::Quota`]: the APIs that this account's collectors call.
    Quota(Box<[ApiQuota]>),
}

/// Asks `account` for what `collector` collects: one call, for quotas one for each API.
pub(crate) async fn collect(
    client: &ApiClient,
    account: &Account,
    collector: Collector,
    credential: &Credential,
) -> Result<Collected, ApiError> {
    match collector {
        Collector::Material => {
            let request = request(account, Api::MaterialCount, credential);
            request.send(client, material_counts).await.map(Collected::Material)
        }
        Collector::Draft => {
            let request = request(account, Api::DraftCount, credential);
            request.send(client, draft_count).await.map(Collected::Draft)
        }
        Collector::Quota => {
            let mut quotas = Vec::new();
            for api in apis_with_quota(account.collect) {
                quotas.push(quota_of(client, account, api, credential).await?);
            }
            Ok(Collected::Quota(quotas.into()))
        }
    }
}

/// Asks for `account`'s daily quota of `api`: one call.
pub(crate) async fn quota_of(
    client: &ApiClient,
    account: &Account,
    api: Api,
    credential: &Credential,
) -> Result<ApiQuota, ApiError> {
    let body = json!({"cgi_path": api.path()});
    let asked = DataCall { body: Some(&body), ..request(account, Api::QuotaGet, credential) };
    asked.send(client, |answer| quota(api, answer)).await
}

/// The APIs whose quota an account asks for: those that its collectors call.
pub(crate) fn apis_with_quota(collect: Collect) -> impl Iterator<Item = Api> {
    [Some(Api::MaterialCount), collect.draft.map(|_| Api::DraftCount)].into_iter().flatten()
}

/// A call that carries the account's credential.
struct DataCall<'a> {
    account: &'a Account,
    api: Api,
    credential: &'a Credential,
    body: Option<&'a Value>,
}

fn request<'a>(account: &'a Account, api: Api, credential: &'a Credential) -> DataCall<'a> {
    DataCall { account, api, credential, body: None }
}

impl DataCall<'_> {
    async fn send<T>(
        self,
        client: &ApiClient,
        read: impl FnOnce(&Map<String, Value>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let secrets: Vec<_> = self.credential.secret().into_iter().collect();
        let request = Request {
            endpoint: &self.account.endpoint,
            api: self.api,
            query: &self.credential.query(),
            body: self.body,
            secrets: &secrets,
        };
        client.call(request, |answer| read(&answer)).await
    }
}

pub(super) fn draft_count(answer: &Map<String, Value>) -> Result<u64, Failure> {
    whole(answer, "total_count")
}

pub(super) fn quota(api: Api, answer: &Map<String, Value>) -> Result<ApiQuota, Failure> {
    let Some(Value::Object(quota)) = answer.get("quota") else {
        return Err(decode("`quota` is missing"));
    };
    let (calls, used, remaining) =
        (whole(quota, "daily_limit")?, whole(quota, "used")?, whole(quota, "remain")?);
    // The documentation's own example says 0, which cannot mean that nothing is allowed.
    let limit = (calls > 0).then_some(QuotaLimit { calls, remaining });
    Ok(ApiQuota { api, limit, used })
}

fn whole(object: &Map<String, Value>, field: &str) -> Result<u64, Failure> {
    let number = object.get(field).and_then(unsigned);
    number.ok_or_else(|| decode(&format!("`{field}` is not a whole number of zero or more")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ApiQuota, String> {
        let answer: Map<String, Value> = serde_json::from_str(body).unwrap();
        quota(Api::MaterialCount, &answer).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_quota_of_zero_is_unknown_and_strings_of_digits_are_numbers() {
        let known = read(r#"{"quota":{"daily_limit":1000,"used":3,"remain":997},"rate_limit":{}}"#).unwrap();
        assert_eq!(known.limit, Some(QuotaLimit { calls: 1_000, remaining: 997 }));
        assert_eq!(known.used, 3);
        let quoted = read(r#"{"quota":{"daily_limit":"10","used":"10","remain":"0"}}"#).unwrap();
        assert_eq!(quoted.limit, Some(QuotaLimit { calls: 10, remaining: 0 }));
        assert_eq!(read(r#"{"quota":{"daily_limit":0,"used":0,"remain":0}}"#).unwrap().limit, None);
        for bad in ["{}", r#"{"quota":[]}"#, r#"{"quota":{"daily_limit":10,"used":-1,"remain":0}}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
