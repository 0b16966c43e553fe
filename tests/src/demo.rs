//! `dns01-lab demo`: a wildcard certificate issued, served, renewed and rescued, with every step in
//! plain words. Everything listens on loopback and is gone at the end.

mod handshakes;
mod scene;

use std::time::Duration;

use clap::Args;
use lab::{
    ca::{AcmeCa, CaKnobs, CaOptions},
    dns::{DnsOptions, DnsServer, TsigKey, Zone},
    tls_server::TlsServer,
};

use self::{handshakes::Handshakes, scene::Scene};
use crate::Failure;

/// The zone above all names of the lab.
const TOP: &str = "test";
const ZONE: &str = "internal.example.test";
const HOST: &str = "host.internal.example.test";
/// Renewed at half of it.
const LIFETIME: Duration = Duration::from_secs(40);
/// How long the CA hesitates when the daemon is to be killed while it waits.
const HESITATION: Duration = Duration::from_secs(4);

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Keep everything running at the end, until Ctrl-C
    #[arg(long)]
    stay: bool,
}

pub(crate) async fn run(demo: Demo, end: impl Future<Output = std::io::Result<()>>) -> Result<(), Failure> {
    tokio::pin!(end);
    tokio::select! {
        ended = &mut end => { ended?; println!("\nstopped; nothing is left behind"); return Ok(()) }
        played = play() => {
            let stage = played?;
            if demo.stay {
                stage.scene.say(&format!(
                    "everything stays up until Ctrl-C. In another terminal, for example:\n  {}\n  openssl s_client -connect {} -servername {HOST} -CAfile {}",
                    stage.scene.command_line("status"),
                    stage.tls.addr(),
                    stage.scene.path("acme-root.pem").display(),
                ));
                end.await?;
            }
        }
    }
    println!("\nThe demo has ended and left nothing behind. Where to go from here: README.md");
    Ok(())
}

/// What must live on when the demo stays.
struct Stage {
    tls: TlsServer,
    scene: Scene,
    _dns: DnsServer,
    _ca: AcmeCa,
}

async fn play() -> Result<Stage, Failure> {
    let key = TsigKey::generate("demo-key")?;
    let dns = DnsOptions {
        keys: vec![key.clone()],
        // CAs climb to the top in search of CAA records
        ..DnsOptions::new(vec![Zone::new(ZONE)?, Zone::new(TOP)?])
    };
    let dns = DnsServer::start(dns).await?;
    let knobs = CaKnobs {
        lifetime: LIFETIME,
        ..CaKnobs::default()
    };
    let ca = AcmeCa::start(CaOptions {
        knobs,
        ..CaOptions::new(vec![dns.addr()])
    })
    .await?;
    let mut scene = Scene::set(&ca, &dns, &key)?;

    scene.title("1. The lab");
    scene.say(&format!("an ACME CA (RFC 8555) at {}", ca.directory_url()));
    scene.say(&format!(
        "a DNS server for {ZONE} at {}, which takes TSIG-signed updates of TXT below _acme-challenge",
        dns.addr()
    ));
    scene.say(&format!("the configuration: {}", scene.config().display()));

    scene.title("2. `dns01d check`: is the configuration right?");
    scene.run(&["check"]).await?;

    scene.title("3. `dns01d run`: a wildcard certificate is issued");
    scene.start().await?;
    let first = scene.issued(None).await?;
    scene.say(&format!(
        "serial {first}; the CA has issued {} certificate(s) to {} account(s)",
        ca.counts().certificates,
        ca.counts().accounts
    ));
    scene.say(&format!(
        "both values came in one DNS update; TXT records left in the zone: {}",
        challenge_records(&dns).await
    ));
    scene.run(&["status"]).await?;

    scene.title("4. A TLS server uses the live files");
    let live = scene.live();
    let tls = TlsServer::start(
        ([127, 0, 0, 1], 0).into(),
        &live.join("fullchain.pem"),
        &live.join("key.pem"),
    )
    .await?;
    scene.served(tls.addr(), HOST)?;

    scene.title("5. The renewal, by itself, at half of its 40 seconds");
    let handshakes = Handshakes::start(tls.addr(), HOST, ca.acme_root_pem())?;
    let second = scene.issued(Some(&first)).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen = handshakes.stop().await?;
    scene.say(&format!("serial {first} -> {second}"));
    scene.say(&format!(
        "meanwhile a client made {} TLS handshakes, each verified against the lab's root: {} failed, {} serial numbers seen",
        seen.done, seen.failed, seen.serials.len()
    ));
    if seen.failed > 0 || seen.serials.len() < 2 {
        return Err("a handshake was dropped, or the new certificate was not served".into());
    }
    scene.served(tls.addr(), HOST)?;

    scene.title("6. kill -9 at a bad moment: the CA is looking, the records are in the zone");
    ca.expire_authorizations();
    ca.knobs().update(|knobs| knobs.validation_delay = HESITATION);
    let before = ca.counts();
    scene.wait_for_state("answered", &second).await?;
    scene.kill()?;
    scene.say(&format!(
        "killed; TXT records standing in the zone: {}",
        dns.records()
            .iter()
            .filter(|record| record.record_type == "TXT")
            .count()
    ));
    scene.start().await?;
    let third = scene.issued(Some(&second)).await?;
    let after = ca.counts();
    ca.knobs().update(|knobs| knobs.validation_delay = Duration::ZERO);
    scene.say(&format!(
        "it went on with the same order and the same key: {} order, {} certificate, {} account more at the CA",
        after.orders - before.orders, after.certificates - before.certificates, after.accounts - before.accounts
    ));
    scene.say(&format!(
        "TXT records left in the zone: {}",
        challenge_records(&dns).await
    ));
    if after.certificates - before.certificates != 1 {
        return Err("the kill cost a certificate".into());
    }
    scene.served(tls.addr(), HOST)?;
    scene.say(&format!("serial {third}"));

    Ok(Stage {
        tls,
        scene,
        _dns: dns,
        _ca: ca,
    })
}

/// How many challenge records stand once clean-up had its time.
async fn challenge_records(dns: &DnsServer) -> usize {
    let count = || {
        dns.records()
            .iter()
            .filter(|record| record.record_type == "TXT")
            .count()
    };
    for _ in 0..100 {
        if count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    count()
}
