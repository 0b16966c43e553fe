//! `dns01d check --online`: everything that an issuance would meet, but the CA's own look.

mod alone;
mod authority;
mod certificate;
mod configured;
mod finding;
mod foreseen;
mod name;
mod prospects;
mod provider;
mod remedy;
mod scope;
mod zone;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::Arc,
};

use futures_util::{
    StreamExt as _,
    future::{join_all, join3},
    stream,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::{finding::Notes, name::Place, prospects::Way, scope::Name};
use crate::{
    challenge::{CanaryPlace, Flight},
    clock::Clock,
    control::protocol::{Finding, OnlineLine, OnlineReport, Part, Prospect},
    dns::Location,
    engine::{Engine, World},
    types::{CertificateName, DnsName, Identifier, InstanceName},
};

pub use alone::alone;
pub(super) use configured::{Configured, in_force, libraries};
pub(super) use scope::Scope;

/// Names that are worked at once. Their providers take fewer calls if they say so.
const NAMES_AT_ONCE: usize = 16;
/// Places that are looked for at once.
const PLACES_AT_ONCE: usize = 32;

/// What a look goes by.
pub(super) struct Look {
    pub world: Arc<World>,
    /// The one whose canaries are known to be well again; `None` without a daemon.
    pub engine: Option<Arc<Engine>>,
    pub clock: Arc<dyn Clock>,
    /// Findings about the configuration as a whole.
    pub configuration: Vec<Configured>,
    /// What each instance is made of, for people.
    pub libraries: BTreeMap<InstanceName, String>,
    /// Calls every canary back.
    pub stop: CancellationToken,
}

/// Lines of parts, in the order in which they are told.
type Told = Vec<mpsc::Receiver<OnlineLine>>;

impl Look {
    /// Looks at everything in the scope and tells of it. Ends early, with every canary removed, when nobody listens
    /// any more or it is told to stop.
    pub async fn run(self, scope: Scope, sink: mpsc::Sender<OnlineLine>) {
        let began = Instant::now();
        let gone = async {
            sink.closed().await;
            self.stop.cancel();
            pending::<()>().await;
        };
        let prospects = tokio::select! {
            prospects = self.work(&scope, &sink) => prospects,
            () = gone => return,
        };
        if !self.stop.is_cancelled() {
            let certificates = prospects;
            let took = began.elapsed();
            // whoever has gone needs no end
            let _ = sink
                .send(OnlineLine::Done(OnlineReport { certificates, took }))
                .await;
        }
    }

    async fn work(&self, scope: &Scope, sink: &mpsc::Sender<OnlineLine>) -> Vec<Prospect> {
        let mut findings = self.configuration(sink).await;
        let places = self.places(scope).await;
        let way = |place: &CanaryPlace| Way {
            instance: place.instance.clone(),
            zone: place.location.zone.clone(),
        };
        let ways: BTreeMap<DnsName, Way> = places
            .iter()
            .filter_map(|(name, (place, _))| Some((name.clone(), way(place.as_ref().ok()?))))
            .collect();

        let (providing, mut told) = self.providers(&ways);
        let (of_zones, more) = self.zones(&ways);
        told.extend(more);
        let (runs, of_zones, ()) = join3(providing, of_zones, tell(told, sink)).await;
        findings.extend(of_zones);
        let running: BTreeSet<&InstanceName> = runs
            .iter()
            .filter(|(_, runs, _)| *runs)
            .map(|(instance, ..)| instance)
            .collect();
        findings.extend(runs.iter().flat_map(|(.., findings)| findings.iter().cloned()));

        let (of_names, mut told) = self.names(scope, &places, &running);
        // the size of an answer is looked at when no canary stands there
        let (landed, no_canary) = oneshot::channel();
        let of_names = async {
            let found = of_names.await;
            // whoever waited for it may have ended
            let _ = landed.send(());
            found
        };
        let (of_certificates, more) = self.certificates(scope, &places, no_canary);
        told.extend(more);
        let (of_names, of_certificates, ()) = join3(of_names, of_certificates, tell(told, sink)).await;
        findings.extend(of_names);
        findings.extend(of_certificates);
        prospects::prospects(&self.world, scope, &findings, &ways)
    }

    async fn configuration(&self, sink: &mpsc::Sender<OnlineLine>) -> Vec<Finding> {
        let (mut notes, lines) = Notes::new(Part::Configuration);
        for one in &self.configuration {
            let finding = notes.step("files", one.seen.clone(), std::time::Duration::ZERO);
            notes.add(Finding {
                verdict: one.verdict,
                remedy: one.remedy.clone(),
                ..finding
            });
        }
        let findings = notes.findings.clone();
        drop(notes);
        tell(vec![lines], sink).await;
        findings
    }

    async fn places(&self, scope: &Scope) -> BTreeMap<DnsName, Place> {
        let names: Vec<Name> = scope.names.clone();
        let publisher = &self.world.publisher;
        let located = stream::iter(names).map(|name| async move {
            let place = name::locate(publisher, &name).await?;
            Some((name.name, place))
        });
        located
            .buffer_unordered(PLACES_AT_ONCE)
            .filter_map(async |place| place)
            .collect()
            .await
    }

    /// Each instance that names go through, whether it runs, and what was found.
    fn providers(
        &self,
        ways: &BTreeMap<DnsName, Way>,
    ) -> (
        impl Future<Output = Vec<(InstanceName, bool, Vec<Finding>)>>,
        Told,
    ) {
        let mut names: BTreeMap<InstanceName, Vec<DnsName>> = BTreeMap::new();
        for (name, way) in ways {
            names.entry(way.instance.clone()).or_default().push(name.clone());
        }
        let mut told = Told::new();
        let mut looks = Vec::new();
        for (instance, names) in names {
            let (mut notes, lines) = Notes::new(Part::Provider(instance.clone()));
            told.push(lines);
            let library = self.libraries.get(&instance).cloned().unwrap_or_default();
            looks.push(async move {
                let publisher = &self.world.publisher;
                let runs = provider::look(publisher, &instance, &library, &names, &mut notes).await;
                (instance, runs, notes.findings)
            });
        }
        (join_all(looks), told)
    }

    /// How each zone looks from all sides.
    fn zones(&self, ways: &BTreeMap<DnsName, Way>) -> (impl Future<Output = Vec<Finding>>, Told) {
        let zones: BTreeSet<&DnsName> = ways.values().map(|way| &way.zone).collect();
        let mut told = Told::new();
        let mut looks = Vec::new();
        for zone in zones {
            let (mut notes, lines) = Notes::new(Part::Zone(zone.clone()));
            told.push(lines);
            looks.push(async move {
                zone::look(self.world.publisher.dns(), zone, &mut notes).await;
                notes.findings
            });
        }
        let looked = async {
            let found: Vec<Vec<Finding>> = stream::iter(looks).buffered(NAMES_AT_ONCE).collect().await;
            found.concat()
        };
        (looked, told)
    }

    fn names(
        &self,
        scope: &Scope,
        places: &BTreeMap<DnsName, Place>,
        running: &BTreeSet<&InstanceName>,
    ) -> (impl Future<Output = Vec<Finding>>, Told) {
        let mut told = Told::new();
        let mut looks = Vec::new();
        for name in &scope.names {
            let (notes, lines) = Notes::new(Part::Name(name.name.clone()));
            told.push(lines);
            let place = places.get(&name.name);
            let instance = place.and_then(|(place, _)| Some(&place.as_ref().ok()?.instance));
            let runs = instance.is_some_and(|instance| running.contains(instance));
            looks.push(self.name(name, place, runs, notes));
        }
        let worked = async {
            let found: Vec<Vec<Finding>> = stream::iter(looks).buffered(NAMES_AT_ONCE).collect().await;
            found.concat()
        };
        (worked, told)
    }

    async fn name(&self, name: &Name, place: Option<&Place>, runs: bool, mut notes: Notes) -> Vec<Finding> {
        let publisher = &self.world.publisher;
        let Some(certificate) = name.certificates.first() else {
            return Vec::new();
        };
        let flight = Flight {
            certificate,
            propagation: self.world.propagation_timeout,
            clock: self.clock.as_ref(),
            stop: &self.stop,
        };
        let well = name::look(publisher, place, name, runs, flight, &mut notes).await;
        if let (true, Some(engine), Some((Ok(place), _))) = (well, &self.engine, place)
            && let Err(error) = engine.canary_is_well(place).await
        {
            warn!(%error, "store does not take that a canary is well again");
        }
        notes.findings
    }

    /// CAs and what else belongs to certificates.
    fn certificates(
        &self,
        scope: &Scope,
        places: &BTreeMap<DnsName, Place>,
        no_canary: oneshot::Receiver<()>,
    ) -> (impl Future<Output = Vec<Finding>>, Told) {
        let mut told = Told::new();
        let certificates: Vec<_> = scope
            .certificates
            .iter()
            .filter_map(|name: &CertificateName| self.world.certificates.get(name))
            .collect();
        let cas: BTreeSet<_> = certificates.iter().flat_map(|one| &one.cas).collect();
        let mut asked = Vec::new();
        for ca in cas {
            let Some(authority) = self.world.authorities.get(ca) else {
                continue;
            };
            let (mut notes, lines) = Notes::new(Part::Ca(ca.clone()));
            told.push(lines);
            asked.push(async move {
                let directory = authority::look(authority, &mut notes).await;
                (ca.clone(), directory, notes.findings)
            });
        }
        let mut own = Vec::new();
        for certificate in certificates {
            let (notes, lines) = Notes::new(Part::Certificate(certificate.name.clone()));
            told.push(lines);
            let names: Vec<&DnsName> = scope
                .names
                .iter()
                .filter(|name| name.certificates.contains(&certificate.name))
                .map(|name| &name.name)
                .collect();
            let identifiers: Vec<Identifier> = certificate
                .identifiers
                .iter()
                .filter(|one| names.contains(&one.name()))
                .cloned()
                .collect();
            let located = names.iter().filter_map(|name| places.get(*name)?.0.as_ref().ok());
            let locations: Vec<Location> = located.map(|place| place.location.clone()).collect();
            own.push((certificate, identifiers, locations, notes));
        }
        let looked = async move {
            let mut findings = Vec::new();
            let mut directories = BTreeMap::new();
            for (ca, directory, found) in join_all(asked).await {
                directories.insert(ca, directory);
                findings.extend(found);
            }
            // an error is an end too
            let _ = no_canary.await;
            for (certificate, identifiers, locations, mut notes) in own {
                certificate::look(certificate, &directories, &mut notes).await;
                let world = &self.world;
                foreseen::look(
                    world,
                    certificate,
                    &identifiers,
                    &locations,
                    &directories,
                    &mut notes,
                )
                .await;
                findings.extend(notes.findings);
            }
            findings
        };
        (looked, told)
    }
}

/// Part after part, each as it happens once it is its turn.
async fn tell(told: Told, sink: &mpsc::Sender<OnlineLine>) {
    for mut lines in told {
        while let Some(line) = lines.recv().await {
            if sink.send(line).await.is_err() {
                return;
            }
        }
    }
}
