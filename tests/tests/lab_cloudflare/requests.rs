//! Requests by hand: what no well-made client sends is refused too.

use lab::cloudflare::{Cloudflare, Rights};
use serde_json::{Value, json};

struct Lab {
    double: Cloudflare,
    zone: String,
    token: String,
}

impl Lab {
    async fn start() -> Self {
        let double = Cloudflare::start().await.unwrap();
        let zone = double.add_zone("example.org");
        let token = double.add_token(Rights {
            dns_edit: true,
            zone_read: true,
            ..Rights::default()
        });
        Self { double, zone, token }
    }

    /// Status, code of the first error, and the code below it.
    async fn refused(&self, method: &str, path: &str, body: Option<Value>) -> (u16, i64, i64) {
        let url = format!("{}{path}", self.double.base_url());
        let request = reqwest::Client::new().request(method.parse().unwrap(), url);
        let request = request.bearer_auth(&self.token);
        let answer = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["success"], json!(status < 300), "{body}");
        let error = &body["errors"][0];
        let below = error["error_chain"][0]["code"].as_i64();
        (status, error["code"].as_i64().unwrap_or(0), below.unwrap_or(0))
    }

    async fn post(&self, body: Value) -> (u16, i64, i64) {
        let path = format!("/zones/{}/dns_records", self.zone);
        self.refused("POST", &path, Some(body)).await
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"type": "TXT", "name": "x.example.org", "content": "\"x\"", "ttl": 60});
    body[field] = value;
    body
}

#[tokio::test]
async fn every_field_is_checked_by_name_type_and_range() {
    let lab = Lab::start().await;
    for (body, expected) in [
        (with("colour", json!("red")), (400, 9207, 0)),
        (with("ttl", json!("60")), (400, 9207, 0)),
        (with("ttl", json!(60.5)), (400, 9207, 0)),
        (with("ttl", json!(86_401)), (400, 1004, 9021)),
        (with("ttl", Value::Null), (400, 9207, 0)),
        (with("type", json!("SRV")), (400, 9207, 0)),
        (with("type", json!("A")), (400, 1004, 9005)),
        (with("name", json!("x.example.com")), (400, 1004, 9000)),
        (with("name", json!("x".repeat(64))), (400, 1004, 9000)),
        (with("content", json!("")), (400, 1004, 9009)),
        (with("content", json!("\"x\" y")), (400, 1004, 9010)),
        (
            with("content", json!(format!("\"{}\"", "x".repeat(256)))),
            (400, 1004, 9011),
        ),
        (with("comment", json!("two\nlines")), (400, 1004, 9314)),
        (with("settings", json!({"ipv4_only": "yes"})), (400, 9207, 0)),
    ] {
        assert_eq!(lab.post(body.clone()).await, expected, "{body}");
    }
    assert!(lab.double.records(&lab.zone).is_empty());
    assert_eq!(
        lab.post(with("comment", json!("c".repeat(100)))).await,
        (200, 0, 0)
    );
    assert_eq!(lab.post(with("comment", json!("other"))).await, (400, 81058, 0));
}

#[tokio::test]
async fn paths_methods_queries_and_bodies_must_be_known() {
    let lab = Lab::start().await;
    let records = format!("/zones/{}/dns_records", lab.zone);
    for (method, path, expected) in [
        ("GET", "/zone".to_owned(), (400, 7003)),
        ("PATCH", records.clone(), (405, 7001)),
        ("GET", format!("{records}?nmae=x"), (400, 9207)),
        ("GET", format!("{records}?page=0"), (400, 9207)),
        ("GET", format!("{records}?match=some"), (400, 9207)),
        ("GET", "/zones?per_page=4".to_owned(), (400, 9207)),
        ("POST", records.clone(), (400, 9207)),
        ("DELETE", format!("{records}/1"), (400, 7003)),
        ("GET", format!("{records}/{}", "0".repeat(32)), (404, 81044)),
    ] {
        let (status, code, _) = lab.refused(method, &path, None).await;
        assert_eq!((status, code), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_batch_has_its_limit_and_undoes_what_it_began() {
    let lab = Lab::start().await;
    let path = format!("/zones/{}/dns_records/batch", lab.zone);
    let post = |at: usize| json!({"type": "TXT", "name": format!("n{at}.example.org"), "content": "\"x\"", "ttl": 60});
    let posts = |count: usize| json!({"posts": (0..count).map(post).collect::<Vec<_>>()});
    for body in [
        posts(0),
        posts(201),
        json!({"post": []}),
        json!({"deletes": [{"name": "x"}]}),
    ] {
        assert_eq!(lab.refused("POST", &path, Some(body)).await, (400, 9207, 0));
    }
    let twice = json!({"posts": [post(1), post(2), post(1)]});
    assert_eq!(lab.refused("POST", &path, Some(twice)).await, (400, 81058, 0));
    assert!(lab.double.records(&lab.zone).is_empty());
    assert_eq!(lab.refused("POST", &path, Some(posts(200))).await, (200, 0, 0));
    assert_eq!(lab.double.records(&lab.zone).len(), 200);

    lab.double.knobs().update(|knobs| knobs.records = 200);
    let one_out = json!({"deletes": [{"id": lab.double.records(&lab.zone)[0].id}], "posts": [post(300)]});
    assert_eq!(lab.refused("POST", &path, Some(one_out)).await, (200, 0, 0));
    assert_eq!(lab.post(with("ttl", json!(1))).await, (400, 81045, 0));
}

#[tokio::test]
async fn without_a_good_authorization_nothing_is_told() {
    let lab = Lab::start().await;
    let http = reqwest::Client::new();
    let url = format!("{}/zones", lab.double.base_url());
    for (name, value, expected) in [
        ("accept", "*/*", (400, 9106)),
        ("authorization", "Basic eDp5", (400, 6003)),
        ("authorization", "Bearer short", (400, 6003)),
        ("x-auth-key", "144c9defac04969c7bfad8efaa8ea194fe7e6", (400, 6003)),
    ] {
        let answer = http.get(&url).header(name, value).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((status, body["errors"][0]["code"].as_i64().unwrap()), expected);
    }
}
