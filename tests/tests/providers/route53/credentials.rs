//! Every source of AWS's credential chain, and who signs in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dns01d::plugin::{FailureClass, Instance, MemoryState, ProviderClient as _};
use lab::moto::{Reply, Seen};
use tempfile::TempDir;

use super::{Lab, refused};
use crate::instance::{LONG, Values, all_done, instance_with, present};

const ROLE: &str = "arn:aws:iam::123456789012:role/dns01d";
/// What services hand out as JSON.
const HANDED_OUT: &str = r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"AKIDHANDEDOUT","SecretAccessKey":"handed-out",
    "Token":"handed-out-token","Expiration":"2099-01-01T00:00:00Z","LastUpdated":"2026-01-01T00:00:00Z"}"#;

/// An instance that is given nothing but this, with these variables listed.
fn provider(lab: &Lab, values: Values<'_>, variables: &[(&str, &str)], rotates: bool) -> Instance {
    let url = lab.front.url();
    let mut all = values.to_vec();
    if values.iter().all(|(key, ..)| *key != "endpoint") {
        all.push(("endpoint", url.as_str(), false));
    }
    instance_with("route53", &all, Arc::new(MemoryState::default()), |options| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.environment = BTreeMap::from_iter(variables);
        options.rotates = rotates;
    })
}

/// A directory with a file in it.
fn file(name: &str, content: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    (dir, path)
}

/// Writes a record, and returns the change as Route 53 saw it.
async fn change(lab: &Lab, provider: &Instance) -> Seen {
    present(provider, &[lab.record("", "v")]).await;
    lab.front
        .seen_of("ChangeResourceRecordSets")
        .pop()
        .expect("a change")
}

fn token(seen: &Seen) -> &str {
    let token = seen.headers.get("x-amz-security-token");
    token.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn static_keys_and_a_session_token_sign() {
    let lab = Lab::new().await;
    let values = [
        ("access-key-id", "AKIDSTATIC", false),
        ("secret-access-key", "static-secret", true),
        ("session-token", "static-token", true),
    ];
    let seen = change(&lab, &provider(&lab, &values, &[], false)).await;
    assert_eq!((seen.key.as_str(), token(&seen)), ("AKIDSTATIC", "static-token"));
    let agent = seen.headers["user-agent"].to_str().unwrap();
    assert!(agent.contains("app/dns01d"), "{agent}");
}

#[tokio::test]
async fn listed_variables_are_used_and_options_win() {
    let lab = Lab::new().await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", "env-secret"),
    ];
    let seen = change(&lab, &provider(&lab, &[], &variables, false)).await;
    assert_eq!(seen.key, "AKIDENV");
    let values = [
        ("access-key-id", "AKIDOPTION", false),
        ("secret-access-key", "s", true),
    ];
    let both = provider(&lab, &values, &variables, false);
    all_done(both.check(&[], LONG).await);
    assert_eq!(
        lab.front.seen_of("ListHostedZonesByName").pop().unwrap().key,
        "AKIDOPTION"
    );
}

#[tokio::test]
async fn a_profile_of_two_files_signs_and_gives_the_region() {
    let lab = Lab::new().await;
    let (_a, config) = file("config", "[profile work]\nregion = eu-central-1\n");
    let (_b, credentials) = file(
        "credentials",
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = d\n\
         [work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = w\n",
    );
    let (config, credentials) = (config.to_str().unwrap(), credentials.to_str().unwrap());
    let files = [
        ("config-file", config, false),
        ("credentials-file", credentials, false),
    ];
    let named = [&files[..], &[("profile", "work", false)]].concat();
    let seen = change(&lab, &provider(&lab, &named, &[], false)).await;
    assert_eq!(seen.key, "AKIDWORK");
    let signed = seen.headers["authorization"].to_str().unwrap();
    assert!(signed.contains("/eu-central-1/route53/"), "{signed}");

    let default = provider(&lab, &files, &[], false);
    all_done(default.check(&[], LONG).await);
    assert_eq!(
        lab.front.seen_of("ListHostedZonesByName").pop().unwrap().key,
        "AKIDDEFAULT"
    );
    let missing = [&files[..], &[("profile", "gone", false)]].concat();
    let missing = provider(&lab, &missing, &[], false);
    refused(
        &missing,
        lab.record("", "v"),
        FailureClass::Auth,
        &["profile", "`gone`"],
    )
    .await;
}

#[tokio::test]
async fn keys_of_a_profile_that_are_replaced_are_read_anew() {
    let lab = Lab::new().await;
    let keys = |id: &str| format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
    let (dir, path) = file("credentials", &keys("AKIDOLD"));
    let values = [("credentials-file", path.to_str().unwrap(), false)];
    let provider = provider(&lab, &values, &[], true);
    assert_eq!(change(&lab, &provider).await.key, "AKIDOLD");
    // as tools replace it: a new file under the old name; and then AWS refuses the old key
    let new = dir.path().join("new");
    fs::write(&new, keys("AKIDNEW")).unwrap();
    fs::rename(&new, &path).unwrap();
    let expired = Reply::error(
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    );
    lab.front.fail("ListResourceRecordSets", 1, expired);
    present(&provider, &[lab.record("", "w")]).await;
    assert_eq!(
        lab.front.seen_of("ChangeResourceRecordSets").pop().unwrap().key,
        "AKIDNEW"
    );
}

#[tokio::test]
async fn a_role_is_assumed_with_its_external_id() {
    let lab = Lab::new().await;
    let url = lab.front.url();
    let values = [
        ("access-key-id", "AKIDBASE", false),
        ("secret-access-key", "s", true),
        ("role-arn", ROLE, false),
        ("external-id", "ext-42", false),
        ("session-name", "web-1", false),
        ("sts-endpoint", url.as_str(), false),
    ];
    let role = provider(&lab, &values, &[], false);
    let seen = change(&lab, &role).await;
    let assumed = lab.front.seen_of("AssumeRole");
    assert_eq!(assumed.len(), 1, "once for all requests");
    assert_eq!(assumed[0].key, "AKIDBASE");
    for part in ["ExternalId=ext-42", "RoleSessionName=web-1", "role%2Fdns01d"] {
        assert!(assumed[0].body.contains(part), "{part}: {}", assumed[0].body);
    }
    assert!(
        seen.key.starts_with("ASIA") && !token(&seen).is_empty(),
        "{seen:?}"
    );

    let denied = "User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole";
    lab.front
        .fail("AssumeRole", 9, Reply::error(403, "AccessDenied", denied));
    lab.front.forget();
    let many: Vec<_> = (0..5).map(|n| lab.record(&format!("n{n}"), "v")).collect();
    let outcomes = provider(&lab, &values, &[], false).present(&many, LONG).await;
    for outcome in outcomes.expect("an answer") {
        let failure = outcome.expect_err("no role, no change");
        assert_eq!(failure.class, FailureClass::Auth, "{failure:?}");
        let says = |word| failure.message.contains(word);
        assert!(says("sts:AssumeRole") && says("user/u"), "{failure:?}");
    }
    assert_eq!(lab.front.seen_of("AssumeRole").len(), 1, "not once per record");
}

#[tokio::test]
async fn a_web_identity_token_is_exchanged_and_read_again_when_it_was_replaced() {
    let lab = Lab::new().await;
    let url = lab.front.url();
    let (_dir, path) = file("token", "jwt-one\n");
    let text = path.to_str().unwrap();
    let values = [
        ("web-identity-token-file", text, false),
        ("role-arn", ROLE, false),
        ("sts-endpoint", url.as_str(), false),
    ];
    let seen = change(&lab, &provider(&lab, &values, &[], true)).await;
    assert!(seen.key.starts_with("ASIA"), "{seen:?}");
    let exchanged = lab.front.seen_of("AssumeRoleWithWebIdentity");
    assert!(
        exchanged[0].body.contains("WebIdentityToken=jwt-one&")
            || exchanged[0].body.ends_with("WebIdentityToken=jwt-one")
    );
    assert!(
        exchanged[0].body.contains("RoleSessionName=dns01d"),
        "{}",
        exchanged[0].body
    );

    // as EKS sets them, listed; the file must be named for the sandbox, too
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ROLE_SESSION_NAME", "pod"),
    ];
    let sts = ("sts-endpoint", url.as_str(), false);
    let listed = provider(&lab, &[sts, ("extra-files", text, false)], &variables, false);
    all_done(listed.check(&[], LONG).await);
    let exchanged = lab.front.seen_of("AssumeRoleWithWebIdentity");
    assert!(
        exchanged[1].body.contains("RoleSessionName=pod"),
        "{}",
        exchanged[1].body
    );
    let unnamed = provider(&lab, &[sts], &variables, false);
    refused(
        &unnamed,
        lab.record("", "w"),
        FailureClass::Config,
        &[text, "no option names"],
    )
    .await;

    let expired = Reply::error(400, "ExpiredTokenException", "Token expired: jwt-one");
    lab.front.fail("AssumeRoleWithWebIdentity", 9, expired);
    let failure = refused(
        &provider(&lab, &values, &[], false),
        lab.record("", "w"),
        FailureClass::Auth,
        &["expired", "`rotates: true`"],
    )
    .await;
    assert!(!failure.message.contains("jwt-one"), "{}", failure.message);
}

#[tokio::test]
async fn instance_metadata_serves_where_nothing_else_is_configured() {
    let lab = Lab::new().await;
    let url = lab.front.url();
    let at = "/latest/meta-data/iam/security-credentials/";
    lab.front.serve(
        "PUT /latest/api/token",
        Reply::with_header(200, "imds-token", "x-aws-ec2-metadata-token-ttl-seconds", "21600"),
    );
    lab.front
        .serve(&format!("GET {at}"), Reply::new(200, "instance-role"));
    lab.front
        .serve(&format!("GET {at}instance-role"), Reply::new(200, HANDED_OUT));
    let imds = [("imds-endpoint", url.as_str(), false)];
    let seen = change(&lab, &provider(&lab, &imds, &[], false)).await;
    assert_eq!(
        (seen.key.as_str(), token(&seen)),
        ("AKIDHANDEDOUT", "handed-out-token")
    );
    let asked = lab.front.seen_of(&format!("GET {at}"));
    assert_eq!(
        asked[0].headers["x-aws-ec2-metadata-token"], "imds-token",
        "version 2"
    );

    // with keys it is not asked, unless it is asked for
    lab.front.forget();
    let keys = [
        ("access-key-id", "AKID", false),
        ("secret-access-key", "s", true),
        imds[0],
    ];
    all_done(provider(&lab, &keys, &[], false).check(&[], LONG).await);
    assert!(lab.front.seen_of(&format!("GET {at}")).is_empty());
    let (_dir, config) = file("config", "[default]\nregion = eu-west-1\n");
    let chosen = [
        imds[0],
        ("credentials", "imds", false),
        ("config-file", config.to_str().unwrap(), false),
    ];
    all_done(provider(&lab, &chosen, &[], false).check(&[], LONG).await);
    assert_eq!(
        lab.front.seen_of("ListHostedZonesByName").pop().unwrap().key,
        "AKIDHANDEDOUT"
    );
}

#[tokio::test]
async fn a_container_endpoint_serves_with_its_token() {
    let lab = Lab::new().await;
    let found = Reply::new(200, HANDED_OUT);
    lab.front.serve("GET /v1/credentials", found);
    let url = lab.front.url();
    let uri = format!("{url}/v1/credentials");
    let (_dir, path) = file("pod-token", "pod-jwt");
    let path = path.to_str().unwrap();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path),
    ];
    // the front is also the proxy without which Route 53 is not reached: nobody is there (RFC 2606)
    lab.front.serve("CONNECT ", Reply::new(502, ""));
    let values = [
        ("endpoint", "https://route53.invalid", false),
        ("extra-files", path, false),
        ("proxy", url.as_str(), false),
    ];
    let provider = provider(&lab, &values, &variables, false);
    let failed = provider.present(&[lab.record("", "v")], LONG).await;
    let said = format!("{failed:?}");
    assert!(said.contains("cannot connect to route53.invalid"), "{said}");
    assert!(
        !lab.front.seen_of("CONNECT ").is_empty(),
        "the proxy was asked for Route 53"
    );
    let asked = lab.front.seen_of("GET /v1/credentials");
    assert_eq!(asked[0].headers["authorization"], "pod-jwt");
    assert_eq!(asked[0].path, "/v1/credentials", "no proxy is between");
}

#[tokio::test]
async fn an_sso_profile_uses_the_cached_token() {
    let lab = Lab::new().await;
    let url = lab.front.url();
    // sha1 of the start URL, as `aws sso login` names it
    let (home, config) = file(
        ".aws/config",
        "[default]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n\
         sso_account_id = 123456789012\nsso_role_name = dns\n",
    );
    let cached = home
        .path()
        .join(".aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json");
    fs::create_dir_all(cached.parent().unwrap()).unwrap();
    fs::write(
        &cached,
        r#"{"accessToken":"sso-token","expiresAt":"2099-01-01T00:00:00Z"}"#,
    )
    .unwrap();
    let roles = r#"{"roleCredentials":{"accessKeyId":"AKIDSSO","secretAccessKey":"s","sessionToken":"sso-session","expiration":4070908800000}}"#;
    lab.front
        .serve("GET /federation/credentials", Reply::new(200, roles));
    let values = [
        ("config-file", config.to_str().unwrap(), false),
        ("extra-files", cached.to_str().unwrap(), false),
    ];
    let variables = [
        ("HOME", home.path().to_str().unwrap()),
        ("AWS_ENDPOINT_URL_SSO", url.as_str()),
    ];
    let seen = change(&lab, &provider(&lab, &values, &variables, false)).await;
    assert_eq!((seen.key.as_str(), token(&seen)), ("AKIDSSO", "sso-session"));
    let asked = lab.front.seen_of("GET /federation/credentials");
    assert_eq!(asked[0].headers["x-amz-sso_bearer_token"], "sso-token");
    // without the file there is no more to see than that
    fs::remove_file(&cached).unwrap();
    let gone = provider(&lab, &values, &variables, false);
    let failure = refused(
        &gone,
        lab.record("", "w"),
        FailureClass::Auth,
        &["profile", "sso/cache"],
    )
    .await;
    assert!(!failure.message.contains("sso-token"), "{}", failure.message);
}

#[tokio::test]
async fn without_any_the_operator_reads_what_was_tried() {
    let lab = Lab::new().await;
    let nobody = format!("http://127.0.0.1:{}", lab::process::free_port().unwrap());
    let imds = [("imds-endpoint", nobody.as_str(), false)];
    let words = ["no AWS credentials", "instance metadata"];
    refused(
        &provider(&lab, &imds, &[], false),
        lab.record("", "v"),
        FailureClass::Auth,
        &words,
    )
    .await;
    let (_dir, config) = file("config", "[default]\nregion = eu-west-1\n");
    let empty = [("config-file", config.to_str().unwrap(), false)];
    let words = ["no AWS credentials", "profile"];
    refused(
        &provider(&lab, &empty, &[], false),
        lab.record("", "v"),
        FailureClass::Auth,
        &words,
    )
    .await;
    let asked = [("credentials", "container", false)];
    let words = ["no AWS credentials", "container"];
    refused(
        &provider(&lab, &asked, &[], false),
        lab.record("", "v"),
        FailureClass::Auth,
        &words,
    )
    .await;
}
