//! The dnsapi convention of acme.sh, on a tree of the tests' own: see [`acme_sh_tree`].

use std::{fs, sync::Arc};

use dns01d::plugin::FailureClass;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    NAME, refused,
    stage::{Stage, acme_sh_tree, bind},
};
use crate::instance::{LONG, present, record, remove};

const TOKEN: &str = "s3cr3t \"t0k3n\" \\of the=api & more";

#[tokio::test]
async fn a_dnsapi_writes_and_removes_each_record() {
    let (bind, key, update) = bind().await;
    let stage = Stage::new();
    let api = format!(
        r#"#!/usr/bin/env sh
{update}
dns_test_add() {{
  TEST_Key="${{TEST_Key:-$(_readaccountconf_mutable TEST_Key)}}"
  [ "$TEST_Key" ] || {{ _err "no TEST_Key"; return 1; }}
  _saveaccountconf_mutable TEST_Key "$TEST_Key"
  _info "Adding record"
  update "$TEST_Key" "add $1 60 TXT $2"
}}
dns_test_rm() {{
  update "$TEST_Key" "delete $1 TXT $2"
}}
"#
    );
    let tree = acme_sh_tree(&stage, &api);
    let provider = stage.instance(&[
        ("convention", "acme-sh", false),
        ("tree", &tree, false),
        ("api", "dns_test", false),
        ("variables", &format!("TEST_Key={}", key.secret_base64()), true),
    ]);
    let records = [record("example.test", "apex"), record("example.test", "wildcard")];
    present(&provider, &records).await;
    assert_eq!(bind.txt(NAME).await.unwrap(), ["apex", "wildcard"]);
    remove(&provider, &records).await;
    assert!(bind.txt(NAME).await.unwrap().is_empty());
}

/// The server answers a request only after it has looked at every process that could show the secret.
#[tokio::test]
async fn credentials_reach_the_api_and_neither_command_lines_nor_environments() {
    let stage = Arc::new(Stage::new());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let api = format!(
        r#"#!/usr/bin/env sh
dns_test_add() {{
  export _H1="Authorization: Bearer $TEST_Token"
  export _H2="Accept: application/json"
  _get "http://127.0.0.1:{port}/zones" >/dev/null || return 1
  response="$(_post '{{"name": "'$1'", "value": "'$2'", "note": "a\b"}}' "http://127.0.0.1:{port}/records" "" PUT application/json)"
  _contains "$response" '"created"' || {{ _err "$response"; return 1; }}
}}
dns_test_rm() {{ :; }}
"#
    );
    let tree = acme_sh_tree(&stage, &api);
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let (seen, watched) = (Arc::clone(&requests), Arc::clone(&stage));
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            // the headers and a body, if there is one, come in one piece or two
            while !whole(&request) {
                assert!(socket.read_buf(&mut request).await.unwrap() > 0, "cut off");
            }
            seen.lock().push(String::from_utf8(request).unwrap());
            nothing_shows(&watched);
            let body = "{\"result\": \"created\"}";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let provider = stage.instance(&[
        ("convention", "acme-sh", false),
        ("tree", &tree, false),
        ("api", "dns_test", false),
        ("variables", &format!("TEST_Token={TOKEN}"), true),
        ("variables", "TEST_Other=x", true),
    ]);
    present(&provider, &[record("example.test", "value")]).await;
    server.await.unwrap();
    let requests = requests.lock();
    assert!(
        requests[0].starts_with("GET /zones HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[1].starts_with("PUT /records HTTP/1.1\r\n"),
        "{}",
        requests[1]
    );
    for request in requests.iter() {
        assert!(
            request.contains(&format!("Authorization: Bearer {TOKEN}\r\n")),
            "{request}"
        );
        assert!(request.contains("Accept: application/json\r\n"), "{request}");
        assert!(
            request.contains("User-Agent: acme.sh/3.0 (a tree of the tests)\r\n"),
            "{request}"
        );
    }
    assert!(requests[1].contains("Content-Type: application/json\r\n"));
    let body = r#"{"name": "_acme-challenge.example.test", "value": "value", "note": "a\b"}"#;
    assert!(requests[1].ends_with(body), "{}", requests[1]);
}

/// curl repeats the headers of a dnsapi wherever it is sent to, and so its credentials.
#[tokio::test]
async fn credentials_are_never_taken_along_to_an_address_in_clear() {
    let stage = Stage::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let there = elsewhere.local_addr().unwrap().port();
    let api = format!(
        r#"#!/usr/bin/env sh
dns_test_add() {{
  export _H1="X-Token: $TEST_Token"
  _get "http://127.0.0.1:{port}/zones"
}}
dns_test_rm() {{ :; }}
"#
    );
    let tree = acme_sh_tree(&stage, &api);
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !whole(&request) {
            assert!(socket.read_buf(&mut request).await.unwrap() > 0, "cut off");
        }
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{there}/\r\nContent-Length: \
             0\r\nConnection: close\r\n\r\n"
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let provider = stage.instance(&[
        ("convention", "acme-sh", false),
        ("tree", &tree, false),
        ("api", "dns_test", false),
        ("variables", &format!("TEST_Token={TOKEN}"), true),
    ]);
    let failure = tokio::select! {
        failure = refused(&provider, record("example.test", "v"), LONG) => failure,
        _ = elsewhere.accept() => panic!("curl went on in clear"),
    };
    // CURLE_UNSUPPORTED_PROTOCOL
    assert_eq!(failure.native_code, Some(1), "{failure}");
    assert!(failure.message.contains("Protocol \"http\""), "{failure}");
    server.await.unwrap();
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().expect("a number"))
}

fn nothing_shows(stage: &Stage) {
    assert!(stage.running("curl") > 0, "it waits for this answer");
    assert!(stage.running("bash") > 0);
    stage.assert_hidden("s3cr3t");
    stage.assert_hidden("TEST_Token");
}

#[tokio::test]
async fn a_tree_or_a_dnsapi_that_is_not_there_is_a_fault_of_the_configuration() {
    let stage = Stage::new();
    let tree = acme_sh_tree(&stage, "dns_test_add() { _err \"the api says no\"; return 1; }");
    let empty = stage.path("empty").display().to_string();
    fs::create_dir(&empty).unwrap();
    for (tree, api, class, word) in [
        (&empty, "dns_test", FailureClass::Config, "no acme.sh in"),
        (&tree, "dns_other", FailureClass::Config, "no dnsapi/dns_other.sh"),
        (&tree, "dns_test", FailureClass::Transient, "the api says no"),
    ] {
        let provider = stage.instance(&[
            ("convention", "acme-sh", false),
            ("tree", tree, false),
            ("api", api, false),
        ]);
        let failure = refused(&provider, record("example.test", "v"), LONG).await;
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.contains(word), "{failure}");
    }
    // a function that the file lacks
    let provider = stage.instance(&[
        ("convention", "acme-sh", false),
        ("tree", &tree, false),
        ("api", "dns_test", false),
    ]);
    let outcomes =
        dns01d::plugin::ProviderClient::remove(&provider, &[record("example.test", "v")], LONG).await;
    let failure = outcomes.expect("an answer").remove(0).expect_err("a failure");
    assert!(
        failure.message.contains("has no function dns_test_rm"),
        "{failure}"
    );
}
