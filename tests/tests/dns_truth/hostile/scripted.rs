//! The server, and messages made by hand: no library would write most of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

/// What the server does with a question.
pub enum Step {
    /// Sends a datagram, or a message with its length before it.
    Send(Vec<u8>),
    /// Sends octets on a stream as they are.
    Raw(Vec<u8>),
    /// Sends a datagram from another port, and from the same one of another address.
    Elsewhere(Vec<u8>),
    Pause(Duration),
    /// Keeps the stream open; else it is closed at the end.
    Stay,
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udp,
    Tcp,
}

type Script = Arc<dyn Fn(Way, &[u8]) -> Vec<Step> + Send + Sync>;

/// UDP and TCP on one port of 127.0.0.1, until dropped.
pub struct Scripted {
    address: SocketAddr,
    datagrams: Arc<AtomicUsize>,
    streams: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Answers each question as the script says.
    pub async fn start(script: impl Fn(Way, &[u8]) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let (udp, tcp, address) = loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = tcp.local_addr().unwrap();
            if let Ok(udp) = UdpSocket::bind(address).await {
                break (udp, tcp, address);
            }
        };
        let script: Script = Arc::new(script);
        let (datagrams, streams) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&script), Arc::clone(&datagrams)));
        tasks.spawn(serve_tcp(tcp, script, Arc::clone(&streams)));
        Scripted {
            address,
            datagrams,
            streams,
            _tasks: tasks,
        }
    }

    /// Answers with one message, over UDP as over TCP.
    pub async fn saying(message: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Scripted::start(move |_, query| vec![Step::Send(message(query))]).await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Questions that came over UDP and over TCP.
    pub fn asked(&self) -> (usize, usize) {
        (
            self.datagrams.load(Ordering::Relaxed),
            self.streams.load(Ordering::Relaxed),
        )
    }
}

async fn serve_udp(socket: UdpSocket, script: Script, count: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 4096];
    // an ICMP error of an earlier answer is no reason to stop
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        count.fetch_add(1, Ordering::Relaxed);
        for step in script(Way::Udp, &buffer[..length]) {
            match step {
                Step::Send(octets) => drop(socket.send_to(&octets, from).await),
                Step::Elsewhere(octets) => {
                    let port = socket.local_addr().unwrap().port();
                    for place in [(Ipv4Addr::LOCALHOST, 0), (Ipv4Addr::new(127, 0, 0, 2), port)] {
                        let elsewhere = UdpSocket::bind(place).await.unwrap();
                        elsewhere.send_to(&octets, from).await.unwrap();
                    }
                }
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Raw(_) | Step::Stay => {}
            }
        }
    }
}

async fn serve_tcp(listener: TcpListener, script: Script, count: Arc<AtomicUsize>) {
    let mut streams = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        count.fetch_add(1, Ordering::Relaxed);
        let script = Arc::clone(&script);
        streams.spawn(async move { converse(stream, |query| script(Way::Tcp, query)).await });
    }
}

/// One question on a stream. A client that leaves in the middle is right to.
pub async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: impl Fn(&[u8]) -> Vec<Step>) {
    let Ok(length) = stream.read_u16().await else {
        return;
    };
    let mut query = vec![0; usize::from(length)];
    if stream.read_exact(&mut query).await.is_err() {
        return;
    }
    for step in script(&query) {
        let sent = match step {
            Step::Send(message) => stream.write_all(&framed(&message)).await,
            Step::Raw(octets) => stream.write_all(&octets).await,
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Stay => std::future::pending().await,
            Step::Elsewhere(_) => Ok(()),
        };
        if sent.is_err() {
            return;
        }
        drop(stream.flush().await);
    }
    drop(stream.shutdown().await);
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("at most 65,535 octets");
    [&length.to_be_bytes()[..], message].concat()
}

/// A pointer to the name of the question (RFC 1035 4.1.4).
pub const OWN_NAME: &[u8] = &[0xc0, 12];

pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const TXT: u16 = 16;
pub const OPT: u16 = 41;

/// Sections, by the place of their counts in the header.
#[derive(Clone, Copy)]
pub enum Section {
    Answer = 1,
    Authority = 2,
    Additional = 3,
}

/// A message under construction: an authoritative NOERROR answer to begin with.
#[derive(Clone)]
pub struct Reply {
    pub id: u16,
    pub flags: u16,
    pub counts: [u16; 4],
    /// Name, type, class.
    pub question: Vec<u8>,
    pub records: Vec<u8>,
}

impl Reply {
    pub fn to(query: &[u8]) -> Self {
        Reply {
            id: u16::from_be_bytes([query[0], query[1]]),
            flags: 0x8400,
            counts: [1, 0, 0, 0],
            question: question_of(query).to_vec(),
            records: Vec::new(),
        }
    }

    pub fn record(mut self, section: Section, owner: &[u8], kind: u16, data: &[u8]) -> Self {
        self.counts[section as usize] += 1;
        self.records.extend_from_slice(owner);
        for number in [kind, 1, 0, 60, u16::try_from(data.len()).unwrap()] {
            self.records.extend_from_slice(&number.to_be_bytes());
        }
        self.records.extend_from_slice(data);
        self
    }

    pub fn answer(self, owner: &[u8], kind: u16, data: &[u8]) -> Self {
        self.record(Section::Answer, owner, kind, data)
    }

    pub fn txt(self, value: &[u8]) -> Self {
        let data = [&[u8::try_from(value.len()).unwrap()][..], value].concat();
        self.answer(OWN_NAME, TXT, &data)
    }

    /// The SOA of a zone.
    pub fn soa(self, section: Section, apex: &str) -> Self {
        let data = [&wire("ns.invalid")[..], &wire("admin.invalid"), &[0; 20]].concat();
        self.record(section, &wire(apex), SOA, &data)
    }

    pub fn octets(&self) -> Vec<u8> {
        let numbers = [self.id, self.flags].into_iter().chain(self.counts);
        let mut octets: Vec<u8> = numbers.flat_map(u16::to_be_bytes).collect();
        octets.extend_from_slice(&self.question);
        octets.extend_from_slice(&self.records);
        octets
    }
}

/// Name, type and class of a query's question.
fn question_of(query: &[u8]) -> &[u8] {
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    &query[12..end + 5]
}

/// The name and the type that a query asks for.
pub fn asked(query: &[u8]) -> (String, u16) {
    let (name, kind) = question_of(query).split_at(question_of(query).len() - 4);
    let mut labels = Vec::new();
    let mut rest = name;
    while let Some((length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, after) = tail.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = after;
    }
    (labels.join("."), u16::from_be_bytes([kind[0], kind[1]]))
}

/// A name without compression.
pub fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> = labels
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat())
        .collect();
    octets.push(0);
    octets
}
