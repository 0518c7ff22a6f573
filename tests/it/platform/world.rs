//! What stands behind the component calls: a platform's authorizers, tokens and moods.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::api_server;

pub(crate) const COMPONENT: &str = "wxcomponent00000";
pub(crate) const OTHER_COMPONENT: &str = "wxcomponent00001";
pub(crate) const COMPONENT_SECRET: &str = "component-secret-canary";
pub(crate) const TICKET: &str = "ticket@@@canary";

/// The component calls, by the end of their paths.
pub(crate) const TOKEN: &str = "api_component_token";
pub(crate) const GRANT: &str = "api_authorizer_token";
pub(crate) const LIST: &str = "api_get_authorizer_list";
pub(crate) const PROFILE: &str = "api_get_authorizer_info";

/// One authorizer.
#[derive(Clone)]
pub(crate) struct Authorizer {
    pub(crate) refresh_token: String,
    pub(crate) auth_time: u64,
    pub(crate) nickname: String,
    pub(crate) set: u64,
    pub(crate) is_mini_program: bool,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
    /// The platform's app id.
    pub(crate) component: String,
    /// Authorizers that the list names and every other call denies.
    pub(crate) denied: BTreeSet<String>,
    /// The component token that is accepted.
    pub(crate) component_token: String,
    pub(crate) components: u64,
    /// Where its owner writes the next component token after one was refused.
    pub(crate) token_file: Option<PathBuf>,
    /// Answers to come before the regular ones, by call.
    pub(crate) planned: HashMap<&'static str, Vec<ResponseTemplate>>,
    /// Whether each grant changes the refresh token.
    pub(crate) rotates: bool,
    /// Lists that were read to their end.
    pub(crate) whole_lists: u64,
    pub(crate) calls: Vec<(String, Value)>,
}

/// The API of one platform.
pub(crate) struct Api {
    pub(crate) server: MockServer,
    world: Arc<Mutex<World>>,
}

pub(crate) fn app_id(n: u64) -> String {
    format!("wx{n:016x}")
}

pub(crate) fn official(n: u64) -> (String, Authorizer) {
    let authorizer = Authorizer {
        refresh_token: format!("refreshtoken@@@{n}"),
        auth_time: 1_700_000_000,
        nickname: format!("account {n}"),
        set: 11,
        is_mini_program: false,
    };
    (app_id(n), authorizer)
}

pub(crate) fn error(code: i64, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"errcode": code, "errmsg": message}))
}

impl Api {
    /// With the authorizers 0 to `count`.
    pub(crate) async fn start(count: u64) -> Self {
        let authorizers = (0..count).map(official).collect();
        let world = World {
            authorizers,
            component: COMPONENT.into(),
            component_token: "component-0".into(),
            ..World::default()
        };
        let world = Arc::new(Mutex::new(world));
        let server = api_server().await;
        let behind = Arc::clone(&world);
        let answer =
            move |request: &Request| behind.lock().unwrap_or_else(PoisonError::into_inner).answer(request);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self { server, world }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bodies of the calls so far to `api`.
    pub(crate) fn calls(&self, api: &str) -> Vec<Value> {
        self.world().calls.iter().filter(|(called, _)| called == api).map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn count(&self, api: &str) -> usize {
        self.calls(api).len()
    }

    pub(crate) fn plan(&self, api: &'static str, answers: impl IntoIterator<Item = ResponseTemplate>) {
        self.world().planned.insert(api, answers.into_iter().collect());
    }
}

impl World {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let api = request.url.path().trim_start_matches("/cgi-bin/component/").to_owned();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        self.calls.push((api.clone(), body.clone()));
        if let Some(planned) = self.planned.get_mut(api.as_str()).filter(|planned| !planned.is_empty()) {
            return planned.remove(0);
        }
        if body["component_appid"] != self.component.as_str() {
            return error(40013, "invalid appid");
        }
        if api == TOKEN {
            return self.grant_component(&body);
        }
        let mut query = request.url.query_pairs();
        if !query.any(|(name, token)| name == "component_access_token" && token == self.component_token) {
            self.replace_file();
            return error(40001, "invalid credential, access_token is invalid or not latest");
        }
        let answer = match api.as_str() {
            LIST => return self.list(&body),
            GRANT => self.grant(&body),
            PROFILE => self.profile(&body),
            _ => return ResponseTemplate::new(404),
        };
        answer.map_or_else(
            |code| error(code, &format!("refused: {body}")),
            |answer| ResponseTemplate::new(200).set_body_json(answer),
        )
    }

    fn grant_component(&mut self, body: &Value) -> ResponseTemplate {
        if body["component_appsecret"] != COMPONENT_SECRET {
            return error(40125, "invalid appsecret");
        }
        if body["component_verify_ticket"] != TICKET {
            return error(61006, "component ticket is invalid");
        }
        self.components += 1;
        self.component_token = format!("component-{}", self.components);
        let answer = json!({"component_access_token": self.component_token, "expires_in": 7200});
        ResponseTemplate::new(200).set_body_json(answer)
    }

    fn replace_file(&mut self) {
        if let Some(path) = &self.token_file {
            std::fs::write(path, &self.component_token).unwrap();
        }
    }

    fn authorizer(&mut self, body: &Value) -> Result<&mut Authorizer, i64> {
        let id = body["authorizer_appid"].as_str().unwrap();
        let is_denied = self.denied.contains(id);
        self.authorizers.get_mut(id).filter(|_| !is_denied).ok_or(61003)
    }

    fn grant(&mut self, body: &Value) -> Result<Value, i64> {
        let (rotates, calls) = (self.rotates, self.calls.len());
        let authorizer = self.authorizer(body)?;
        if body["authorizer_refresh_token"] != authorizer.refresh_token.as_str() {
            return Err(61023);
        }
        if rotates {
            authorizer.refresh_token = format!("rotated@@@{calls}");
        }
        let token = format!("token-of-{}", body["authorizer_appid"].as_str().unwrap());
        let refresh_token = &authorizer.refresh_token;
        Ok(json!({
            "authorizer_access_token": token,
            "expires_in": 7200,
            "authorizer_refresh_token": refresh_token,
        }))
    }

    fn list(&mut self, body: &Value) -> ResponseTemplate {
        let (offset, count) = (body["offset"].as_u64().unwrap(), body["count"].as_u64().unwrap());
        assert!(count <= 500, "errcode 40170");
        let total = self.authorizers.len();
        let (offset, count) = (usize::try_from(offset).unwrap(), usize::try_from(count).unwrap());
        self.whole_lists += u64::from(offset + count >= total);
        let page = self.authorizers.iter().skip(offset).take(count).map(|(app_id, authorizer)| {
            json!({
                "authorizer_appid": app_id,
                "refresh_token": authorizer.refresh_token,
                "auth_time": authorizer.auth_time,
            })
        });
        let page: Vec<_> = page.collect();
        ResponseTemplate::new(200).set_body_json(json!({"total_count": total, "list": page}))
    }

    fn profile(&mut self, body: &Value) -> Result<Value, i64> {
        let authorizer = self.authorizer(body)?;
        let mut about = json!({"nick_name": authorizer.nickname, "verify_type_info": {"id": 0}});
        if authorizer.is_mini_program {
            about["MiniProgramInfo"] = json!({"network": {}});
        }
        let sets = [json!({"funcscope_category": {"id": authorizer.set}})];
        Ok(json!({"authorizer_info": about, "authorization_info": {"func_info": sets}}))
    }
}
