//! BIND 9 on loopback addresses of the test's own; killed when dropped.
//!
//! `named` listens only on addresses that an interface has, which is 127.0.0.1,
//! while name servers found by name must share a port. So each one listens on a
//! port of its own, and a relay on its address passes everything on.

use std::{
    fs,
    net::{self, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use dns01d::{
    dns::{Kind, Network, Question, Transport},
    types::DnsName,
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::TXT},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

/// A /24 of loopback and one port that is free on all its addresses in use.
pub struct Site {
    net: [u8; 3],
    port: u16,
}

impl Site {
    /// Another one at each call; several tests and test processes run at once.
    pub fn new() -> Site {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let net = [
            127,
            64 | (high & 63),
            low ^ NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(37),
        ];
        loop {
            let socket =
                net::UdpSocket::bind((Ipv4Addr::new(net[0], net[1], net[2], 1), 0)).expect("a loopback port");
            let port = socket.local_addr().expect("an address").port();
            let site = Site { net, port };
            if (1..=4).all(|host| net::TcpListener::bind(site.at(host)).is_ok()) {
                return site;
            }
        }
    }

    pub fn at(&self, host: u8) -> SocketAddr {
        (
            Ipv4Addr::new(self.net[0], self.net[1], self.net[2], host),
            self.port,
        )
            .into()
    }

    pub fn ip(&self, host: u8) -> String {
        self.at(host).ip().to_string()
    }

    /// The one port of all its addresses.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A zone for [`Named::start`].
pub enum Zone<'a> {
    /// Apex and records below an SOA and `$TTL 60`; updates from loopback are taken.
    Primary(&'a str, String),
    /// A secondary that looks for changes once in two seconds and hears no NOTIFY.
    Secondary(&'a str, SocketAddr),
    /// For a recursive server: who is asked about a zone.
    Forward(&'a str, SocketAddr),
}

/// A running name server.
pub struct Named {
    /// Where `named` itself listens.
    direct: SocketAddr,
    child: Child,
    dir: TempDir,
    _relay: JoinSet<()>,
}

impl Named {
    /// Starts `named`, reachable on `address`, and waits until it answers.
    pub async fn start(address: SocketAddr, zones: &[Zone<'_>]) -> Named {
        let relay = Relay::bind(address).await;
        let direct = free_port();
        let dir = TempDir::new().expect("a directory");
        let recursive = zones.iter().any(|zone| matches!(zone, Zone::Forward(..)));
        let (port, path) = (direct.port(), dir.path().display());
        let mut config = format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
               pid-file none; session-keyfile none; notify no; querylog yes; recursion {};
               check-names primary ignore;
               dnssec-validation no; empty-zones-enable no;
               min-refresh-time 2; max-refresh-time 2; serial-query-rate 100; }};
             controls {{ }};\n",
            if recursive { "yes" } else { "no" },
        );
        for (n, zone) in zones.iter().enumerate() {
            let file = format!("zone{n}");
            config += &match zone {
                Zone::Primary(apex, records) => {
                    let soa = format!("$TTL 60\n@ IN SOA ns.{apex}. admin.{apex}. 1 3600 600 86400 60\n");
                    fs::write(dir.path().join(&file), soa + records + "\n").expect("a zone file");
                    format!(
                        "zone \"{apex}\" {{ type primary; file \"{file}\"; allow-update {{ 127.0.0.0/8; }}; \
                         allow-transfer {{ any; }}; }};\n"
                    )
                }
                Zone::Secondary(apex, primary) => format!(
                    "zone \"{apex}\" {{ type secondary; file \"{file}\"; primaries port {} {{ {}; }}; }};\n",
                    primary.port(),
                    primary.ip(),
                ),
                Zone::Forward(apex, to) => format!(
                    "zone \"{apex}\" {{ type forward; forward only; forwarders port {} {{ {}; }}; }};\n",
                    to.port(),
                    to.ip(),
                ),
            };
        }
        fs::write(dir.path().join("named.conf"), config).expect("a configuration");
        let log = fs::File::create(dir.path().join("log")).expect("a log file");
        let child = Command::new(program())
            .args(["-g", "-n", "1", "-c"])
            .arg(dir.path().join("named.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("named starts: apt-get install bind9");
        let mut named = Named {
            direct,
            child,
            dir,
            _relay: relay.to(direct),
        };
        for zone in zones {
            let (Zone::Primary(apex, _) | Zone::Secondary(apex, _) | Zone::Forward(apex, _)) = zone;
            named.await_zone(apex, recursive).await;
        }
        named
    }

    async fn await_zone(&mut self, apex: &str, recursive: bool) {
        let name = apex.parse().expect("a name");
        let question = match recursive {
            true => Question::recursive(name, Kind::Soa),
            false => Question::authoritative(name, Kind::Soa),
        };
        for _ in 0..400 {
            let answer = Network::default()
                .ask(&self.direct.into(), &question, Duration::from_millis(200))
                .await;
            if answer.is_ok_and(|answer| answer.is_conclusive() && (answer.authoritative || recursive)) {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("a status") {
                panic!("named ended with {status}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("named does not serve {apex}: {}", self.log());
    }

    /// Where other servers find this one.
    pub fn direct(&self) -> SocketAddr {
        self.direct
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The names asked of this server, lower case, in order.
    pub fn asked(&self) -> Vec<String> {
        let log = self.log();
        let names = log
            .lines()
            .filter_map(|line| line.split_once(" query: ")?.1.split(' ').next());
        names.map(str::to_ascii_lowercase).collect()
    }

    /// Adds a TXT value by an RFC 2136 update; returns once the server has acknowledged it.
    pub async fn publish(&self, zone: &str, owner: &DnsName, value: &str) {
        let name = |text: &str| Name::from_ascii(format!("{text}.")).expect("a name");
        let id = 7;
        let mut update = Message::new(id, MessageType::Query, OpCode::Update);
        update.add_query(Query::query(name(zone), RecordType::SOA));
        let text = RData::TXT(TXT::new(vec![value.to_owned()]));
        update.add_authority(Record::from_rdata(name(owner.as_str()), 60, text));
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
        socket.connect(self.direct).await.expect("connected");
        socket
            .send(&update.to_vec().expect("a message"))
            .await
            .expect("sent");
        let mut buffer = [0; 512];
        let received = timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await;
        let length = received
            .expect("an acknowledgement in time")
            .expect("an acknowledgement");
        let answer = Message::from_vec(&buffer[..length]).expect("a message");
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

struct Relay {
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
}

impl Relay {
    async fn bind(address: SocketAddr) -> Relay {
        let udp = Arc::new(UdpSocket::bind(address).await.expect("a free UDP port"));
        Relay {
            udp,
            tcp: TcpListener::bind(address).await.expect("a free TCP port"),
        }
    }

    fn to(self, server: SocketAddr) -> JoinSet<()> {
        let Relay { udp, tcp } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = udp.recv_from(&mut buffer).await {
                let (udp, query) = (Arc::clone(&udp), buffer[..length].to_vec());
                tokio::spawn(async move {
                    let onward = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
                    onward.connect(server).await.expect("connected");
                    onward.send(&query).await.expect("sent");
                    let mut answer = [0; 4096];
                    let received = timeout(Duration::from_secs(5), onward.recv(&mut answer)).await;
                    if let Ok(Ok(length)) = received {
                        udp.send_to(&answer[..length], client).await.expect("sent");
                    }
                });
            }
        });
        tasks.spawn(async move {
            while let Ok((mut client, _)) = tcp.accept().await {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.expect("named accepts");
                    let _either_side_may_reset =
                        tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        tasks
    }
}

/// A port of 127.0.0.1 that is free for UDP and TCP.
fn free_port() -> SocketAddr {
    loop {
        let tcp = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = tcp.local_addr().expect("an address");
        if net::UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// Outside of root's PATH on Debian.
fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/named");
    if usual.exists() { usual } else { "named".into() }
}
