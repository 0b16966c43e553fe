//! A server on loopback that answers each request by script.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use parking_lot::{Condvar, Mutex};

/// What to answer to a request; `None`: nothing, ever.
pub trait Script: Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static {}
impl<F: Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static> Script for F {}

pub struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    // dropped with the server: threads that keep silent wait for that
    _silence: mpsc::Sender<()>,
}

#[derive(Default)]
struct Seen {
    ends: AtomicBool,
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
    came: Condvar,
}

impl Server {
    pub fn start(script: impl Script) -> Self {
        Self::start_on("127.0.0.1:0", None, script)
    }

    pub fn start_on(address: &str, tls: Option<Tls>, script: impl Script) -> Self {
        let listener = TcpListener::bind(address).expect("a free port on loopback");
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (silence, ended) = mpsc::channel();
        let (shared, script, ended) = (seen.clone(), Arc::new(script), Arc::new(Mutex::new(ended)));
        let acceptor = tls.map(|tls| tls.acceptor());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (shared, script, ended) = (shared.clone(), script.clone(), ended.clone());
                let acceptor = acceptor.clone();
                std::thread::spawn(move || {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    match acceptor {
                        None => speak(stream, &shared, &*script, &ended),
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream) {
                                speak(stream, &shared, &*script, &ended);
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _silence: silence,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().clone()
    }

    pub fn wait_for_request(&self) {
        let mut requests = self.seen.requests.lock();
        while requests.is_empty() {
            let late = self.seen.came.wait_for(&mut requests, Duration::from_secs(10));
            assert!(!late.timed_out(), "no request came");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.ends.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
    }
}

fn speak(
    stream: impl Read + Write,
    seen: &Seen,
    script: &dyn Fn(&str) -> Option<Vec<u8>>,
    ended: &Mutex<mpsc::Receiver<()>>,
) {
    let mut stream = BufReader::new(stream);
    // the first byte of TLS: answered as web servers do
    if matches!(stream.fill_buf(), Ok([0x16, ..])) {
        let _ = stream.get_mut().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        return;
    }
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(stream.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        seen.requests.lock().push(head.clone());
        seen.came.notify_all();
        let Some(answer) = script(&head) else {
            // ends with the server
            let _ = ended.lock().recv();
            return;
        };
        // a client that has enough closes early
        if stream.get_mut().write_all(&answer).is_err() {
            return;
        }
        let text = String::from_utf8_lossy(&answer);
        if text.contains("content-length: 10\r\n") {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the client waits on real sockets")]
pub fn measure(work: impl FnOnce()) -> Duration {
    let started = std::time::Instant::now();
    work();
    started.elapsed()
}

/// A certificate for `localhost` that signs itself.
pub struct Tls {
    key: PKey<Private>,
    certificate: X509,
}

impl Tls {
    pub fn for_localhost() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "localhost").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(1).unwrap())
            .unwrap();
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            key,
            certificate: builder.build(),
        }
    }

    pub fn certificate_pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn acceptor(&self) -> Arc<SslAcceptor> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        builder.set_certificate(&self.certificate).unwrap();
        builder.set_private_key(&self.key).unwrap();
        Arc::new(builder.build())
    }
}
