//! AWS on loopback: moto, Python's stand-in for it, with the rules of Route 53 that a provider leans on made
//! as strict as the real ones (`strict.py` says which).
//!
//! [`Moto`] is the server and its administration, [`Front`] what a client is pointed to: it counts, fails
//! and replaces requests, looks at their signature, and has a name server of the lab show what was changed.

mod front;
mod served;
mod signature;
mod xml;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::{Client, Method};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub use front::{Front, Reply, Seen};
use xml::{escape, texts};

use crate::process::{ProcessError, Program, free_port, tool};

/// It loads Python and a hundred modules.
const START: Duration = Duration::from_secs(90);
/// Whoever administers: moto takes every key, but finds the service in what was signed for.
const ADMIN: &str = "AWS4-HMAC-SHA256 Credential=admin/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=0";
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// A running moto; dropping it kills it.
#[derive(Debug)]
pub struct Moto {
    _program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

/// One process serves the tests of a program that run at the same time: its start takes seconds.
static RUNNING: Mutex<Weak<Moto>> = Mutex::const_new(Weak::new());

impl Moto {
    /// The one that runs, or a new one, on a free port of 127.0.0.1. Its zones are everybody's, so a test
    /// takes names of its own.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn shared() -> Result<Arc<Self>, ProcessError> {
        let mut running = RUNNING.lock().await;
        if let Some(moto) = running.upgrade() {
            return Ok(moto);
        }
        let moto = Arc::new(Self::start().await?);
        *running = Arc::downgrade(&moto);
        Ok(moto)
    }

    async fn start() -> Result<Self, ProcessError> {
        let prepare = |source| ProcessError::Prepare {
            what: "moto's directory".to_owned(),
            source,
        };
        let dir = tempfile::Builder::new()
            .prefix("dns01-moto")
            .tempdir()
            .map_err(prepare)?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        // without the virtual environment that `./dev test` makes, its name in the error says what is missing
        let python = tool("python/bin/python3").unwrap_or_else(|| "target/tools/python/bin/python3".into());
        let mut command = Command::new(python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/moto/strict.py"))
            .args(["-p", &addr.port().to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("moto.log"))?;
        let answers = || async { tokio::net::TcpStream::connect(addr).await.is_ok() };
        program.ready(START, answers).await?;
        Ok(Moto {
            _program: program,
            addr,
            _dir: dir,
        })
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Makes a public hosted zone; returns its id.
    pub async fn zone(&self, name: &str) -> String {
        self.create_zone(name, "").await
    }

    /// Makes a private hosted zone; returns its id.
    pub async fn private_zone(&self, name: &str) -> String {
        self.create_zone(
            name,
            "<VPC><VPCId>vpc-1</VPCId><VPCRegion>us-east-1</VPCRegion></VPC>\
             <HostedZoneConfig><PrivateZone>true</PrivateZone></HostedZoneConfig>",
        )
        .await
    }

    async fn create_zone(&self, name: &str, more: &str) -> String {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"{NAMESPACE}\"><Name>{name}</Name>\
             <CallerReference>{name}</CallerReference>{more}</CreateHostedZoneRequest>"
        );
        let answer = self.admin(Method::POST, "hostedzone", body).await;
        let id = texts(&answer, "Id").into_iter().next().expect("the zone's id");
        id.trim_start_matches("/hostedzone/").to_owned()
    }

    /// Removes a hosted zone and all in it.
    pub async fn delete_zone(&self, id: &str) {
        self.admin(Method::DELETE, &format!("hostedzone/{id}"), String::new())
            .await;
    }

    /// Writes a record set, as an operator would: `values` as they stand in the zone, TXT with quotes.
    pub async fn put(&self, zone: &str, name: &str, kind: &str, values: &[&str]) {
        let records: String = values
            .iter()
            .map(|value| {
                format!(
                    "<ResourceRecord><Value>{}</Value></ResourceRecord>",
                    escape(value)
                )
            })
            .collect();
        let set = format!("<TTL>300</TTL><ResourceRecords>{records}</ResourceRecords>");
        self.put_set(zone, name, kind, &set).await;
    }

    /// Writes a record set with any content.
    pub async fn put_set(&self, zone: &str, name: &str, kind: &str, content: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Changes><Change>\
             <Action>UPSERT</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{content}\
             </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.admin(Method::POST, &format!("hostedzone/{zone}/rrset/"), body)
            .await;
    }

    /// The values of the TXT set of a name, as they stand in the zone, sorted; and its TTL.
    pub async fn txt(&self, zone: &str, name: &str) -> (Vec<String>, Option<u32>) {
        let path = format!("hostedzone/{zone}/rrset?name={name}&type=TXT&maxitems=1");
        let answer = self.admin(Method::GET, &path, String::new()).await;
        let is = |tag: &str, text: &str| texts(&answer, tag).first().is_some_and(|first| first == text);
        if !is("Name", &format!("{name}.")) || !is("Type", "TXT") {
            return (Vec::new(), None);
        }
        let mut values = texts(&answer, "Value");
        values.sort();
        let ttl = texts(&answer, "TTL").first().and_then(|ttl| ttl.parse().ok());
        (values, ttl)
    }

    /// The answer to ListResourceRecordSets for a whole zone.
    async fn record_sets(&self, zone: &str) -> String {
        let path = format!("hostedzone/{zone}/rrset");
        let answer = self.admin(Method::GET, &path, String::new()).await;
        let whole = texts(&answer, "IsTruncated") == ["false"];
        assert!(whole, "zone {zone} has more record sets than one answer holds");
        answer
    }

    async fn admin(&self, method: Method, path: &str, body: String) -> String {
        // a test's runtime ends with it, and with that the connections of a client
        let answer = Client::new()
            .request(method, format!("http://{}/2013-04-01/{path}", self.addr))
            .header("authorization", ADMIN)
            .header("content-type", "application/xml")
            .body(body)
            .send()
            .await
            .expect("moto answers");
        let status = answer.status();
        let text = answer.text().await.expect("moto's answer");
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }
}
