//! A good configuration, as `dns01d check` shows it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Config, ProviderConfig, build::route::serving};
use crate::{
    acme, engine,
    types::{DnsName, Identifier},
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
    for certificate in &config.certificates {
        out.push('\n');
        one(&mut out, config, certificate);
    }
    out
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
                "directory": ca(config, certificate).map(|ca| ca.directory.as_str()),
                "key": certificate.key.to_string(),
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
    json!({ "files": config.files, "certificates": certificates })
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
    match ca(config, certificate) {
        Some(ca) => line("ca", &format!("{}  {}", ca.name, ca.directory)),
        None => line("ca", certificate.cas[0].as_str()),
    }
    line("key", &certificate.key.to_string());
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

fn ca<'c>(config: &'c Config, certificate: &engine::Certificate) -> Option<&'c acme::Options> {
    let mut known = config.cas.iter().map(|ca| &ca.acme);
    known.find(|ca| ca.name == certificate.cas[0])
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
