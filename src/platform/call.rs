//! A component call: let in by the gate, with the component token, repeated once after that token
//! was refused, its failure told apart: an account's own, or the platform's.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::component::Component;
use super::gate::{Gate, Pass};
use crate::config::{AppId, Platform};
use crate::secret::Secret;
use crate::token::read::Reader;
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::client::{ApiClient, Request};
use crate::wechat::error::{ApiError, Failure, Step};
use crate::wechat::pacer::Pacer;

/// As the older pages name it. The newer ones say `access_token`; production SDKs send this one.
const TOKEN_PARAMETER: &str = "component_access_token";

/// Makes the component calls of one platform.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) platform: Arc<Platform>,
    pub(super) client: Arc<ApiClient>,
    pub(super) reader: Arc<Reader>,
    pub(super) gate: Gate,
    /// The pace of discovery: of profiles, and of the pages of lists.
    pub(super) pacer: Arc<Pacer>,
    /// Shared with the caller that takes this one's place, if only other settings have changed.
    pub(super) component: Arc<Component>,
}

/// One component call. The platform's own app id and token are added to it. Not `Debug`: secrets
/// stand in its body as they are.
pub(super) struct ComponentCall<'a> {
    pub(super) api: Api,
    /// The fields of the body beside `component_appid`.
    pub(super) body: Map<String, Value>,
    /// Masked wherever the answer or an error echoes them.
    pub(super) secrets: &'a [&'a Secret],
}

/// A body's field that names an account.
pub(super) fn authorizer_appid(app_id: &AppId) -> (String, Value) {
    ("authorizer_appid".to_owned(), app_id.as_str().into())
}

impl Caller {
    /// Calls, and reads the successful answer with `read`.
    pub(super) async fn call<T>(
        &self,
        call: ComponentCall<'_>,
        read: impl Fn(&mut Map<String, Value>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        self.call_noting(call, read, |_| {}).await
    }

    /// As [`Caller::call`]. If the call went out and failed for the platform's sake, `note` is told
    /// how: the error that is returned speaks of the platform then.
    pub(super) async fn call_noting<T>(
        &self,
        mut call: ComponentCall<'_>,
        read: impl Fn(&mut Map<String, Value>) -> Result<T, Failure>,
        note: impl FnOnce(&ApiError),
    ) -> Result<T, ApiError> {
        let component = self.platform.component_app_id.as_str();
        call.body.insert("component_appid".to_owned(), component.into());
        let ComponentCall { api, body, secrets } = call;
        let body = Value::Object(body);
        let send = |token: Secret| {
            let (body, read) = (&body, &read);
            async move {
                let secrets: Vec<_> = secrets.iter().copied().chain([&token]).collect();
                let request = Request {
                    endpoint: &self.platform.endpoint,
                    api,
                    query: &[(TOKEN_PARAMETER, token.expose())],
                    body: Some(body),
                    secrets: &secrets,
                };
                self.client.call(request, |mut answer| read(&mut answer)).await
            }
        };
        let mut pass = self.gate.enter(api).await?;
        let token = self.component.hold(self, &mut pass).await?;
        let mut result = send(token.clone()).await;
        if result.as_ref().is_err_and(|error| error.class() == ErrorClass::Token)
            && let Some(other) = self.component.replace(self, &token, &mut pass).await?
        {
            result = send(other).await;
        }
        match result {
            Err(error) if own_code(&error).is_none() => {
                note(&error);
                Err(self.failed(&mut pass, error))
            }
            result => {
                pass.succeeded();
                result
            }
        }
    }

    /// Tells that the platform failed. What the caller is to say of it.
    pub(super) fn failed(&self, pass: &mut Pass<'_>, error: ApiError) -> ApiError {
        let is_connect = error.failed_to_connect();
        let refusal = pass.failed(error);
        if is_connect && refusal.is_last_attempt {
            self.client.poll_failed_to_connect(&self.platform.endpoint);
        }
        refusal.error
    }
}

/// The API's number in a failure that is an account's own, the call having named one: it says
/// nothing of the platform.
pub(super) fn own_code(error: &ApiError) -> Option<ErrCode> {
    // An app id that WeChat does not know. The platform's own one was accepted with its token.
    const INVALID_APP_ID: ErrCode = ErrCode(40013);
    let (Failure::Api { code, .. }, Step::Call(Api::AuthorizerToken | Api::AuthorizerInfo)) =
        (&error.failure, error.step)
    else {
        return None;
    };
    let is_own = match error.class() {
        ErrorClass::Authorization | ErrorClass::Account | ErrorClass::Permission => true,
        _ => *code == INVALID_APP_ID,
    };
    is_own.then_some(*code)
}
