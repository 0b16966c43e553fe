//! BIND 9 as a test configures it, with a memory of what it was asked: views, and recursion over every channel.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tempfile::TempDir;

use crate::ca::ServerIdentity;
use crate::dns::ask;
use crate::primary::directory;
use crate::process::{ProcessError, Program, free_port, write, write_secret};

/// It loads OpenSSL, its plugins and its zones.
const START: Duration = Duration::from_secs(30);

/// A running `named`; dropping it kills it.
#[derive(Debug)]
pub struct Named {
    program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

/// A question that it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Address and port of who asked.
    pub client: String,
    /// The name, lower case.
    pub name: String,
    /// The type.
    pub record_type: String,
}

impl Asked {
    /// True for names at and below `above`.
    pub fn is_within(&self, above: &str) -> bool {
        self.name == above
            || self
                .name
                .strip_suffix(above)
                .is_some_and(|rest| rest.ends_with('.'))
    }
}

impl Named {
    /// Starts it on a free port of 127.0.0.1 and waits until it answers for the apex `zone`. `options` stands inside
    /// `options { }`, `more` behind it; `files` lie in its directory, which is where it runs.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(
        zone: &str,
        options: &str,
        more: &str,
        files: &[(&str, &str)],
    ) -> Result<Self, ProcessError> {
        let dir = directory("dns01-named")?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        for (name, content) in files {
            write_secret(&dir.path().join(name), content)?;
        }
        let text = configuration(dir.path(), addr, options, more);
        write(&dir.path().join("named.conf"), &text)?;
        let mut command = Command::new("named");
        // in the foreground, log to stderr, one worker: four more threads help no test
        command
            .args(["-g", "-n", "1", "-c"])
            .arg(dir.path().join("named.conf"))
            .current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("named.log"))?;
        let answers = || async {
            let answer = ask(addr, zone, RecordType::SOA).await;
            answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
        };
        program.ready(START, answers).await?;
        Ok(Named {
            program,
            addr,
            _dir: dir,
        })
    }

    /// Where it answers, UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// What it was asked, over whatever channel, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.log().lines().filter_map(question).collect()
    }
}

/// Reads `26-Nov-2026 11:08:11.123 client @0x7f 127.0.0.1#5353 (a.test): query: a.test IN TXT +E(0) (127.0.0.1)`.
fn question(line: &str) -> Option<Asked> {
    let (head, query) = line.split_once(": query: ")?;
    let (moment, rest) = head.split_once(" client @")?;
    let mut moment = moment.splitn(3, ' ');
    let moment = format!("{} {}", moment.next()?, moment.next()?);
    let at = DateTime::strptime("%d-%b-%Y %H:%M:%S%.f", &moment).ok()?;
    let mut words = query.split(' ');
    Some(Asked {
        at: TimeZone::system().to_timestamp(at).ok()?,
        client: rest.split(' ').nth(1)?.to_owned(),
        name: words.next()?.to_ascii_lowercase(),
        record_type: words.nth(1)?.to_owned(),
    })
}

fn configuration(dir: &Path, addr: SocketAddr, options: &str, more: &str) -> String {
    let (dir, port) = (dir.display(), addr.port());
    format!(
        "options {{\n  directory \"{dir}\";\n  pid-file none;\n  session-keyfile none;\n  \
         listen-on port {port} {{ 127.0.0.1; }};\n  listen-on-v6 {{ none; }};\n  querylog yes;\n  \
         dnssec-validation no;\n  empty-zones-enable no;\n  notify no;\n  {options}\n}};\ncontrols {{ }};\n{more}\n"
    )
}

/// BIND as a recursive resolver over UDP and TCP, TLS and HTTPS.
#[derive(Debug)]
pub struct Resolver {
    /// Its process and log.
    pub named: Named,
    /// Where it speaks DNS over TLS.
    pub tls: SocketAddr,
    /// Where it speaks DNS over HTTPS, at `/dns-query`.
    pub https: SocketAddr,
}

impl Resolver {
    /// Starts one that asks `server` alone, from the address `source`, and waits until it knows `zone`.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(
        zone: &str,
        server: SocketAddr,
        source: Ipv4Addr,
        identity: &ServerIdentity,
    ) -> Result<Self, ProcessError> {
        let at = || Ok::<_, ProcessError>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let (tls, https) = (at()?, at()?);
        let options = format!(
            "recursion yes;\n  allow-query {{ any; }};\n  allow-recursion {{ any; }};\n  query-source address {source};\n  \
             forward only;\n  forwarders port {} {{ {}; }};\n  \
             listen-on port {} tls lab {{ 127.0.0.1; }};\n  listen-on port {} tls lab http lab {{ 127.0.0.1; }};",
            server.port(),
            server.ip(),
            tls.port(),
            https.port(),
        );
        let more = "tls lab { cert-file \"cert.pem\"; key-file \"key.pem\"; };\n\
                    http lab { endpoints { \"/dns-query\"; }; };";
        let files = [
            ("cert.pem", identity.certificate_pem.as_str()),
            ("key.pem", identity.key_pem.as_str()),
        ];
        let named = Named::start(zone, &options, more, &files).await?;
        Ok(Resolver { named, tls, https })
    }
}
