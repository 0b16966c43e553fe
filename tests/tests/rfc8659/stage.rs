use std::net::SocketAddr;

use dns01d::{
    dns::{Dns, Location, Options, caa::Issuer},
    preflight::{Finding, Inquiry, Preflight, Subject, Verdict},
    types::{AccountUrl, ChallengeMethod, DnsName, Identifier},
};
use lab::{
    bind::{Bind, BindOptions, BindPolicy},
    dns::TsigKey,
    nsupdate::updated,
};

/// The zone of all names, and above it `test`, so that the climb ends on this machine.
pub const ZONE: &str = "example.test";
pub const ACCOUNT: &str = "https://ca.test/acct/7";

/// BIND with these records in [`ZONE`], of which the key may change everything.
pub async fn bind(records: &str, fixed: Vec<(String, String)>) -> (Bind, TsigKey) {
    let key = TsigKey::generate("caa-key").unwrap();
    let mut options = BindOptions::new(ZONE, key.clone());
    options.zones.push("test".to_owned());
    options
        .zones
        .retain(|zone| fixed.iter().all(|(name, _)| name != zone));
    options.records = records.to_owned();
    options.policy = BindPolicy::ZoneSub;
    options.extra = "querylog yes;".to_owned();
    options.fixed = fixed;
    (Bind::start(options).await.unwrap(), key)
}

/// Changes a zone by hand, as its operator does.
pub fn nsupdate(bind: &Bind, zone: &str, lines: &str) {
    let key = bind.key_file();
    updated(bind.addr(), &[(zone, lines)], &["-k".as_ref(), key.as_os_str()]).unwrap();
}

/// One that asks `resolver`, and name servers on the port of `server`.
pub fn dns(resolver: SocketAddr, server: SocketAddr) -> Dns {
    Dns::new(Options {
        resolvers: vec![resolver.into()],
        name_server_port: server.port(),
        ..Options::default()
    })
    .unwrap()
}

/// What is found for these names at the CA `ca.test`.
pub async fn look(dns: &Dns, identifiers: &[&str], method: ChallengeMethod) -> Vec<Finding> {
    let identifiers: Vec<Identifier> = identifiers.iter().map(|text| text.parse().unwrap()).collect();
    look_at(dns, &identifiers, method, &[]).await
}

pub async fn look_at(
    dns: &Dns,
    identifiers: &[Identifier],
    method: ChallengeMethod,
    locations: &[Location],
) -> Vec<Finding> {
    let account: AccountUrl = ACCOUNT.parse().unwrap();
    let identities = ["ca.test".to_owned()];
    let inquiry = Inquiry {
        identifiers,
        issuer: Issuer {
            identities: &identities,
            account: Some(&account),
        },
        methods: &[method],
        locations,
        despite: false,
    };
    Preflight::new(dns.clone()).look(&inquiry).await
}

/// The finding about one subject.
pub fn of(subject: Subject, findings: &[Finding]) -> &Finding {
    let found = findings.iter().find(|finding| finding.subject == subject);
    found.unwrap_or_else(|| panic!("nothing of {subject:?} in {findings:#?}"))
}

pub async fn verdict(dns: &Dns, identifier: &str, method: ChallengeMethod) -> Verdict {
    of(Subject::Caa, &look(dns, &[identifier], method).await).verdict
}

pub fn name(text: &str) -> DnsName {
    text.parse().unwrap()
}
