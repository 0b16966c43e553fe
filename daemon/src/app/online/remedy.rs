//! What to do about a canary that failed, with the command to type.

use std::net::SocketAddr;

use crate::{
    challenge::{CanaryPlace, ChallengeError},
    dns::{Failure, LocateError, Sighting, Standing, Witness},
    plugin::FailureClass,
    types::DnsName,
};

/// About a place that was not found.
pub(super) fn of_place(name: &DnsName, error: &ChallengeError) -> Option<String> {
    let again = format!("then `dns01d check --online {name}`");
    Some(match error {
        ChallengeError::NoRoute { zone, .. } => {
            format!("add `zones: [{zone}]` to the provider that hosts it, then `dns01d reload`")
        }
        ChallengeError::Locate(LocateError::NoAuthority { zone, failures, .. }) => {
            let asked = failures
                .first()
                .map(|failure| dig("SOA", zone, failure.server.address));
            format!(
                "see that the name servers of {zone} serve it{}; {again}",
                asked.map(|asked| format!(": `{asked}`")).unwrap_or_default()
            )
        }
        ChallengeError::Locate(
            LocateError::NoNameServers { zone } | LocateError::NoAddresses { zone, .. },
        ) => {
            format!(
                "name its servers: `dns: {{ zones: {{ {zone}: {{ authorities: [ADDRESS] }} }} }}`; {again}"
            )
        }
        ChallengeError::Locate(LocateError::AliasRefused { name: alias, .. }) => format!(
            "remove the alias, or let it be followed: `dns: {{ zones: {{ {alias}: {{ aliases: follow }} }} }}`; {again}"
        ),
        _ => return None,
    })
}

/// About a record that its provider did not take, or did not remove.
pub(super) fn of_call(place: &CanaryPlace, error: &ChallengeError) -> Option<String> {
    let CanaryPlace {
        identifier,
        location,
        instance,
    } = place;
    let again = format!("then `dns01d reload` and `dns01d check --online {identifier}`");
    let class = match error {
        ChallengeError::Record { failure, .. } => failure.class,
        ChallengeError::Kind { .. } | ChallengeError::NoRoom { .. } => return None,
        _ => FailureClass::Internal,
    };
    Some(match class {
        FailureClass::Auth => {
            format!("replace the credentials in `options` of `providers.{instance}`, {again}")
        }
        FailureClass::ZoneNotFound => format!(
            "give its credentials the zone {}, or have another provider serve it, {again}",
            location.zone
        ),
        FailureClass::Config | FailureClass::Unsupported => {
            format!("correct `options` of `providers.{instance}`, {again}")
        }
        FailureClass::RateLimited | FailureClass::Transient | FailureClass::Cancelled => {
            format!("try again later: `dns01d check --online {identifier}`")
        }
        FailureClass::Permanent | FailureClass::Internal => {
            format!(
                "`dns01d provider check {instance} {identifier}` asks the provider alone; its log has what it printed"
            )
        }
    })
}

/// About servers that do not show a record.
pub(super) fn of_sighting(place: &CanaryPlace, sightings: &[Sighting]) -> Option<String> {
    let zone = &place.location.zone;
    let sighting = sightings.iter().find(|sighting| sighting.blocks())?;
    let address = sighting.endpoint.address;
    let server = sighting.who();
    Some(match &sighting.standing {
        Standing::Remembers { until, .. } => format!(
            "try again after {until:.0}, when it has forgotten: `dns01d check --online {}`",
            place.identifier
        ),
        Standing::Failed(_) if !matches!(sighting.witness, Witness::Authority(_)) => format!(
            "see that {server} answers this machine, or take it out of the configuration and `dns01d reload`"
        ),
        Standing::Failed(Failure::NotAuthoritative | Failure::Rcode(_)) => format!(
            "make {server} serve {zone}, or take it out of the NS records of the zone and of its parent: `{}`",
            dig("SOA", zone, address)
        ),
        Standing::Failed(_) => format!(
            "open UDP and TCP port {} of {server} to this machine: `{}`",
            address.port(),
            dig("SOA", zone, address)
        ),
        _ => format!(
            "see that updates of {zone} reach {server} (NOTIFY and transfers), or raise `dns.propagation-timeout`: `{}`",
            dig("TXT", &place.location.owner, address)
        ),
    })
}

/// A server's name, or its address where it is configured by that.
pub(super) fn called(server: Option<&DnsName>, address: SocketAddr) -> String {
    server.map_or_else(|| address.to_string(), |name| format!("{name} ({address})"))
}

fn dig(kind: &str, name: &DnsName, server: SocketAddr) -> String {
    let port = match server.port() {
        53 => String::new(),
        port => format!(" -p {port}"),
    };
    format!("dig +norec @{}{port} {kind} {name}", server.ip())
}
