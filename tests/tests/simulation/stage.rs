//! An engine with everything around it, and the days that it lives through.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use dns01d::{
    acme,
    challenge::{DEFAULT_BATCH_WINDOW, OwnerLocks, Provider, Publisher, Route, Routes},
    dns::{self, Dns},
    engine::{
        Authority, AuthorityOptions, Certificate, DEFAULT_CHALLENGES, DEFAULT_CONCURRENCY, Engine, KeySource,
        Options, World,
    },
    outputs,
    pki::{Chain, ChainPreference, KeyType},
    plugin::ProviderClient,
    preflight::Preflight,
    schedule::Limits,
    secret::Secret,
    store::{CertificateRow, Sqlite, Store},
    types::{CaName, CertificateName, DnsName},
};
use lab::{
    ca::{AcmeCa, CaKnobs},
    dns::{DnsServer, Zone},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    fuse::Fuse,
    name_server::NameServer,
    provider::Host,
    still_store::StillStore,
    virtual_clock::{Seeded, VirtualClock},
    wire::CaWire,
};

/// The zone that holds every name.
pub const ZONE: &str = "test";

/// What one simulation is about.
pub struct Plot {
    pub seed: u64,
    /// One CA for each; their names are `ca0`, `ca1`...
    pub cas: Vec<CaKnobs>,
    /// Name, identifiers, CAs.
    pub certificates: Vec<(String, Vec<String>, Vec<usize>)>,
    /// What the engine believes that the CAs count.
    pub limits: Limits,
    /// After how long an account gets another key.
    pub rollover: Option<Duration>,
}

impl Plot {
    /// One well-behaved CA, and certificates for `n0.test`, `n1.test`...
    pub fn plain(seed: u64, knobs: CaKnobs, certificates: usize) -> Self {
        Plot {
            seed,
            cas: vec![knobs],
            certificates: (0..certificates)
                .map(|number| (format!("n{number}"), vec![format!("n{number}.{ZONE}")], vec![0]))
                .collect(),
            limits: Limits::NONE,
            rollover: None,
        }
    }
}

/// A CA and the way to it.
pub struct Peer {
    pub ca: AcmeCa,
    pub wire: Arc<CaWire>,
    name: CaName,
}

pub struct Stage {
    /// The daemon's.
    pub clock: Arc<VirtualClock>,
    /// The CAs'.
    pub ca_clock: Arc<VirtualClock>,
    pub random: Arc<Seeded>,
    pub dns: Arc<DnsServer>,
    pub peers: Vec<Peer>,
    pub fuse: Arc<Fuse>,
    certificates: Vec<Certificate>,
    limits: Limits,
    /// Between canaries; none unless a test is about them.
    pub canary: Option<Duration>,
    /// The host of DNS does not let us in.
    pub locked_out: Arc<AtomicBool>,
    rollover: Option<Duration>,
    directory: TempDir,
}

/// A daemon that lives. Dropping it kills it.
pub struct Life {
    pub engine: Arc<Engine>,
    pub store: Arc<StillStore>,
    running: tokio::task::JoinHandle<()>,
}

impl Stage {
    pub fn new(plot: Plot) -> Self {
        let clock = Arc::new(VirtualClock::new());
        let ca_clock = Arc::new(VirtualClock::new());
        let fuse = Arc::new(Fuse::default());
        let dns = Arc::new(DnsServer::offline(vec![Zone::new(ZONE).unwrap()]));
        let peer = |(number, knobs): (usize, CaKnobs)| {
            let seed = plot.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
            let (ca, router) = AcmeCa::offline(dns.clone(), ca_clock.clone(), knobs, seed).unwrap();
            let timeout = acme::DEFAULT_REQUEST_TIMEOUT;
            Peer {
                ca,
                wire: Arc::new(CaWire::new(router, clock.clone(), fuse.clone(), timeout)),
                name: format!("ca{number}").parse().unwrap(),
            }
        };
        let directory = directory();
        let certificates = plot
            .certificates
            .iter()
            .map(|(name, identifiers, cas)| certificate(&directory, name, identifiers, cas))
            .collect();
        Stage {
            random: Arc::new(Seeded::new(plot.seed)),
            peers: plot.cas.into_iter().enumerate().map(peer).collect(),
            certificates,
            limits: plot.limits,
            canary: None,
            locked_out: Arc::default(),
            rollover: plot.rollover,
            clock,
            ca_clock,
            dns,
            fuse,
            directory,
        }
    }

    /// Starts a daemon on what the one before it left.
    pub async fn start(&self) -> Life {
        let database = self.directory.path().join("state.db");
        let store = Arc::new(StillStore::new(
            Sqlite::open(&database).unwrap(),
            self.fuse.clone(),
        ));
        let world = self.world(store.clone());
        let engine = Engine::new(
            store.clone(),
            self.clock.clone(),
            self.random.clone(),
            self.options(),
            world,
        );
        let engine = Arc::new(engine);
        let living = engine.clone();
        let running = tokio::spawn(async move {
            living.boot().await.unwrap();
            living.run(CancellationToken::new(), Duration::ZERO).await;
        });
        Life {
            engine,
            store,
            running,
        }
    }

    /// A daemon's life of so long, and its sudden end.
    pub async fn live(&self, time: Duration) {
        let life = self.start().await;
        tokio::time::sleep(time).await;
        life.kill().await;
    }

    /// The certificate that servers would read now.
    pub fn live_chain(&self, name: &str) -> Option<Chain> {
        let certificate = self
            .certificates
            .iter()
            .find(|certificate| certificate.name.as_str() == name)?;
        let outputs = outputs::Outputs::new(certificate.output.clone());
        Some(outputs.live().unwrap()?.chain)
    }

    fn options(&self) -> Options {
        Options {
            concurrency: DEFAULT_CONCURRENCY,
            canary: self.canary,
        }
    }

    /// TXT values that stand anywhere.
    pub fn txt(&self) -> Vec<String> {
        let records = self.dns.records().into_iter();
        let texts = records.filter(|record| record.record_type == "TXT");
        texts.map(|record| record.value).collect()
    }

    /// How the engine speaks to a CA.
    pub fn acme_options(&self, peer: &Peer) -> acme::Options {
        acme::Options {
            name: peer.name.clone(),
            directory: peer.ca.directory_url().parse().unwrap(),
            contacts: Vec::new(),
            agree_terms: true,
            ca_file: None,
            request_timeout: acme::DEFAULT_REQUEST_TIMEOUT,
            request_rate: acme::DEFAULT_REQUEST_RATE,
        }
    }

    /// The files that keys of accounts are in, by name.
    pub fn account_files(&self) -> BTreeMap<String, Secret> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let of_accounts = paths.filter(|path| path.is_file() && !name_of(path).starts_with("state.db"));
        of_accounts
            .map(|path| {
                (
                    name_of(&path).to_owned(),
                    Secret::new(std::fs::read_to_string(&path).unwrap()),
                )
            })
            .collect()
    }

    fn world(&self, store: Arc<dyn Store>) -> World {
        let host: Arc<dyn ProviderClient> = Arc::new(Host {
            dns: self.dns.clone(),
            fuse: self.fuse.clone(),
            locked_out: self.locked_out.clone(),
        });
        let instance: dns01d::types::InstanceName = "host".parse().unwrap();
        let apex: DnsName = ZONE.parse().unwrap();
        let server = self.dns.addr();
        let zone = dns::ZoneOptions {
            authorities: vec![dns::Authority::Address(server)],
            ..dns::ZoneOptions::default()
        };
        let dns = dns::Options {
            resolvers: vec![server.into()],
            zones: BTreeMap::from([(apex, zone)]),
            ..dns::Options::default()
        };
        let route = Route {
            suffix: None,
            instance: instance.clone(),
        };
        let dns = Dns::over(Arc::new(NameServer(self.dns.clone())), dns).unwrap();
        let provider = Provider {
            client: host,
            batch_window: DEFAULT_BATCH_WINDOW,
        };
        let publisher = Publisher::new(
            store.clone(),
            dns.clone(),
            Routes::new(vec![route]),
            BTreeMap::from([(instance, provider)]),
            Arc::new(OwnerLocks::default()),
        );
        let authority = |peer: &Peer| {
            let options = AuthorityOptions {
                acme: self.acme_options(peer),
                account_key: acme::Algorithm::Es256,
                external_account: None,
                rollover: self.rollover,
                limits: self.limits,
                despite_dns: false,
                staging: false,
                trial: None,
            };
            let key = self.directory.path().join(format!("{}.pem", peer.name));
            let authority = Authority::new(options, key, store.clone(), self.clock.clone());
            (peer.name.clone(), Arc::new(authority.over(peer.wire.clone())))
        };
        World {
            certificates: self
                .certificates
                .iter()
                .map(|certificate| (certificate.name.clone(), certificate.clone()))
                .collect(),
            authorities: self.peers.iter().map(authority).collect(),
            publisher: Arc::new(publisher),
            preflight: Preflight::new(dns),
            propagation_timeout: None,
        }
    }
}

impl Life {
    /// Ends it at whatever await it stands.
    pub async fn kill(self) {
        let Life {
            engine,
            store,
            running,
        } = self;
        running.abort();
        drop(engine);
        // its tasks are gone when nobody holds the store any more; only then may the next one open it
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// Has it read the same configuration again.
    pub async fn reload(&self, stage: &Stage) {
        let world = stage.world(self.store.clone());
        self.engine.reload(stage.options(), world).await.unwrap();
    }

    /// As the store has it.
    pub async fn row(&self, name: &str) -> CertificateRow {
        let name: CertificateName = name.parse().unwrap();
        self.store.certificate(name).await.unwrap().unwrap()
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

/// In memory where there is such a place: these are tests of time, not of disks.
fn directory() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

fn certificate(directory: &TempDir, name: &str, identifiers: &[String], cas: &[usize]) -> Certificate {
    let mut identifiers: Vec<_> = identifiers.iter().map(|text| text.parse().unwrap()).collect();
    identifiers.sort();
    Certificate {
        name: name.parse().unwrap(),
        identifiers,
        cas: cas
            .iter()
            .map(|number| format!("ca{number}").parse().unwrap())
            .collect(),
        profiles: BTreeMap::new(),
        key: KeySource::Generate(KeyType::EcdsaP256),
        challenges: DEFAULT_CHALLENGES.into(),
        chain: ChainPreference::Default,
        lifetime: None,
        standing_lifetime: None,
        output: outputs::Options {
            directory: directory.path().join("certificates").join(name),
            owner: None,
            group: None,
            with_key: true,
            key_mode: outputs::DEFAULT_KEY_MODE,
            mode: outputs::DEFAULT_MODE,
        },
        hook: None,
    }
}
