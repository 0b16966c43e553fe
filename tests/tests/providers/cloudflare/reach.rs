//! How the service is reached from inside the sandbox: names, TLS, IPv6.

use std::sync::Arc;

use dns01d::plugin::{FailureClass, MemoryState, ProviderClient as _};
use lab::ca::ServerIdentity;
use lab::cloudflare::Cloudflare;

use super::{Scene, failure};
use crate::instance::{LONG, instance, instance_with, present, record};

const NAME: &str = "_acme-challenge.example.test";

#[tokio::test]
async fn an_ipv6_only_service_is_as_good() {
    let double = Cloudflare::start_ipv6().await.expect("IPv6 on loopback");
    let scene = Scene::around(double);
    assert!(scene.double.base_url().starts_with("http://[::1]:"));
    present(&scene.provider(&[]), &[record("example.test", "six")]).await;
    assert_eq!(scene.double.txt(NAME), ["six"]);
}

#[tokio::test]
async fn tls_is_checked_against_the_systems_roots_and_those_of_ca_file() {
    let identity = ServerIdentity::loopback().expect("a certificate");
    let scene = Scene::around(Cloudflare::start_tls(&identity).await.expect("a port"));
    let records = [record("example.test", "safe")];
    // by name: found in /etc/hosts, and in the certificate
    let base = scene.double.base_url().replace("127.0.0.1", "localhost");
    let distrusted = failure(scene.provider_at(&base, &[]).present(&records, LONG).await);
    assert_eq!(distrusted.class, FailureClass::Transient);
    for word in ["is not trusted", "localhost", "`ca-file`"] {
        assert!(distrusted.message.contains(word), "{}", distrusted.message);
    }
    assert!(scene.double.requests().is_empty());

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("root.pem");
    std::fs::write(&file, &identity.root_pem).expect("a file");
    let provider = scene.provider_at(&base, &[("ca-file", file.to_str().expect("a path"))]);
    present(&provider, &records).await;
    assert_eq!(scene.double.txt(NAME), ["safe"]);
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    let scene = Scene::start().await;
    // reserved for this (RFC 6761 section 6.4)
    let nowhere = scene.provider_at("https://api.invalid/client/v4", &[]);
    let failed = failure(nowhere.present(&[record("example.test", "v")], LONG).await);
    assert_eq!(failed.class, FailureClass::Transient);
    assert!(
        failed.message.starts_with("api.invalid has no address"),
        "{}",
        failed.message
    );
}
#[tokio::test]
async fn a_proxy_is_used_by_option_or_by_a_variable_that_the_instance_lists() {
    let scene = Scene::start().await;
    let proxy = scene.double.base_url().replace("/client/v4", "");
    // nobody is there: only the proxy can have answered
    let base = "http://127.0.0.1:9/client/v4";
    let values = [
        ("api-token", scene.token.as_str(), true),
        ("base-url", base, false),
    ];
    let mut by_option = values.to_vec();
    by_option.push(("proxy", &proxy, false));
    present(
        &instance("cloudflare", &by_option),
        &[record("example.test", "option")],
    )
    .await;

    let state = Arc::new(MemoryState::default());
    let by_variable = instance_with("cloudflare", &values, state, |options| {
        options.environment.insert("HTTP_PROXY".to_owned(), proxy);
    });
    present(&by_variable, &[record("example.test", "variable")]).await;
    assert_eq!(scene.double.txt(NAME), ["option", "variable"]);

    let by_none = failure(
        instance("cloudflare", &values)
            .present(&[record("example.test", "v")], LONG)
            .await,
    );
    assert!(
        by_none.message.starts_with("cannot connect to 127.0.0.1:9"),
        "{}",
        by_none.message
    );
}
