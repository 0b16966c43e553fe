//! Connections with TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::serve::Listener;
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

use crate::ca::{ServerIdentity, acceptor};

/// For a client that connects and says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct TlsListener {
    tcp: TcpListener,
    acceptor: SslAcceptor,
}

impl TlsListener {
    pub(super) fn new(tcp: TcpListener, identity: &ServerIdentity) -> io::Result<Self> {
        let acceptor = acceptor(identity).map_err(io::Error::other)?;
        Ok(Self { tcp, acceptor })
    }

    async fn handshake(&self, stream: TcpStream) -> Option<Pin<Box<SslStream<TcpStream>>>> {
        let ssl = Ssl::new(self.acceptor.context()).ok()?;
        let mut stream = Box::pin(SslStream::new(ssl, stream).ok()?);
        let done = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.as_mut().accept()).await;
        matches!(done, Ok(Ok(()))).then_some(stream)
    }
}

impl Listener for TlsListener {
    type Io = Pin<Box<SslStream<TcpStream>>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // axum's own listener waits out what makes this fail
            let (stream, addr) = Listener::accept(&mut self.tcp).await;
            if let Some(stream) = self.handshake(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
