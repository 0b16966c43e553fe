//! A server behind TLS that does on each connection what a test says.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dns01d::dns::{Channel, Endpoint, Network, Transport as _};
use lab::ca::ServerIdentity;
use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslAcceptor, SslMethod},
    x509::X509,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_openssl::SslStream;

use super::{
    super::primary::name,
    scripted::{Step, converse},
};

/// Longer than reading the system's trust roots takes.
const WARMING: Duration = Duration::from_secs(1);

type Stream = std::pin::Pin<Box<SslStream<TcpStream>>>;

/// A server behind TLS, and a client that trusts it.
pub struct Lab {
    pub network: Network,
    address: SocketAddr,
    _root: TempDir,
    _tasks: JoinSet<()>,
}

impl Lab {
    async fn start<F>(is_https: bool, serve: impl Fn(Stream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let identity = ServerIdentity::loopback().unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        let certificate = X509::from_pem(identity.certificate_pem.as_bytes()).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        let key = PKey::private_key_from_pem(identity.key_pem.as_bytes()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream =
                    Box::pin(SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap());
                // a client that leaves at its deadline
                if stream.as_mut().accept().await.is_ok() {
                    streams.spawn(serve(stream));
                }
            }
        });
        let root = tempfile::tempdir().unwrap();
        let ca_file = root.path().join("root.pem");
        std::fs::write(&ca_file, &identity.root_pem).unwrap();
        let lab = Lab {
            address,
            network: Network::new(Some(ca_file)),
            _root: root,
            _tasks: tasks,
        };
        // reading the system's trust roots takes a good part of the deadline, once
        let endpoint = if is_https { lab.https() } else { lab.tls() };
        drop(lab.network.ask(&endpoint, &super::question(), WARMING).await);
        lab
    }

    /// DNS over TLS.
    pub async fn dot(script: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let script = Arc::new(script);
        Lab::start(false, move |stream| {
            let script = Arc::clone(&script);
            async move { converse(stream, |query| script(query)).await }
        })
        .await
    }

    /// DNS over HTTPS: each request is answered with these octets.
    pub async fn doh(response: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let response = Arc::new(response);
        Lab::start(true, move |stream| {
            let response = Arc::clone(&response);
            async move { serve_http(stream, |query| response(query)).await }
        })
        .await
    }

    fn endpoint(&self, channel: Channel) -> Endpoint {
        Endpoint {
            address: self.address,
            channel,
        }
    }

    pub fn tls(&self) -> Endpoint {
        self.endpoint(Channel::Tls { name: None })
    }

    pub fn https(&self) -> Endpoint {
        self.endpoint(Channel::Https {
            name: Some(name("localhost")),
            path: "/dns-query".into(),
        })
    }
}

async fn serve_http(mut stream: Stream, response: impl Fn(&[u8]) -> Vec<Step>) {
    let mut request = Vec::new();
    let body = loop {
        let mut octets = [0; 4096];
        match stream.read(&mut octets).await {
            Ok(length @ 1..) => request.extend_from_slice(&octets[..length]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&request);
        let Some(head) = text.find("\r\n\r\n") else {
            continue;
        };
        let length = text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let is_length = key.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().unwrap())
        });
        let (head, length) = (head + 4, length.expect("a length"));
        if request.len() >= head + length {
            break request[head..head + length].to_vec();
        }
    };
    for step in response(&body) {
        match step {
            Step::Raw(octets) => {
                if stream.write_all(&octets).await.is_err() {
                    return;
                }
            }
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Stay => std::future::pending().await,
            Step::Send(_) | Step::Elsewhere(_) => {}
        }
        drop(stream.flush().await);
    }
    drop(stream.shutdown().await);
}
