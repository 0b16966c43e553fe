//! Pebble and BIND 9, and what they can tell of their clients.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    ops::Sub,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use dns01d::engine::DEFAULT_CONCURRENCY;
use lab::{
    bind::{Bind, BindOptions, BindPolicy},
    dns::TsigKey,
    pebble::{Pebble, PebbleOptions},
};
use tokio::time::{Instant, sleep};

use crate::{Failure, certificate::Wanted, cpu, lego::LEGO_PROCESSES, report::Section, say};

/// Everything is issued below it.
pub(crate) const ZONE: &str = "bench.example.test";

/// ACME requests of dns01d in a second. Pebble is ours, and asks for no moderation.
pub(crate) const REQUEST_RATE: u32 = 1000;

/// As many as the daemon works unless told. Pebble, 2.4 and 2.10, deadlocks now and then with so many (lock order
/// in its store), and is then started again.
pub(crate) const IN_FLIGHT: usize = DEFAULT_CONCURRENCY;

/// Clean-up follows deployment within milliseconds.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// Both servers, over the whole benchmark.
pub(crate) struct Site {
    pub(crate) bind: Bind,
    pub(crate) pebble: Pebble,
    pub(crate) key: TsigKey,
    /// Stands in for /etc/resolv.conf, so that lego finds the authoritative server; `None` where that
    /// cannot be arranged.
    pub(crate) resolv_conf: Option<PathBuf>,
    options: PebbleOptions,
    statistics: reqwest::Client,
    labels: Cell<u32>,
    restarts: Vec<String>,
}

impl Site {
    pub(crate) async fn start(directory: &Path, retry_after: u64) -> Result<Self, Failure> {
        let key = TsigKey::generate("bench-key")?;
        let mut options = BindOptions::new(ZONE, key.clone());
        options.policy = BindPolicy::Text(format!("grant {} zonesub TXT;", key.name()));
        options.statistics = true;
        let resolv_conf = resolv_conf(directory)?;
        // Pebble asks over TCP, three times for each name: a full queue (10 unless told) drops a SYN, and the
        // next one comes a second later
        options.extra = "tcp-listen-queue 1024; tcp-clients 1024;".to_owned();
        if resolv_conf.is_some() {
            options.extra += " listen-on port 53 { 127.0.0.1; };";
        }
        let bind = Bind::start(options).await?;
        let mut options = PebbleOptions::new(bind.addr());
        options.authz_retry_after = retry_after;
        options.order_retry_after = retry_after;
        Ok(Site {
            pebble: Pebble::start(options.clone()).await?,
            bind,
            key,
            resolv_conf,
            options,
            statistics: reqwest::Client::builder().no_proxy().build()?,
            labels: Cell::new(0),
            restarts: Vec::new(),
        })
    }

    /// Names that were never used before.
    pub(crate) fn fresh(&self, count: usize) -> Vec<Wanted> {
        let first = self.labels.get();
        let next = first + u32::try_from(count).unwrap_or_default();
        self.labels.set(next);
        (first..next)
            .map(|number| Wanted::new(format!("host{number:04}"), ZONE))
            .collect()
    }

    /// What both did so far.
    pub(crate) async fn counts(&self) -> Result<Counts, Failure> {
        let mut acme = BTreeMap::new();
        for line in self.pebble.log().lines() {
            if let Some((request, _)) = line.split_once(" -> calling handler()") {
                let request = request.split_whitespace().rev().take(2).collect::<Vec<_>>();
                *acme
                    .entry(request.into_iter().rev().collect::<Vec<_>>().join(" "))
                    .or_default() += 1;
            }
        }
        let address: SocketAddr = self.bind.statistics().ok_or("BIND keeps no statistics")?;
        let url = format!("http://{address}/json/v1/server");
        let statistics: serde_json::Value = self
            .statistics
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let opcode = |name: &str| {
            statistics["opcodes"][name]
                .as_u64()
                .ok_or("BIND's statistics lack opcodes")
        };
        Ok(Counts {
            acme,
            updates: opcode("UPDATE")?,
            queries: opcode("QUERY")?,
            pebble: cpu::of_process(self.pebble.id())?,
            bind: cpu::of_process(self.bind.id())?,
        })
    }

    /// Waits until none of these has a TXT record left.
    pub(crate) async fn until_clean(&self, wanted: &[Wanted]) -> Result<(), Failure> {
        let start = Instant::now();
        for wanted in wanted {
            let name = wanted.challenge_name();
            while !self.bind.txt(&name).await?.is_empty() {
                if start.elapsed() > CLEAN_UP {
                    return Err(
                        format!("{name} has TXT records still, {CLEAN_UP:?} after its certificate").into(),
                    );
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// After a failure: a new Pebble, once; the second failure is an error.
    pub(crate) async fn restart_pebble(&mut self, failure: Failure) -> Result<(), Failure> {
        if !self.restarts.is_empty() {
            return Err(failure);
        }
        say(&format!("{failure}; Pebble is restarted, once"));
        self.restarts.push(failure.to_string());
        self.pebble = Pebble::start(self.options.clone()).await?;
        Ok(())
    }

    pub(crate) fn section(&self) -> Section {
        let mut section = Section::new("Conditions", &["what", "is"]);
        let mut row = |what: &str, is: String| section.row([what.to_owned(), is]);
        let options = &self.options;
        row(
            "Pebble",
            format!(
                "PEBBLE_VA_NOSLEEP=1 PEBBLE_VA_ALWAYS_VALID=0 PEBBLE_AUTHZREUSE={} PEBBLE_WFE_NONCEREJECT={}",
                options.authz_reuse, options.nonce_reject
            ),
        );
        row(
            "its Retry-After",
            match options.order_retry_after {
                0 => "none; `--retry-after SECONDS` has it send one".to_owned(),
                seconds => format!("{seconds} s; dns01d obeys it, a first look may be earlier"),
            },
        );
        row(
            "BIND",
            "primary of one zone, TSIG hmac-sha256, TXT only, journal on the same machine, tcp-listen-queue 1024"
                .to_owned(),
        );
        row(
            "a certificate",
            format!("*.NAME.{ZONE} and NAME.{ZONE}, names never used before, P-256 keys"),
        );
        row(
            "propagation",
            match self.resolv_conf {
                Some(_) => "both clients see both values at the authoritative server before the CA is told",
                None => {
                    "dns01d sees both values at the authoritative server; lego does NOT look \
                         (--dns.disable-cp: that it finds the server needs root and a free port 53)"
                }
            }
            .to_owned(),
        );
        row(
            "orders in flight",
            format!("at most {IN_FLIGHT} of dns01d, its default; {LEGO_PROCESSES} of lego"),
        );
        row(
            "ACME requests of dns01d",
            format!("at most {REQUEST_RATE} a second; its default of 100 is for CAs of others"),
        );
        section
    }

    /// What befell the servers.
    pub(crate) fn end_section(&self) -> Section {
        let mut section = Section::new("Servers", &["what", "happened"]);
        let text = match self.restarts.first() {
            None => "ran from the beginning to the end".to_owned(),
            Some(why) => format!(
                "was restarted once, and what was measured at that time was measured again: {}",
                why.lines()
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches("; the daemon's last lines, latest first:")
            ),
        };
        section.row(["Pebble".to_owned(), text]);
        section
    }
}

/// Looks whether lego can be shown an /etc/resolv.conf of its own that names this BIND.
fn resolv_conf(directory: &Path) -> Result<Option<PathBuf>, Failure> {
    let free = UdpSocket::bind("127.0.0.1:53").is_ok() && TcpListener::bind("127.0.0.1:53").is_ok();
    let path = directory.join("resolv.conf");
    fs::write(&path, "nameserver 127.0.0.1\n")?;
    let works = free
        && in_own_mounts(&path)
            .arg("true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    Ok(works.then_some(path))
}

/// A command that runs its arguments with `resolv_conf` in place of the system's.
pub(crate) fn in_own_mounts(resolv_conf: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"",
        ])
        .arg(resolv_conf);
    command
}

/// What the servers counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Requests by method and path, from Pebble's log.
    acme: BTreeMap<String, u64>,
    /// UPDATE messages, from BIND's statistics.
    pub(crate) updates: u64,
    /// QUERY messages, from clients and from Pebble.
    pub(crate) queries: u64,
    /// CPU of Pebble.
    pub(crate) pebble: Duration,
    /// CPU of BIND.
    pub(crate) bind: Duration,
}

impl Counts {
    /// What orders took. Whether a certificate should be renewed is another question, which it asks every day.
    pub(crate) fn acme(&self) -> u64 {
        let orders = self.acme.iter().filter(|(kind, _)| !kind.contains("renewalInfo"));
        orders.map(|(_, count)| count).sum()
    }

    /// Requests of each kind for one of `certificates`.
    pub(crate) fn acme_text(&self, certificates: usize) -> String {
        let kinds = self.acme.iter().filter(|(_, count)| **count > 0);
        let texts: Vec<String> = kinds
            .map(|(kind, count)| format!("{kind} {:.2}", *count as f64 / certificates as f64))
            .collect();
        texts.join(", ")
    }
}

impl Sub<&Counts> for Counts {
    type Output = Counts;

    fn sub(mut self, before: &Counts) -> Counts {
        for (kind, count) in &mut self.acme {
            *count -= before.acme.get(kind).copied().unwrap_or_default();
        }
        Counts {
            acme: self.acme,
            updates: self.updates - before.updates,
            queries: self.queries - before.queries,
            pebble: self.pebble.saturating_sub(before.pebble),
            bind: self.bind.saturating_sub(before.bind),
        }
    }
}
