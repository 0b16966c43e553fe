//! How the service is reached from inside the sandbox: names, TLS, IPv6.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};

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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = mpsc::channel();
    // it opens no way, and tells what was asked of it
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            if told.send(line).is_err() {
                break;
            }
            _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
        }
    });
    // nobody is there (RFC 2606): only the proxy can have been asked
    let values = [
        ("api-token", "s3cr3t-token-of-cloudflare", true),
        ("base-url", "https://api.invalid/client/v4", false),
    ];
    let one = [record("example.test", "v")];
    let mut by_option = values.to_vec();
    by_option.push(("proxy", &proxy, false));
    failure(instance("cloudflare", &by_option).present(&one, LONG).await);
    assert_eq!(asked.try_recv().unwrap(), "CONNECT api.invalid:443 HTTP/1.1\r\n");

    let state = Arc::new(MemoryState::default());
    let by_variable = instance_with("cloudflare", &values, state, |options| {
        options.environment.insert("HTTPS_PROXY".to_owned(), proxy);
    });
    while asked.try_recv().is_ok() {}
    failure(by_variable.present(&one, LONG).await);
    assert_eq!(asked.try_recv().unwrap(), "CONNECT api.invalid:443 HTTP/1.1\r\n");

    while asked.try_recv().is_ok() {}
    let by_none = failure(instance("cloudflare", &values).present(&one, LONG).await);
    assert!(
        by_none.message.starts_with("api.invalid has no address"),
        "{}",
        by_none.message
    );
    assert!(asked.try_recv().is_err());
}

/// A proxy that opens the way; it tells which.
fn tunnel() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let target = request.split(' ').nth(1).unwrap().to_owned();
            let mut onward = TcpStream::connect(&target).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            if told.send(request).is_err() {
                break;
            }
            let (mut back, mut to) = (onward.try_clone().unwrap(), stream.try_clone().unwrap());
            // either ends when its side does
            std::thread::spawn(move || std::io::copy(&mut back, &mut to));
            std::thread::spawn(move || std::io::copy(&mut stream, &mut onward));
        }
    });
    (proxy, asked)
}

#[tokio::test]
async fn a_record_is_published_through_a_proxy() {
    let identity = ServerIdentity::loopback().expect("a certificate");
    let scene = Scene::around(Cloudflare::start_tls(&identity).await.expect("a port"));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("root.pem");
    std::fs::write(&file, &identity.root_pem).expect("a file");
    let base = scene.double.base_url();
    let (proxy, asked) = tunnel();
    let values = [
        ("api-token", scene.token.as_str(), true),
        ("base-url", base.as_str(), false),
        ("ca-file", file.to_str().expect("a path"), false),
    ];
    let mut by_option = values.to_vec();
    by_option.push(("proxy", &proxy, false));
    present(
        &instance("cloudflare", &by_option),
        &[record("example.test", "option")],
    )
    .await;
    let way = asked.try_recv().expect("the proxy was asked");
    assert!(way.starts_with("CONNECT 127.0.0.1:"), "{way}");

    while asked.try_recv().is_ok() {}
    let state = Arc::new(MemoryState::default());
    let by_variable = instance_with("cloudflare", &values, state, |options| {
        options
            .environment
            .insert("HTTPS_PROXY".to_owned(), proxy.clone());
    });
    present(&by_variable, &[record("example.test", "variable")]).await;
    asked.try_recv().expect("the proxy was asked");
    assert_eq!(scene.double.txt(NAME), ["option", "variable"]);
}
