//! A good configuration, as `dns01d check` shows it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Config, ProviderConfig, build::route::serving};
use crate::{
    dns::{self, Agreement, Aliases, Resolver},
    engine::{self, AuthorityOptions, KeySource},
    pki::ChainPreference,
    schedule::{Limit, Limits},
    types::{CaName, ChallengeMethod, DnsName, Identifier},
};

/// The summary for people: what is asked of whom, who proves it, where it goes.
pub fn text(config: &Config) -> String {
    let mut out = String::new();
    let counts = [
        count(config.certificates.len(), "certificate"),
        count(config.cas.len(), "CA"),
        count(config.providers.len(), "provider"),
    ];
    let _ = writeln!(out, "The configuration is good: {}.", counts.join(", "));
    let canaries = match config.engine.canary {
        Some(interval) => format!(
            "Each way of challenge records is tried every {}.",
            span(interval.as_secs())
        ),
        None => "No way of challenge records is tried between renewals (canary: off).".to_owned(),
    };
    let _ = writeln!(out, "{canaries}");
    for certificate in &config.certificates {
        out.push('\n');
        one(&mut out, config, certificate);
    }
    for ca in &config.cas {
        out.push('\n');
        authority_text(&mut out, ca);
    }
    dns_text(&mut out, &config.dns);
    out
}

/// What is not as usual in how records are seen.
fn dns_text(out: &mut String, options: &dns::Options) {
    if !options.vantage.is_empty() {
        let _ = writeln!(out, "\nvantage     {}", listed(&options.vantage));
    }
    for (name, zone) in &options.zones {
        let mut lines = Vec::new();
        if let Some(visibility) = zone.visibility {
            lines.push((
                "visible",
                format!("when {}  ({visibility})", visibility.meaning()),
            ));
        }
        if let Some(aliases) = zone.aliases {
            let meaning = match aliases {
                Aliases::Follow => "followed",
                Aliases::Refuse => "refused: nothing is published at an alias",
                Aliases::Plain => "not followed: records go to the challenge name itself",
            };
            lines.push(("aliases", format!("{meaning}  ({aliases})")));
        }
        if let Some(agreement) = zone.agreement {
            let meaning = match agreement {
                Agreement::All => "all servers",
                Agreement::Quorum => "more than half of the servers, and all that answer",
            };
            lines.push(("agreement", format!("{meaning}  ({agreement})")));
        }
        if !zone.resolvers.is_empty() {
            lines.push(("resolvers", listed(&zone.resolvers)));
        }
        if let Some(vantage) = &zone.vantage {
            lines.push(("vantage", listed(vantage)));
        }
        if !lines.is_empty() {
            let _ = writeln!(out, "\nzone {name}");
        }
        for (label, text) in lines {
            let _ = writeln!(out, "  {label:<10}{text}");
        }
    }
}

fn listed(resolvers: &[Resolver]) -> String {
    match resolvers {
        [] => "none".into(),
        some => texts(some).join(", "),
    }
}

fn texts(resolvers: &[Resolver]) -> Vec<String> {
    resolvers.iter().map(ToString::to_string).collect()
}

fn authority_text(out: &mut String, ca: &AuthorityOptions) {
    let _ = writeln!(out, "CA {}", ca.acme.name);
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "  {label:<10}{text}");
    };
    let staging = if ca.staging {
        "  (staging: nobody trusts it)"
    } else {
        ""
    };
    line("directory", &format!("{}{staging}", ca.acme.directory));
    if ca.external_account.is_some() {
        line("account", "bound to an external account");
    }
    if let Some(age) = ca.rollover {
        line(
            "rollover",
            &format!("of the account key after {}", span(age.as_secs())),
        );
    }
    if let Some(trial) = &ca.trial {
        line("trial", &format!("at {trial}"));
    }
    let limits: Vec<String> = limits(&ca.limits)
        .into_iter()
        .map(|(name, limit)| {
            format!(
                "{name} {} in {}",
                limit.most,
                span(limit.per.as_secs().unsigned_abs())
            )
        })
        .collect();
    let breaker = if ca.limits.breaker { "" } else { ", and no breaker" };
    let limits = if limits.is_empty() {
        "none known".to_owned()
    } else {
        limits.join(", ")
    };
    line("limits", &format!("{limits}{breaker}"));
}

/// Each limit that there is, with its name.
fn limits(limits: &Limits) -> Vec<(&'static str, Limit)> {
    [
        ("orders", limits.orders),
        ("exact set", limits.exact_set),
        ("registered domain", limits.registered_domain),
        ("failed authorizations", limits.failed_authorizations),
    ]
    .into_iter()
    .filter_map(|(name, limit)| Some((name, limit?)))
    .collect()
}

/// A length of time as the configuration has it.
fn span(seconds: u64) -> String {
    [(86_400, "d"), (3_600, "h"), (60, "m")]
        .into_iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit))
        .map_or_else(
            || format!("{seconds}s"),
            |(unit, letter)| format!("{}{letter}", seconds / unit),
        )
}

/// The summary for programs.
pub fn json(config: &Config) -> Value {
    let certificates: Vec<Value> = config
        .certificates
        .iter()
        .map(|certificate| {
            let names: Vec<Value> = certificate
                .identifiers
                .iter()
                .map(|identifier| {
                    json!({
                        "name": identifier.to_string(),
                        "unicode": identifier.unicode(),
                        "provider": provider(config, identifier.name()).map(instance_name),
                    })
                })
                .collect();
            json!({
                "certificate": certificate.name.as_str(),
                "names": names,
                "ca": certificate.cas[0].as_str(),
                "directory": ca(config, &certificate.cas[0]).map(|ca| ca.acme.directory.as_str()),
                "cas": certificate.cas,
                "profiles": certificate.profiles,
                "challenges": certificate.challenges,
                "chain": certificate.chain.to_string(),
                "standing_lifetime_seconds": certificate.standing_lifetime.map(|lifetime| lifetime.as_secs_f64()),
                "lifetime_seconds": certificate.lifetime.map(|lifetime| lifetime.as_secs_f64()),
                "key": certificate.key.kind(),
                "csr": match &certificate.key {
                    KeySource::Generate(_) => None,
                    KeySource::Request(path) => Some(path),
                },
                "output": {
                    "directory": certificate.output.directory,
                    "owner": certificate.output.owner,
                    "group": certificate.output.group,
                    "key_mode": format!("{:04o}", certificate.output.key_mode),
                    "mode": format!("{:04o}", certificate.output.mode),
                },
                "hook": certificate.hook.as_ref().map(|hook| json!({
                    "command": hook.command,
                    "timeout_seconds": hook.timeout.as_secs_f64(),
                })),
            })
        })
        .collect();
    let cas: Vec<Value> = config.cas.iter().map(authority).collect();
    let canary = config.engine.canary.map(|interval| interval.as_secs_f64());
    let zones: Vec<Value> = config.dns.zones.iter().map(zone).collect();
    json!({
        "files": config.files,
        "certificates": certificates,
        "cas": cas,
        "canary_interval_seconds": canary,
        "zones": zones,
        "vantage": texts(&config.dns.vantage),
    })
}

fn zone((name, zone): (&DnsName, &dns::ZoneOptions)) -> Value {
    json!({
        "zone": name,
        "visibility": zone.visibility.map(|visibility| visibility.to_string()),
        "aliases": zone.aliases.map(Aliases::as_str),
        "agreement": zone.agreement.map(Agreement::as_str),
        "authorities": zone.authorities.len(),
        "resolvers": texts(&zone.resolvers),
        "vantage": zone.vantage.as_deref().map(texts),
    })
}

fn authority(ca: &AuthorityOptions) -> Value {
    let limits: serde_json::Map<_, _> = limits(&ca.limits)
        .into_iter()
        .map(|(name, limit)| {
            let limit = json!({ "most": limit.most, "per_seconds": limit.per.as_secs_f64() });
            (name.replace(' ', "_"), limit)
        })
        .collect();
    json!({
        "ca": ca.acme.name.as_str(),
        "directory": ca.acme.directory.as_str(),
        "preflight": if ca.despite_dns { "warn" } else { "stop" },
        "staging": ca.staging,
        "trial": ca.trial,
        "external_account": ca.external_account.as_ref().map(|account| &account.kid),
        "account_key_rollover_seconds": ca.rollover.map(|age| age.as_secs_f64()),
        "limits": limits,
        "breaker": ca.limits.breaker,
    })
}

fn one(out: &mut String, config: &Config, certificate: &engine::Certificate) {
    let _ = writeln!(out, "certificate {}", certificate.name);
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "  {label:<10}{text}");
    };
    for (index, identifier) in certificate.identifiers.iter().enumerate() {
        let by = match provider(config, identifier.name()) {
            Some(provider) => format!("proved by {}", instance_name(provider)),
            None => "served by no provider".to_owned(),
        };
        line(
            if index == 0 { "names" } else { "" },
            &format!("{}  {by}", both(identifier)),
        );
    }
    for (index, name) in certificate.cas.iter().enumerate() {
        let profile = certificate.profiles.get(name);
        let profile = profile.map_or_else(String::new, |profile| format!("  for the profile {profile}"));
        let directory = ca(config, name).map_or("", |ca| ca.acme.directory.as_str());
        let label = if index == 0 { "ca" } else { "  else" };
        line(label, &format!("{name}  {directory}{profile}"));
    }
    line("key", &certificate.key.to_string());
    let challenges: Vec<_> = certificate.challenges.iter().map(ToString::to_string).collect();
    line("challenge", &challenges.join(", else "));
    let standing = certificate.challenges.contains(&ChallengeMethod::DnsPersist01);
    if let (true, Some(lifetime)) = (standing, certificate.standing_lifetime) {
        line(
            "standing",
            &format!("a record is good for {}", span(lifetime.as_secs())),
        );
    }
    if certificate.chain != ChainPreference::Default {
        line("chain", &certificate.chain.to_string());
    }
    if let Some(lifetime) = certificate.lifetime {
        line("lifetime", &span(lifetime.as_secs()));
    }
    let output = &certificate.output;
    let ownership = match (&output.owner, &output.group) {
        (None, None) => String::new(),
        (owner, group) => {
            format!(
                ", {}:{}",
                owner.as_deref().unwrap_or(""),
                group.as_deref().unwrap_or("")
            )
        }
    };
    line(
        "files",
        &format!(
            "{}/live  (key {:04o}, others {:04o}{ownership})",
            output.directory.display(),
            output.key_mode,
            output.mode
        ),
    );
    if let Some(hook) = &certificate.hook {
        line(
            "hook",
            &format!(
                "{}  (within {} s)",
                shown(&hook.command),
                hook.timeout.as_secs_f64()
            ),
        );
    }
}

/// An international name both ways: as people write it and as DNS has it.
fn both(identifier: &Identifier) -> String {
    let (ascii, unicode) = (identifier.to_string(), identifier.unicode());
    if ascii == unicode {
        ascii
    } else {
        format!("{unicode} ({ascii})")
    }
}

fn provider<'c>(config: &'c Config, name: &DnsName) -> Option<&'c ProviderConfig> {
    let instance = serving(&config.routes, name)?;
    config
        .providers
        .iter()
        .find(|provider| provider.options.instance == *instance)
}

fn instance_name(provider: &ProviderConfig) -> &str {
    provider.options.instance.as_str()
}

fn ca<'c>(config: &'c Config, name: &CaName) -> Option<&'c AuthorityOptions> {
    config.cas.iter().find(|ca| ca.acme.name == *name)
}

/// A command, with quotes where a word would look like two.
fn shown(command: &[String]) -> String {
    let word = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./-=:@%+,".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("{word:?}")
        }
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
