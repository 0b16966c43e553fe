//! How the service is reached from inside the sandbox: names, TLS, IPv6.

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::ca::ServerIdentity;
use lab::cloudflare::Cloudflare;

use super::{Scene, failure};
use crate::instance::{LONG, present, record};

const NAME: &str = "_acme-challenge.example.test";

#[tokio::test]
async fn an_ipv6_only_service_is_as_good() {
    let double = Cloudflare::start_on("[::1]:0").await.expect("IPv6 on loopback");
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
    let distrusted = failure(scene.provider(&[]).present(&records, LONG).await);
    assert_eq!(distrusted.class, FailureClass::Transient);
    for word in ["is not trusted", "localhost", "`ca-file`"] {
        assert!(distrusted.message.contains(word), "{}", distrusted.message);
    }
    assert!(scene.double.requests().is_empty());

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("root.pem");
    std::fs::write(&file, &identity.root_pem).expect("a file");
    let provider = scene.provider(&[("ca-file", file.to_str().expect("a path"))]);
    present(&provider, &records).await;
    assert_eq!(scene.double.txt(NAME), ["safe"]);
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    let scene = Scene::start().await;
    // reserved for this (RFC 6761 section 6.4)
    let nowhere = scene.provider_at("https://api.invalid/client/v4");
    let failed = failure(nowhere.present(&[record("example.test", "v")], LONG).await);
    assert_eq!(failed.class, FailureClass::Transient);
    assert!(
        failed.message.starts_with("api.invalid has no address"),
        "{}",
        failed.message
    );
}
