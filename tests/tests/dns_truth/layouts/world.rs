//! A small internet: a root, authorities on addresses of their own, and BIND as the resolver that walks down to them.

use std::{net::SocketAddr, time::Duration};

use dns01d::dns::{Dns, LocateError, Location, NotVisible, Options, Pace, Report, Wanted};
use lab::{
    loopback::{Passes, Relay, Site},
    named::Named,
    nsupdate::updated,
};
use tokio::time::Instant;

use super::super::primary::name;

/// The host that serves the root.
const ROOT: u8 = 9;

pub struct World {
    pub site: Site,
    pub dns: Dns,
    pub resolver: Named,
    _root: Named,
    _relays: Vec<Relay>,
}

impl World {
    /// Where `site` is served already: `delegations` are records of the root zone, in which `{N}` is host N's address,
    /// and `known` is a zone that the resolver must reach before this returns.
    pub async fn over(site: Site, relays: Vec<Relay>, delegations: &str, known: &str) -> World {
        Self::resolved(site, relays, delegations, known, "").await
    }

    /// As [`World::over`], with statements of the resolver's configuration, in which `{N}` is host N's address too.
    pub async fn resolved(
        site: Site,
        mut relays: Vec<Relay>,
        delegations: &str,
        known: &str,
        statements: &str,
    ) -> World {
        let root = site.fill(&format!(
            "$TTL 60\n@ SOA a.root. hostmaster.root. 1 3600 600 86400 3\n@ NS a.root.\na.root. A {{{ROOT}}}\n\
             {delegations}\n"
        ));
        let zone = "zone \".\" { type primary; file \"root\"; };";
        // a referral is an answer too
        let root = Named::start(known, "recursion no;", zone, &[("root", &root)])
            .await
            .unwrap();
        relays.push(
            Relay::start(site.at(ROOT), root.addr(), Passes::Everything)
                .await
                .unwrap(),
        );
        // `port` is also the one on which BIND finds other servers
        let options = format!("port {}; recursion yes; max-ncache-ttl 3;", site.port());
        let hints = site.fill(&format!(". 60 NS a.root.\na.root. 60 A {{{ROOT}}}\n"));
        let statements = format!(
            "zone \".\" {{ type hint; file \"hints\"; }};\n{}",
            site.fill(statements)
        );
        let resolver = Named::start(known, &options, &statements, &[("hints", &hints)])
            .await
            .unwrap();
        let dns = Dns::new(Options {
            resolvers: vec![resolver.addr().into()],
            name_server_port: site.port(),
            query_timeout: Duration::from_secs(4),
            ..Options::default()
        })
        .unwrap();
        World {
            site,
            dns,
            resolver,
            _root: root,
            _relays: relays,
        }
    }

    pub async fn locate(&self, challenge_name: &str) -> Result<Location, LocateError> {
        self.dns.locate(&name(challenge_name)).await
    }

    /// Finds the place of `challenge_name`, which must be `owner` in `zone`, writes a record there on `server`, and
    /// waits until all authorities show it: those that `shown` tells, and no other. No resolver may hear of the names.
    pub async fn proves(
        &self,
        challenge_name: &str,
        (owner, zone): (&str, &str),
        server: SocketAddr,
        shown: &[SocketAddr],
    ) -> Report {
        let location = self.locate(challenge_name).await.expect("a location");
        assert_eq!((location.owner.as_str(), location.zone.as_str()), (owner, zone));
        publish(server, zone, owner, "value");
        let report = self.wait(&location, 20).await.expect("visible");
        let mut at: Vec<_> = report
            .sightings
            .iter()
            .map(|sighting| sighting.endpoint.address)
            .collect();
        at.sort_unstable();
        assert_eq!(at, shown);
        let asked = self.resolver.asked();
        assert!(!asked.is_empty());
        for name in [challenge_name, owner] {
            let heard = asked.iter().find(|asked| asked.is_within(name));
            assert_eq!(heard, None, "asked of the resolver");
        }
        report
    }

    pub async fn wait(&self, location: &Location, seconds: u64) -> Result<Report, NotVisible> {
        let wanted = [Wanted {
            location: location.clone(),
            values: vec!["value".into()],
        }];
        let deadline = Instant::now() + Duration::from_secs(seconds);
        self.dns
            .wait_visible(&wanted, Pace::default(), deadline, drop)
            .await
    }
}

/// A BIND with these zones, each a name and its text below an SOA; updates from this machine are taken.
pub async fn authority(site: Site, zones: &[(&str, &str)]) -> Named {
    let mut more = String::new();
    let mut files = Vec::new();
    for (apex, records) in zones {
        more += &format!(
            "zone \"{apex}\" {{ type primary; file \"{apex}\"; allow-update {{ 127.0.0.1; }}; \
             allow-transfer {{ 127.0.0.1; }}; check-names ignore; }};\n"
        );
        let soa = format!("$TTL 60\n@ SOA ns.{apex}. hostmaster.{apex}. 1 3600 600 86400 3\n");
        files.push((*apex, soa + &site.fill(records) + "\n"));
    }
    let files: Vec<_> = files.iter().map(|(apex, text)| (*apex, text.as_str())).collect();
    Named::start(zones[0].0, "recursion no;", &more, &files)
        .await
        .unwrap()
}

/// Stands `server` on the address of `host`.
pub async fn stand(site: Site, host: u8, server: &Named) -> Relay {
    Relay::start(site.at(host), server.addr(), Passes::Everything)
        .await
        .unwrap()
}

/// Adds a TXT value; returns when the server has it.
pub fn publish(server: SocketAddr, zone: &str, owner: &str, value: &str) {
    update(server, zone, owner, value, &[]);
}

/// As [`publish`], with further arguments of nsupdate.
pub fn update(server: SocketAddr, zone: &str, owner: &str, value: &str, arguments: &[&str]) {
    let line = format!("update add {owner} 60 TXT {value}");
    updated(server, &[(zone, &line)], arguments).unwrap();
}
