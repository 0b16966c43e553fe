//! Many certificates in one daemon that has its account already.

use std::{path::Path, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::{
    Effort, Failure, certificate, cpu,
    home::{Home, Trust},
    lego::{LEGO_PROCESSES, Lego},
    report::{Section, goal},
    say,
    site::{Counts, IN_FLIGHT, Site},
    spread::millis,
};

const GOAL_RATE: f64 = 60.0;
const GOAL_CPU: Duration = Duration::from_millis(10);
const GOAL_REQUESTS: f64 = 10.0;
const GOAL_UPDATES: f64 = 2.0;

/// A number of certificates, all at once.
#[derive(Clone, Debug)]
struct Batch {
    certificates: usize,
    wall: Duration,
    cpu: Duration,
    servers: Counts,
}

impl Batch {
    fn rate(&self) -> f64 {
        self.certificates as f64 / self.wall.as_secs_f64()
    }

    fn each(&self, sum: Duration) -> Duration {
        sum / u32::try_from(self.certificates.max(1)).unwrap_or(u32::MAX)
    }

    fn count_each(&self, sum: u64) -> f64 {
        sum as f64 / self.certificates.max(1) as f64
    }
}

pub(crate) async fn section(site: &mut Site, parent: &Path, effort: Effort) -> Result<Section, Failure> {
    let title = format!(
        "{} wildcard + apex certificates at once, the account is there",
        effort.batch
    );
    let mut section = Section::new(
        &title,
        &[
            "for each certificate",
            "dns01d, one daemon",
            "lego, 8 processes",
            "goal",
        ],
    );
    let mut batches = Vec::new();
    while batches.len() < effort.batches {
        say(&format!(
            "{} certificates in one daemon, {} of {}",
            effort.batch,
            batches.len() + 1,
            effort.batches
        ));
        match dns01d(site, parent, effort.batch).await {
            Ok(batch) => batches.push(batch),
            Err(failure) => site.restart_pebble(failure).await?,
        }
    }
    batches.sort_by_key(|batch| batch.wall);
    let ours = batches.get(batches.len() / 2).ok_or("no batches")?.clone();
    let theirs = loop {
        say(&format!(
            "{} certificates with lego, 8 processes",
            effort.lego_batch
        ));
        match lego(site, parent, effort.lego_batch).await {
            Ok(batch) => break batch,
            Err(failure) => site.restart_pebble(failure).await?,
        }
    };

    let mut row = |what: &str, text: fn(&Batch) -> String, goal: String| {
        section.row([what.to_owned(), text(&ours), text(&theirs), goal]);
    };
    row(
        "certificates per second",
        |batch| format!("{:.1}", batch.rate()),
        goal("60", ours.rate() >= GOAL_RATE),
    );
    let own = ours.each(ours.cpu);
    row(
        "CPU of the client",
        |batch| millis(batch.each(batch.cpu)),
        goal("10 ms", own <= GOAL_CPU),
    );
    row(
        "CPU of Pebble",
        |batch| millis(batch.each(batch.servers.pebble)),
        String::new(),
    );
    row(
        "CPU of BIND",
        |batch| millis(batch.each(batch.servers.bind)),
        String::new(),
    );
    // a nonce that every worker of the first moment lacks is counted too
    let requests = ours.count_each(ours.servers.acme());
    row(
        "ACME requests of an order",
        |batch| format!("{:.2}", batch.count_each(batch.servers.acme())),
        goal("10", requests <= GOAL_REQUESTS),
    );
    let updates = ours.count_each(ours.servers.updates);
    row(
        "DNS updates",
        |batch| format!("{:.2}", batch.count_each(batch.servers.updates)),
        goal("2", updates <= GOAL_UPDATES),
    );
    row(
        "DNS queries, Pebble's included",
        |batch| format!("{:.1}", batch.count_each(batch.servers.queries)),
        String::new(),
    );

    let rates: Vec<String> = batches
        .iter()
        .map(|batch| format!("{:.1}", batch.rate()))
        .collect();
    section.note(format!(
        "dns01d: {} certificates in flight at most; the batch of median speed out of {} certificates per second; \
         from SIGHUP with {} new certificates in the configuration until the last is live",
        IN_FLIGHT,
        rates.join(", "),
        effort.batch
    ));
    section.note(format!(
        "lego: {} certificates, waits of 0 s, one account; every process counts from its start to its end",
        theirs.certificates
    ));
    section.note(
        "CPU of dns01d from SIGHUP until the last TXT record is removed, with its plugin processes; \
         all chains verified, all serials different",
    );
    section.note(format!(
        "ACME requests are the lines `-> calling handler()` of Pebble's log, those about renewal (ARI) not counted; of \
         dns01d per certificate: {}",
        ours.servers.acme_text(ours.certificates)
    ));
    section.note("DNS updates and queries are the opcodes that BIND counts (statistics-channels)");
    Ok(section)
}

async fn dns01d(site: &Site, parent: &Path, count: usize) -> Result<Batch, Failure> {
    let first = site.fresh(1);
    let home = Home::new(parent, site, &first)?;
    let daemon = home.start(Trust::HashedDirectory)?;
    home.until_live(&daemon, &first, daemon.started).await?;
    site.until_clean(&first).await?;

    let wanted = site.fresh(count);
    let all: Vec<_> = first.into_iter().chain(wanted.clone()).collect();
    home.configure(site, &all)?;
    let servers = site.counts().await?;
    let before = cpu::of_family(daemon.id())?;
    let start = Instant::now();
    daemon.reload()?;
    let wall = home.until_live(&daemon, &wanted, start).await?;
    site.until_clean(&wanted).await?;
    let cpu = cpu::of_family(daemon.id())?.saturating_sub(before);
    let servers = site.counts().await? - &servers;
    daemon.stop().await?;

    let certificates = certificate::verify_all(
        wanted.into_iter().map(|wanted| (home.files(&wanted), wanted)),
        site.pebble.root_pem(),
    )?;
    Ok(Batch {
        certificates,
        wall,
        cpu,
        servers,
    })
}

async fn lego(site: &Site, parent: &Path, count: usize) -> Result<Batch, Failure> {
    let directory = tempfile::Builder::new().prefix("lego-").tempdir_in(parent)?;
    let lego = Lego::new(directory.path().to_owned(), 0);
    for first in site.fresh(1) {
        lego.run(site, &first).await?;
    }

    let wanted = site.fresh(count);
    let servers = site.counts().await?;
    let before = cpu::of_ended_children()?;
    let start = Instant::now();
    stream::iter(&wanted)
        .map(|wanted| lego.run(site, wanted))
        .buffer_unordered(LEGO_PROCESSES)
        .try_for_each(async |_| Ok(()))
        .await?;
    let wall = start.elapsed();
    let cpu = cpu::of_ended_children()?.saturating_sub(before);
    let servers = site.counts().await? - &servers;

    let certificates = certificate::verify_all(
        wanted.into_iter().map(|wanted| (lego.files(&wanted), wanted)),
        site.pebble.root_pem(),
    )?;
    Ok(Batch {
        certificates,
        wall,
        cpu,
        servers,
    })
}
