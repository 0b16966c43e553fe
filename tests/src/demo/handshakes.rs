use std::{collections::BTreeSet, net::SocketAddr, pin::Pin, time::Duration};

use openssl::{
    ssl::{SslConnector, SslMethod},
    x509::{X509, store::X509StoreBuilder},
};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_openssl::SslStream;
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// Between two handshakes.
const PACE: Duration = Duration::from_millis(20);

/// A client that makes one verified TLS handshake after the other.
pub(super) struct Handshakes {
    stop: CancellationToken,
    task: JoinHandle<Seen>,
}

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) done: u32,
    pub(super) failed: u32,
    pub(super) serials: BTreeSet<String>,
}

impl Handshakes {
    pub(super) fn start(server: SocketAddr, host: &'static str, root: &str) -> Result<Self, Failure> {
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(X509::from_pem(root.as_bytes())?)?;
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        connector.set_verify_cert_store(store.build())?;
        let connector = connector.build();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !stopped.is_cancelled() {
                match handshake(&connector, server, host).await {
                    Ok(serial) => {
                        seen.done += 1;
                        seen.serials.insert(serial);
                    }
                    Err(error) => {
                        println!("    a handshake failed: {error}");
                        seen.failed += 1;
                    }
                }
                tokio::time::sleep(PACE).await;
            }
            seen
        });
        Ok(Handshakes { stop, task })
    }

    pub(super) async fn stop(self) -> Result<Seen, Failure> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

async fn handshake(connector: &SslConnector, server: SocketAddr, host: &str) -> Result<String, String> {
    let stream = TcpStream::connect(server)
        .await
        .map_err(|error| error.to_string())?;
    let ssl = connector
        .configure()
        .and_then(|config| config.into_ssl(host))
        .map_err(|error| error.to_string())?;
    let mut stream = SslStream::new(ssl, stream).map_err(|error| error.to_string())?;
    Pin::new(&mut stream)
        .connect()
        .await
        .map_err(|error| error.to_string())?;
    let certificate = stream.ssl().peer_certificate().ok_or("no certificate")?;
    let serial = certificate
        .serial_number()
        .to_bn()
        .and_then(|number| number.to_hex_str());
    serial
        .map(|serial| serial.to_string())
        .map_err(|error| error.to_string())
}
