//! One certificate from nothing: no account, no state, no process.

use std::{path::Path, time::Duration};

use crate::{
    Effort, Failure, certificate, cpu,
    home::{Home, Trust},
    lego::Lego,
    report::{Section, goal},
    say,
    site::Site,
    spread::Spread,
};

const GOAL_WALL: Duration = Duration::from_millis(200);
const GOAL_CPU: Duration = Duration::from_millis(30);

/// Who is measured.
#[derive(Clone, Copy, Debug)]
enum Client {
    Dns01d(Trust),
    /// With waits of so many seconds.
    Lego(u32),
}

/// One run.
#[derive(Clone, Copy, Debug)]
struct Run {
    wall: Duration,
    cpu: Duration,
    requests: u64,
    updates: u64,
}

pub(crate) async fn section(site: &mut Site, parent: &Path, effort: Effort) -> Result<Section, Failure> {
    let mut section = Section::new(
        "One wildcard + apex certificate from a fresh state, registration included",
        &[
            "client",
            "runs",
            "wall: median (range)",
            "CPU: median (range)",
            "ACME requests",
            "DNS updates",
            "goals",
        ],
    );
    let clients = [
        (
            "dns01d, environment of its unit",
            Client::Dns01d(Trust::HashedDirectory),
            effort.single,
        ),
        (
            "dns01d, no environment",
            Client::Dns01d(Trust::Bundle),
            effort.single_others,
        ),
        ("lego, waits of 0 s", Client::Lego(0), effort.single_others),
        ("lego, waits of 1 s", Client::Lego(1), effort.single_others),
    ];
    for (name, client, runs) in clients {
        say(&format!("one certificate, {runs} times: {name}"));
        let mut done = Vec::new();
        while done.len() < runs {
            match run(site, parent, client).await {
                Ok(run) => done.push(run),
                Err(failure) => site.restart_pebble(failure).await?,
            }
        }
        let of = |what: fn(&Run) -> Duration| Spread::of(done.iter().map(what).collect()).ok_or("no runs");
        let (wall, cpu) = (of(|run| run.wall)?, of(|run| run.cpu)?);
        let goals = match client {
            Client::Dns01d(Trust::HashedDirectory) => format!(
                "{}; {}",
                goal("200 ms", wall.median() <= GOAL_WALL),
                goal("30 ms of CPU", cpu.median() <= GOAL_CPU)
            ),
            Client::Dns01d(Trust::Bundle) | Client::Lego(_) => String::new(),
        };
        let most = |what: fn(&Run) -> u64| range(done.iter().map(what).collect());
        section.row([
            name.to_owned(),
            runs.to_string(),
            wall.text(),
            cpu.text(),
            most(|run| run.requests),
            most(|run| run.updates),
            goals,
        ]);
    }
    section.note(
        "wall: from the start of the process until `live` points to the new generation (lego: until it ends)",
    );
    section.note(
        "CPU: user and system, of the daemon from its start over the removal of the records to its end \
         after SIGTERM, with its plugin processes",
    );
    section
        .note("the unit sets SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/etc/ssl/certs: see \"The system's CAs\"");
    Ok(section)
}

async fn run(site: &Site, parent: &Path, client: Client) -> Result<Run, Failure> {
    let wanted = site.fresh(1);
    let servers = site.counts().await?;
    let before = cpu::of_ended_children()?;
    let (wall, files, _directory) = match client {
        Client::Dns01d(trust) => {
            let home = Home::new(parent, site, &wanted)?;
            let daemon = home.start(trust)?;
            let wall = home.until_live(&daemon, &wanted, daemon.started).await?;
            site.until_clean(&wanted).await?;
            daemon.stop().await?;
            (wall, home.files(&wanted[0]), Directory::Dns01d(home))
        }
        Client::Lego(waits) => {
            let directory = tempfile::Builder::new().prefix("lego-").tempdir_in(parent)?;
            let lego = Lego::new(directory.path().to_owned(), waits);
            let wall = lego.run(site, &wanted[0]).await?;
            (wall, lego.files(&wanted[0]), Directory::Lego(directory))
        }
    };
    let cpu = cpu::of_ended_children()?.saturating_sub(before);
    let servers = site.counts().await? - &servers;
    certificate::verify(&files, site.pebble.root_pem(), &wanted[0])?;
    Ok(Run {
        wall,
        cpu,
        requests: servers.acme(),
        updates: servers.updates,
    })
}

/// Held until what it holds is verified.
#[expect(dead_code, reason = "dropping it is its use")]
enum Directory {
    Dns01d(Home),
    Lego(tempfile::TempDir),
}

fn range(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    match (values.first(), values.last()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (Some(value), _) => value.to_string(),
        (None, _) => String::new(),
    }
}
