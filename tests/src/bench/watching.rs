//! What it costs to wait for records, and how soon they are seen: the daemon's own code on BIND 9, in this process.

use std::{collections::BTreeMap, net::SocketAddr, process::id, time::Duration};

use dns01d::{
    dns::{Authority, Dns, Location, Options, Pace, Wanted, ZoneOptions},
    types::DnsName,
};
use lab::{named::Named, nsupdate::updated};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep},
};

use crate::{
    Effort, Failure, cpu,
    report::{Section, goal},
    say,
    spread::{Spread, millis},
};

/// Of issue and goal: a thousand names in fifty zones.
const ZONES: usize = 50;
const NAMES: usize = 20;
const SERVERS: usize = 3;
/// From publication on the slowest server to "visible".
const GOAL_SEEN: Duration = Duration::from_millis(50);
/// Of one core.
const GOAL_SHARE: f64 = 5.0;
const LONGEST: Duration = Duration::from_secs(600);

pub(crate) async fn section(effort: Effort) -> Result<Section, Failure> {
    let seen = seen(effort.single * 4).await?;
    let Cost {
        share,
        questions,
        late,
    } = cost(effort.watched * 3).await?;
    let mut section = Section::new("Waiting for records, on BIND 9", &["what", "dns01d", "goal"]);
    section.row([
        format!("from publication on the slowest of {SERVERS} servers to visible, twice at each"),
        seen.text(),
        goal(
            &format!("{} in the median", millis(GOAL_SEEN)),
            seen.median() <= GOAL_SEEN,
        ),
    ]);
    section.row([
        format!(
            "{} names in {ZONES} zones, {} waits at once: share of one core",
            ZONES * NAMES,
            ZONES * NAMES
        ),
        format!("{share:.1} %"),
        goal(&format!("under {GOAL_SHARE} %"), share < GOAL_SHARE),
    ]);
    section.note(format!(
        "nothing was there for {} s, in which {questions} questions were asked, closely at first and each later one a \
         fifth more apart; all names were seen {late:.1?} after the last was published",
        effort.watched * 3
    ));
    Ok(section)
}

async fn seen(times: usize) -> Result<Spread, Failure> {
    say(&format!(
        "{times} records, each on {SERVERS} servers one after the other"
    ));
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(server(1).await?);
    }
    let addresses: Vec<SocketAddr> = servers.iter().map(Named::addr).collect();
    let dns = dns(1, &addresses)?;
    let mut took = Vec::new();
    for time in 0..times {
        let owner = format!("_acme-challenge.n{time}.{}", zone(0));
        let wanted = wanted(&dns, &owner).await?;
        let waiting = dns.clone();
        let wait = tokio::spawn(async move {
            let end = Instant::now() + LONGEST;
            let report = waiting.wait_visible(&[wanted], Pace::default(), end, drop).await;
            report.map(|_| Instant::now())
        });
        for address in addresses.clone() {
            let script = vec![(zone(0), vec![owner.clone()])];
            spawn_blocking(move || publish(address, &script)).await??;
        }
        let published = Instant::now();
        took.push(wait.await??.saturating_duration_since(published));
    }
    Spread::of(took).ok_or_else(|| "nothing was measured".into())
}

struct Cost {
    share: f64,
    questions: usize,
    late: Duration,
}

async fn cost(seconds: u64) -> Result<Cost, Failure> {
    let names = ZONES * NAMES;
    say(&format!("{names} names in {ZONES} zones, for {seconds} s"));
    let server = server(ZONES).await?;
    let dns = dns(ZONES, &[server.addr()])?;
    let owners: Vec<(String, Vec<String>)> = (0..ZONES)
        .map(|at| {
            let owner = |name| format!("_acme-challenge.n{name}.{}", zone(at));
            (zone(at), (0..NAMES).map(owner).collect())
        })
        .collect();
    let mut waits = JoinSet::new();
    let mut all = Vec::new();
    for owner in owners.iter().flat_map(|(_, owners)| owners) {
        all.push(wanted(&dns, owner).await?);
    }
    let asked = server.asked().len();
    let before = cpu::of_process(id())?;
    let began = Instant::now();
    for wanted in all {
        let dns = dns.clone();
        waits.spawn(async move {
            dns.wait_visible(&[wanted], Pace::default(), began + LONGEST, drop)
                .await
        });
    }
    sleep(Duration::from_secs(seconds)).await;
    let used = cpu::of_process(id())?.saturating_sub(before);
    let questions = server.asked().len() - asked;
    let address = server.addr();
    spawn_blocking(move || publish(address, &owners)).await??;
    let published = Instant::now();
    while let Some(report) = waits.join_next().await {
        report??;
    }
    Ok(Cost {
        share: 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64().min(seconds as f64),
        questions,
        late: published.elapsed(),
    })
}

fn zone(at: usize) -> String {
    format!("z{at}.example.test")
}

async fn server(zones: usize) -> Result<Named, Failure> {
    let text = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 3\n@ NS ns1\nns1 A 127.0.0.1\n";
    let mut configuration = String::new();
    let mut files = Vec::new();
    for at in 0..zones {
        let name = zone(at);
        configuration += &format!(
            "zone \"{name}\" {{ type primary; file \"{name}\"; allow-update {{ 127.0.0.1; }}; }};\n"
        );
        files.push(name);
    }
    let files: Vec<(&str, &str)> = files.iter().map(|name| (name.as_str(), text)).collect();
    Ok(Named::start(&zone(0), "recursion no;", &configuration, &files).await?)
}

fn dns(zones: usize, servers: &[SocketAddr]) -> Result<Dns, Failure> {
    let asks = ZoneOptions {
        authorities: servers.iter().map(|server| Authority::Address(*server)).collect(),
        ..ZoneOptions::default()
    };
    let mut of_zones = BTreeMap::new();
    for at in 0..zones {
        of_zones.insert(zone(at).parse()?, asks.clone());
    }
    Ok(Dns::new(Options {
        zones: of_zones,
        ..Options::default()
    })?)
}

async fn wanted(dns: &Dns, owner: &str) -> Result<Wanted, Failure> {
    let owner: DnsName = owner.parse()?;
    let location: Location = dns.locate(&owner).await?;
    Ok(Wanted {
        location,
        values: vec!["v1".into()],
    })
}

/// Adds a value at every name; returns when the server has them.
fn publish(server: SocketAddr, zones: &[(String, Vec<String>)]) -> std::io::Result<()> {
    let lines = |owners: &Vec<String>| {
        let lines = owners.iter().map(|owner| format!("update add {owner} 60 TXT v1"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let zones: Vec<(&str, String)> = zones
        .iter()
        .map(|(zone, owners)| (zone.as_str(), lines(owners)))
        .collect();
    let zones: Vec<(&str, &str)> = zones
        .iter()
        .map(|(zone, lines)| (*zone, lines.as_str()))
        .collect();
    updated::<&str>(server, &zones, &[])
}
