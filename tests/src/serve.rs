//! `dns01-lab serve`: starts both servers and writes down how to reach them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use lab::admin::{Admin, Lab};
use lab::ca::{AcmeCa, CaKnobs, CaOptions};
use lab::dns::{DnsOptions, DnsServer, TsigKey, UpdatePolicy, Zone};
use serde_json::json;

use crate::Failure;

/// What the demo's key is called.
const KEY_NAME: &str = "lab-key";

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Where DNS listens, UDP and TCP; port 0 takes a free one.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    dns: SocketAddr,
    /// Where the CA listens, HTTPS.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    acme: SocketAddr,
    /// Where the admin endpoint listens, plain HTTP without any access control.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    admin: SocketAddr,
    /// A zone to serve; give it again for more.
    #[arg(long = "zone", required = true)]
    zones: Vec<String>,
    /// A file with `name:algorithm:base64`; made with a fresh key if it is not there.
    #[arg(long)]
    tsig_file: Option<PathBuf>,
    /// The key itself. Everyone on the machine can read it in the list of processes.
    #[arg(long, conflicts_with = "tsig_file", value_name = "NAME:ALGORITHM:BASE64")]
    tsig_key: Option<String>,
    /// How long certificates live: `2m`, `36h`.
    #[arg(long, default_value = "2160h")]
    lifetime: SignedDuration,
    /// Updates may change everything, and not only TXT below `_acme-challenge`.
    #[arg(long)]
    allow_all_updates: bool,
    /// Where acme-root.pem, https-root.pem, tsig.secret, tsig.key and lab.json are written.
    #[arg(long)]
    directory: PathBuf,
}

pub(crate) async fn run(serve: Serve, end: impl Future<Output = std::io::Result<()>>) -> Result<(), Failure> {
    let lifetime = Duration::try_from(serve.lifetime).map_err(|_| "--lifetime must not be negative")?;
    fs::create_dir_all(&serve.directory)?;
    let key = key(&serve)?;
    let zones = serve
        .zones
        .iter()
        .map(|zone| Zone::new(zone))
        .collect::<Result<Vec<_>, _>>()?;
    let policy = if serve.allow_all_updates {
        UpdatePolicy::Anything
    } else {
        UpdatePolicy::default()
    };
    let dns = DnsOptions {
        listen: serve.dns,
        keys: vec![key.clone()],
        policy,
        ..DnsOptions::new(zones)
    };
    let dns = Arc::new(DnsServer::start(dns).await?);
    let knobs = CaKnobs {
        lifetime,
        ..CaKnobs::default()
    };
    let ca = CaOptions {
        listen: serve.acme,
        knobs,
        ..CaOptions::new(vec![dns.addr()])
    };
    let ca = Arc::new(AcmeCa::start(ca).await?);
    let admin = Admin::start(
        serve.admin,
        Lab {
            ca: ca.clone(),
            dns: dns.clone(),
        },
    )
    .await?;

    let write = |name: &str, content: &str| replace(&serve.directory, name, content);
    write("acme-root.pem", ca.acme_root_pem())?;
    write("https-root.pem", ca.https_root_pem())?;
    write("tsig.secret", &format!("{}\n", key.secret_base64()))?;
    write("tsig.key", &key.bind_text())?;
    // last: whoever sees it finds everything else in place
    let facts = json!({
        "directory-url": ca.directory_url(),
        "dns": dns.addr(),
        "zones": serve.zones,
        "admin-url": format!("http://{}", admin.addr()),
        "tsig-key": key.name(),
        "tsig-algorithm": key.algorithm(),
        "acme-root": serve.directory.join("acme-root.pem"),
        "https-root": serve.directory.join("https-root.pem"),
        "tsig-secret": serve.directory.join("tsig.secret"),
    });
    write("lab.json", &format!("{facts:#}\n"))?;

    println!(
        "CA       {}, certificates live {}",
        ca.directory_url(),
        human(lifetime)
    );
    println!(
        "DNS      {}, authoritative for {}",
        dns.addr(),
        serve.zones.join(", ")
    );
    println!("updates  with TSIG key {} ({})", key.name(), key.algorithm());
    println!("admin    http://{}", admin.addr());
    println!("files    {}", serve.directory.join("lab.json").display());
    end.await?;
    let counts = ca.counts();
    println!(
        "lab      ends: {} accounts, {} orders, {} certificates, {} updates",
        counts.accounts,
        counts.orders,
        counts.certificates,
        dns.updates().len()
    );
    Ok(())
}

fn key(serve: &Serve) -> Result<TsigKey, Failure> {
    if let Some(text) = &serve.tsig_key {
        return Ok(TsigKey::parse(text)?);
    }
    let Some(file) = &serve.tsig_file else {
        return Ok(TsigKey::generate(KEY_NAME)?);
    };
    match fs::read_to_string(file) {
        Ok(text) => Ok(TsigKey::parse(text.trim())?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = TsigKey::generate(KEY_NAME)?;
            let directory = file.parent().unwrap_or(Path::new("."));
            let name = file
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or("--tsig-file needs a file name")?;
            replace(directory, name, &format!("{}\n", key.text()))?;
            Ok(key)
        }
        Err(error) => Err(format!("cannot read {}: {error}", file.display()).into()),
    }
}

/// Puts the file there whole or not at all, readable by its owner only.
fn replace(directory: &Path, name: &str, content: &str) -> Result<(), Failure> {
    let fail = |error: std::io::Error| format!("cannot write {}: {error}", directory.join(name).display());
    // NamedTempFile makes it 0600
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail)?;
    std::io::Write::write_all(&mut file, content.as_bytes()).map_err(fail)?;
    file.persist(directory.join(name))
        .map_err(|error| fail(error.error))?;
    Ok(())
}

fn human(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map(|signed| format!("{signed:#}"))
        .unwrap_or_default()
}
