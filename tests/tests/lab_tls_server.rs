//! The TLS server follows a live symlink and never drops a handshake on the way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::pin::Pin;

use lab::ca::ServerIdentity;
use lab::tls_server::{TlsServer, TlsServerError};
use openssl::ssl::{Ssl, SslContext, SslMethod};
use openssl::x509::X509;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// Writes a generation and makes it the live one; gives its serial.
fn switch(dir: &Path, generation: u32) -> String {
    let identity = ServerIdentity::loopback().unwrap();
    let home = dir.join(generation.to_string());
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("chain.pem"), &identity.certificate_pem).unwrap();
    std::fs::write(home.join("key.pem"), &identity.key_pem).unwrap();
    symlink(&home, dir.join("next")).unwrap();
    std::fs::rename(dir.join("next"), dir.join("live")).unwrap();
    let leaf = X509::from_pem(identity.certificate_pem.as_bytes()).unwrap();
    leaf.serial_number()
        .to_bn()
        .unwrap()
        .to_hex_str()
        .unwrap()
        .to_lowercase()
}

async fn connect(addr: SocketAddr) -> SslStream<TcpStream> {
    // no SslConnector: it would read the system's roots for each connection
    let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let ssl = Ssl::new(&context).unwrap();
    let tcp = TcpStream::connect(addr).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut stream = SslStream::new(ssl, tcp).unwrap();
    Pin::new(&mut stream).connect().await.unwrap();
    stream
}

async fn ask(stream: &mut SslStream<TcpStream>) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.contains("served with certificate") || !answer.ends_with('\n') {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "the connection ended after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    answer
}

fn served(stream: &SslStream<TcpStream>) -> String {
    let leaf = stream.ssl().peer_certificate().unwrap();
    leaf.serial_number()
        .to_bn()
        .unwrap()
        .to_hex_str()
        .unwrap()
        .to_lowercase()
}

async fn start(dir: &Path) -> Result<TlsServer, TlsServerError> {
    let live = dir.join("live");
    TlsServer::start(
        "127.0.0.1:0".parse().unwrap(),
        &live.join("chain.pem"),
        &live.join("key.pem"),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_symlink_is_served_at_once_and_open_connections_live_on() {
    let dir = tempfile::tempdir().unwrap();
    let first = switch(dir.path(), 1);
    let server = start(dir.path()).await.unwrap();
    let mut old = connect(server.addr()).await;
    assert_eq!(served(&old), first);
    assert!(ask(&mut old).await.contains(&first));

    let second = switch(dir.path(), 2);
    assert_eq!(served(&connect(server.addr()).await), second);
    assert!(ask(&mut old).await.contains(&first));
    assert_eq!(
        (server.handshakes(), server.failures(), server.switches()),
        (2, 0, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_handshake_fails_while_certificates_change() {
    let dir = tempfile::tempdir().unwrap();
    switch(dir.path(), 0);
    let server = start(dir.path()).await.unwrap();
    let addr = server.addr();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..50 {
                    ask(&mut connect(addr).await).await;
                }
            })
        })
        .collect();
    for generation in 1..=20 {
        switch(dir.path(), generation);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!((server.handshakes(), server.failures()), (200, 0));
    assert!(server.switches() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_pair_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let first = switch(dir.path(), 1);
    let server = start(dir.path()).await.unwrap();
    let stranger = ServerIdentity::loopback().unwrap();
    std::fs::write(dir.path().join("live/key.pem"), stranger.key_pem).unwrap();
    assert_eq!(served(&connect(server.addr()).await), first);
    let refused = start(dir.path()).await.unwrap_err();
    assert!(matches!(refused, TlsServerError::Pair { .. }), "{refused}");
    let missing = start(&dir.path().join("nowhere")).await.unwrap_err();
    assert!(matches!(missing, TlsServerError::File { .. }), "{missing}");
}
