//! Loopback addresses of a test's own, all with one port as on the internet, and what stands on them.
//!
//! `named` listens only on addresses that an interface has, so each one has a port of its own on 127.0.0.1, and a
//! relay on its public address passes everything on.

use std::{
    io,
    net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

/// Addresses of 127.0.0.0/8 in use are numbered from 1 to this.
const HOSTS: u8 = 9;

/// A /24 of loopback and one port that is free on all its addresses in use, on 127.0.0.1 and on `::1`.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    net: [u8; 3],
    port: u16,
}

impl Site {
    /// Another one at each call; several tests and test processes run at once.
    ///
    /// # Errors
    /// Without a free port.
    pub fn new() -> io::Result<Site> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(37);
        let net = [127, 128 | (high & 63), low ^ step];
        loop {
            let port = net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            let site = Site { net, port };
            let free = |address: SocketAddr| net::TcpListener::bind(address).is_ok();
            if (1..=HOSTS).all(|host| free(site.at(host))) && free(site.six()) && free(site.loopback()) {
                return Ok(site);
            }
        }
    }

    /// Where host `host` is found, 1 to 9.
    pub fn at(&self, host: u8) -> SocketAddr {
        (self.ip(host), self.port).into()
    }

    /// The address of host `host`, 1 to 9.
    pub fn ip(&self, host: u8) -> IpAddr {
        Ipv4Addr::new(self.net[0], self.net[1], self.net[2], host).into()
    }

    /// The only address of the other family.
    pub fn six(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port).into()
    }

    /// 127.0.0.1.
    pub fn loopback(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The one port of all its addresses.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `text` with each `{N}` replaced by the address of host N.
    pub fn fill(&self, text: &str) -> String {
        (1..=HOSTS).fold(text.to_owned(), |text, host| {
            text.replace(&format!("{{{host}}}"), &self.ip(host).to_string())
        })
    }
}

/// What passes a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// All of it.
    Everything,
    /// Datagrams come in and are lost, as behind a filter that was set up in haste.
    TcpOnly,
}

/// Passes what comes to one address on to another, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Stands on `at` from now on.
    ///
    /// # Errors
    /// When somebody stands there.
    pub async fn start(at: SocketAddr, server: SocketAddr, passes: Passes) -> io::Result<Relay> {
        let udp = Arc::new(UdpSocket::bind(at).await?);
        let tcp = TcpListener::bind(at).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = udp.recv_from(&mut buffer).await {
                if passes == Passes::Everything {
                    tokio::spawn(datagram(
                        Arc::clone(&udp),
                        buffer[..length].to_vec(),
                        client,
                        server,
                    ));
                }
            }
        });
        tasks.spawn(async move {
            while let Ok((mut client, _)) = tcp.accept().await {
                tokio::spawn(async move {
                    // without a server the client's connection is closed
                    let mut server = TcpStream::connect(server).await?;
                    // either side may reset it
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(Relay { _tasks: tasks })
    }
}

async fn datagram(
    here: Arc<UdpSocket>,
    query: Vec<u8>,
    client: SocketAddr,
    server: SocketAddr,
) -> io::Result<()> {
    let onward = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    onward.connect(server).await?;
    onward.send(&query).await?;
    let mut answer = [0; 4096];
    let length = timeout(Duration::from_secs(5), onward.recv(&mut answer)).await??;
    here.send_to(answer.get(..length).unwrap_or_default(), client)
        .await?;
    Ok(())
}
