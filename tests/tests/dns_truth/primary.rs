//! A zone on BIND that takes unsigned updates from this machine, and what a client of it needs.

use std::{net::SocketAddr, time::Duration};

use dns01d::{
    dns::{Authority, Dns, Location, Options, Wanted, ZoneOptions},
    types::DnsName,
};
use lab::{named::Named, nsupdate::updated};

pub const ZONE: &str = "internal.example.test";
pub const OWNER: &str = "_acme-challenge.www.internal.example.test";

/// How long a resolver remembers that a name of the zone is not there.
pub const NEGATIVE_TTL: Duration = Duration::from_secs(3);

pub fn name(text: &str) -> DnsName {
    text.parse().unwrap()
}

/// The zone's text, with these name servers.
pub fn zone(servers: &str) -> String {
    format!(
        "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 {}\n{servers}\nns1 A 127.0.0.1\nwww A 192.0.2.80\n",
        NEGATIVE_TTL.as_secs()
    )
}

pub const PRIMARY: &str =
    "zone \"internal.example.test\" { type primary; file \"zone\"; allow-update { 127.0.0.1; }; };";

pub async fn primary(servers: &str) -> Named {
    let options = "recursion no;";
    Named::start(ZONE, options, PRIMARY, &[("zone", &zone(servers))])
        .await
        .unwrap()
}

/// Adds a TXT value at [`OWNER`]; returns when the server has it.
pub fn publish(server: SocketAddr, value: &str) {
    let line = format!("update add {OWNER} 60 TXT {value}");
    updated::<&str>(server, &[(ZONE, &line)], &[]).unwrap();
}

pub fn asks(server: SocketAddr) -> ZoneOptions {
    ZoneOptions {
        authorities: vec![Authority::Address(server)],
        ..ZoneOptions::default()
    }
}

pub fn dns(options: Options) -> Dns {
    Dns::new(options).unwrap()
}

pub fn wanted(location: Location) -> Vec<Wanted> {
    vec![Wanted {
        location,
        values: vec!["v1".into()],
    }]
}
