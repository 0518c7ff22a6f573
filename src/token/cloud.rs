//! Calls through WeChat's cloud: the token file that the platform pushes, and the errors that only
//! its sidecar gives.

use std::path::Path;
use std::time::Duration;

use super::read::file::read_text;
use super::read::value::{token, without_line_break};
use crate::secret::Secret;
use crate::wechat::class::{Call, ErrCode, ErrorClass};
use crate::wechat::error::{ApiError, Failure, Step};

/// A data call found no credential.
const TOKEN_MISSING: ErrCode = ErrCode(41001);
/// The sidecar adds no credentials while the container starts.
const START_PHASE: Duration = Duration::from_secs(60);

/// The pushed token as it is now.
pub(crate) async fn read_file(path: &Path) -> Result<Secret, Failure> {
    let place = path.display().to_string();
    let text = read_text(path).await.map_err(|fault| {
        fault
            .with_hint("the container's open interface service must be on, and a new version published since")
    })?;
    Ok(token(without_line_break(&text), &place)?)
}

/// What an error of a data call through the cloud really means, `up` being the time since the
/// exporter started. Where its console has the remedy, the error is laid to `source`.
pub(crate) fn explain(error: ApiError, source: &'static str, up: Duration) -> ApiError {
    if error.step.call() != Call::Data {
        return error;
    }
    let (class, code, text) = match &error.failure {
        Failure::Api { code: TOKEN_MISSING, message } if up < START_PHASE => {
            let text = format!("errcode 41001: {message}: not available while the container starts");
            (ErrorClass::Busy, Some(TOKEN_MISSING), text)
        }
        Failure::Status(502) => {
            let text = "HTTP status 502: the path is not on the cloud's allow-list";
            (ErrorClass::Request, None, text.to_owned())
        }
        failure if matches!(error.class(), ErrorClass::Request | ErrorClass::Permission) => {
            (error.class(), error.errcode(), failure.to_string())
        }
        _ => return error,
    };
    ApiError { step: Step::Source(source), failure: Failure::Source { class, code, text } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::api::Api;

    fn explained(step: Step, failure: Failure, up: u64) -> (&'static str, Option<i64>, String) {
        let error = explain(ApiError { step, failure }, "cloud_hosting", Duration::from_secs(up));
        (error.class().label(), error.errcode().map(|code| code.0), error.failure.to_string())
    }

    fn missing(code: i64) -> Failure {
        Failure::Api { code: ErrCode(code), message: "access_token missing".to_owned() }
    }

    #[test]
    fn a_missing_token_is_no_fault_in_the_first_minute() {
        let data = Step::Call(Api::MaterialCount);
        let (class, code, text) = explained(data, missing(41001), 59);
        assert_eq!((class, code), ("busy", Some(41001)));
        assert!(text.starts_with("errcode 41001: access_token missing: "), "{text}");
        let (class, code, _) = explained(data, missing(41001), 60);
        assert_eq!((class, code), ("request", Some(41001)));
    }

    #[test]
    fn a_bad_gateway_is_a_path_that_is_not_allowed() {
        let expected = "HTTP status 502: the path is not on the cloud's allow-list".to_owned();
        let data = Step::Call(Api::DraftCount);
        assert_eq!(explained(data, Failure::Status(502), 5), ("request", None, expected));
        assert_eq!(explained(data, Failure::Status(503), 5).0, "network");
    }

    #[test]
    fn what_the_console_can_mend_is_laid_to_the_source() {
        for code in [41001, 48001, 85107] {
            let error = ApiError { step: Step::Call(Api::MaterialCount), failure: missing(code) };
            let error = explain(error, "cloud_file", START_PHASE);
            assert_eq!((error.token_source(), error.errcode()), (Some("cloud_file"), Some(ErrCode(code))));
            assert!(error.failing().remedy().en.contains("cloud"), "{error}");
        }
        let error = ApiError { step: Step::Call(Api::MaterialCount), failure: missing(45009) };
        assert_eq!(explain(error, "cloud_file", START_PHASE).token_source(), None);
    }

    #[test]
    fn other_errors_stay_what_they_are() {
        let data = Step::Call(Api::MaterialCount);
        assert_eq!(explained(data, missing(48001), 5).0, "permission");
        let token = Step::Call(Api::StableToken);
        assert_eq!(explained(token, missing(41001), 5).2, "errcode 41001: access_token missing");
        assert_eq!(explained(token, Failure::Status(502), 5).0, "network");
    }

    #[tokio::test]
    async fn the_pushed_file_is_read_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloudbase_access_token");
        let text = read_file(&path).await.unwrap_err().to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("open interface service"), "{text}");
        for value in ["first", "second"] {
            std::fs::write(&path, format!("{value}\n")).unwrap();
            assert_eq!(read_file(&path).await.unwrap().expose(), value);
        }
        for bad in ["", "\n", " first", "a b", "{}", &"x".repeat(513)] {
            std::fs::write(&path, bad).unwrap();
            let error = read_file(&path).await.unwrap_err();
            assert!(matches!(error, Failure::Source { class: ErrorClass::Decode, .. }), "{bad}: {error}");
        }
    }
}
