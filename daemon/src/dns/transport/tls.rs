//! Questions over TLS (RFC 7858).

use std::{collections::HashMap, path::PathBuf, pin::Pin, time::Duration};

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslConnector, SslMethod, SslVersion},
    x509::X509,
};
use parking_lot::Mutex;
use tokio::{net::TcpStream, sync::OnceCell, time::Instant};
use tokio_openssl::SslStream;

use super::{Answer, Endpoint, Failure, Question, tcp};
use crate::types::DnsName;

/// How long a connection is kept for the next question; servers close idle ones after some seconds (RFC 7858 3.4).
const IDLE: Duration = Duration::from_secs(5);

type Stream = Pin<Box<SslStream<TcpStream>>>;

/// Connections to encrypted resolvers.
#[derive(Default)]
pub(super) struct Connections {
    ca_file: Option<PathBuf>,
    connector: OnceCell<SslConnector>,
    /// The last one of each, until it is used or too old.
    idle: Mutex<HashMap<Endpoint, (Stream, Instant)>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(ca_file: Option<PathBuf>) -> Self {
        Connections {
            ca_file,
            ..Connections::default()
        }
    }

    /// Asks once, on a connection that is open already where there is one. The caller holds the deadline.
    pub(super) async fn exchange(
        &self,
        server: &Endpoint,
        name: Option<&DnsName>,
        question: &Question,
        edns: bool,
    ) -> Result<Answer, Failure> {
        if let Some(mut stream) = self.open(server)
            && let Ok(answer) = tcp::converse(&mut stream, question, edns).await
        {
            self.keep(server, stream);
            return Ok(answer);
        }
        let mut stream = self.connect(server, name).await?;
        let answer = tcp::converse(&mut stream, question, edns).await?;
        self.keep(server, stream);
        Ok(answer)
    }

    fn open(&self, server: &Endpoint) -> Option<Stream> {
        let (stream, since) = self.idle.lock().remove(server)?;
        (since.elapsed() < IDLE).then_some(stream)
    }

    fn keep(&self, server: &Endpoint, stream: Stream) {
        let mut idle = self.idle.lock();
        idle.retain(|_, (_, since)| since.elapsed() < IDLE);
        idle.insert(server.clone(), (stream, Instant::now()));
    }

    async fn connect(&self, server: &Endpoint, name: Option<&DnsName>) -> Result<Stream, Failure> {
        let connector = self.connector.get_or_try_init(|| self.connector()).await?;
        let whom = name.map_or_else(|| server.address.ip().to_string(), ToString::to_string);
        // checks the name, or the address when it is one
        let ssl = connector
            .configure()
            .and_then(|configuration| configuration.into_ssl(&whom))
            .map_err(|error| refused(&error))?;
        let stream = TcpStream::connect(server.address)
            .await
            .map_err(|error| Failure::of_socket(&error))?;
        handshake(ssl, stream).await
    }

    /// Off the runtime's threads: reading the system's roots takes OpenSSL some 50 ms.
    async fn connector(&self) -> Result<SslConnector, Failure> {
        let ca_file = self.ca_file.clone();
        let build = move || {
            let mut builder =
                SslConnector::builder(SslMethod::tls_client()).map_err(|error| refused(&error))?;
            builder
                .set_min_proto_version(Some(SslVersion::TLS1_2))
                .map_err(|error| refused(&error))?;
            if let Some(path) = ca_file {
                let unusable = |why: &dyn std::fmt::Display| {
                    Failure::Tls(format!("the trust roots {}: {why}", path.display()))
                };
                let pem = std::fs::read(&path).map_err(|error| unusable(&error))?;
                for root in X509::stack_from_pem(&pem).map_err(|error| unusable(&error))? {
                    builder
                        .cert_store_mut()
                        .add_cert(root)
                        .map_err(|error| unusable(&error))?;
                }
            }
            Ok(builder.build())
        };
        tokio::task::spawn_blocking(build)
            .await
            .map_err(|error| Failure::Tls(error.to_string()))?
    }
}

async fn handshake(ssl: Ssl, stream: TcpStream) -> Result<Stream, Failure> {
    let mut stream = Box::pin(SslStream::new(ssl, stream).map_err(|error| refused(&error))?);
    match stream.as_mut().connect().await {
        Ok(()) => Ok(stream),
        Err(error) => {
            let verdict = stream.ssl().verify_result();
            // OpenSSL's own words for a certificate begin with where in its source they stand
            Err(if verdict != openssl::x509::X509VerifyResult::OK {
                Failure::Tls(format!(
                    "its certificate is not trusted: {}",
                    verdict.error_string()
                ))
            } else {
                match error.into_io_error() {
                    Ok(error) => tcp::of_stream(error),
                    Err(error) => Failure::Tls(error.to_string()),
                }
            })
        }
    }
}

fn refused(error: &ErrorStack) -> Failure {
    Failure::Tls(error.to_string())
}
