use super::*;

#[test]
fn each_credential_has_its_query() {
    let secret = || Secret::new("t".into());
    let app_id = || AppId::parse("wx0123456789abcdef");
    assert_eq!(Credential::AccessToken(secret()).query(), [("access_token", "t")]);
    assert_eq!(Credential::CloudToken(secret(), None).query(), [("cloudbase_access_token", "t")]);
    assert_eq!(
        Credential::CloudToken(secret(), app_id()).query(),
        [("cloudbase_access_token", "t"), ("from_appid", "wx0123456789abcdef")]
    );
    assert_eq!(Credential::CloudHosted(None).query(), []);
    assert_eq!(Credential::CloudHosted(app_id()).query(), [("from_appid", "wx0123456789abcdef")]);
}
