//! How programs are told what to do.

use std::ffi::OsString;
use std::path::PathBuf;

use dns01_plugin_api::{Info, Kind, Record, Secret};

use crate::acme_sh::AcmeSh;
use crate::error::Error;

/// The label that clients of other conventions put before the name that they validate (RFC 8555 section 8.4).
const CHALLENGE: &str = "_acme-challenge.";
/// Bytes of output that certbot's convention hands on: with them a handle stays below the 2,048 that every
/// host takes (`dns01_result.handle_cap`).
const AUTH_OUTPUT: usize = 1_500;

/// What is to be done with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Add it.
    Present,
    /// Take it away.
    Remove,
}

/// A program as the operator named it: an absolute path.
#[derive(Clone, Debug)]
pub(crate) struct Program(pub PathBuf);

/// The configured convention.
#[derive(Debug)]
pub(crate) enum Convention {
    /// `PROGRAM present|cleanup FQDN VALUE`, or raw: `PROGRAM present|cleanup -- DOMAIN TOKEN KEYAUTH`.
    LegoExec {
        program: Program,
        arguments: Vec<String>,
        raw: bool,
    },
    /// `CERTBOT_*` in the environment of one program or the other.
    CertbotHook { auth: Program, cleanup: Program },
    /// A dnsapi of acme.sh.
    AcmeSh(AcmeSh),
}

/// One run of a program.
#[derive(Debug)]
pub struct Command {
    /// Its path.
    pub program: PathBuf,
    /// Its arguments: no secret among them.
    pub arguments: Vec<OsString>,
    /// Its variables besides what the instance lists: no secret among them.
    pub environment: Vec<(&'static str, String)>,
    /// Its standard input; empty without.
    pub input: Option<Secret>,
    /// What it is called in messages: `/etc/dns01d/update present`.
    pub name: String,
}

impl Convention {
    /// What the host should know of such an instance.
    pub(crate) fn info(&self) -> Info {
        const ALL: &[Kind] = &[Kind::Dns01, Kind::Account, Kind::Persist, Kind::Canary];
        let info = Info {
            stateless_remove: true,
            cancels: true,
            ..Info::default()
        };
        match self {
            // lego solves one challenge after the other, so such a program may never have met a second value
            Self::LegoExec { raw: false, .. } => Info {
                max_values_per_name: 1,
                kinds: ALL,
                ..info
            },
            Self::LegoExec { raw: true, .. } => Info {
                max_values_per_name: 1,
                needs_key_authorization: true,
                ..info
            },
            Self::CertbotHook { .. } => info,
            Self::AcmeSh(_) => Info { kinds: ALL, ..info },
        }
    }

    /// The run that does it to the record at `index` of `records`.
    ///
    /// # Errors
    /// When the convention has no words for it.
    pub(crate) fn command(
        &self,
        action: Action,
        records: &[Record<'_>],
        index: usize,
    ) -> Result<Command, Error> {
        let record = &records[index];
        match self {
            Self::LegoExec {
                program,
                arguments,
                raw,
            } => {
                let verb = match action {
                    Action::Present => "present",
                    Action::Remove => "cleanup",
                };
                let told = if *raw {
                    raw_arguments(record)?.to_vec()
                } else {
                    vec![format!("{}.", record.fqdn), record.value.to_owned()]
                };
                let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
                all.push(verb.into());
                all.extend(told.into_iter().map(OsString::from));
                Ok(Command {
                    name: format!("{} {verb}", program.0.display()),
                    program: program.0.clone(),
                    arguments: all,
                    environment: Vec::new(),
                    input: None,
                })
            }
            Self::CertbotHook { auth, cleanup } => {
                let program = match action {
                    Action::Present => auth,
                    Action::Remove => cleanup,
                };
                Ok(Command {
                    name: program.0.display().to_string(),
                    program: program.0.clone(),
                    arguments: Vec::new(),
                    environment: certbot_variables(action, records, index)?,
                    input: None,
                })
            }
            Self::AcmeSh(acme_sh) => Ok(acme_sh.command(action, record)),
        }
    }

    /// Bytes of standard output of `present` that are kept for `remove`, besides being logged; more are not
    /// kept at all.
    pub(crate) fn captures(&self) -> usize {
        match self {
            Self::CertbotHook { .. } => AUTH_OUTPUT,
            Self::LegoExec { .. } | Self::AcmeSh(_) => 0,
        }
    }

    /// Every program that may be run.
    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        match self {
            Self::LegoExec { program, .. } => vec![program.0.clone()],
            Self::CertbotHook { auth, cleanup } => vec![auth.0.clone(), cleanup.0.clone()],
            Self::AcmeSh(acme_sh) => acme_sh.programs(),
        }
    }
}

/// The name is not told: the program makes it from the domain, and would miss a CNAME.
fn raw_arguments(record: &Record<'_>) -> Result<[String; 4], Error> {
    if record.fqdn != record.challenge_name {
        return Err(Error::Elsewhere {
            fqdn: record.fqdn.to_owned(),
            challenge_name: record.challenge_name.to_owned(),
        });
    }
    if record.token.is_empty() || record.key_authorization.is_empty() {
        return Err(Error::NoToken {
            fqdn: record.fqdn.to_owned(),
        });
    }
    Ok([
        "--".to_owned(),
        record.identifier.to_owned(),
        record.token.to_owned(),
        record.key_authorization.to_owned(),
    ])
}

/// As certbot's plugin `manual` sets them for dns-01. `CERTBOT_TOKEN` is not among them: it is of http-01.
fn certbot_variables(
    action: Action,
    records: &[Record<'_>],
    index: usize,
) -> Result<Vec<(&'static str, String)>, Error> {
    let record = &records[index];
    let domains = records
        .iter()
        .map(domain)
        .collect::<Result<Vec<_>, _>>()?
        .join(",");
    let mut variables = vec![
        ("CERTBOT_DOMAIN", domain(record)?.to_owned()),
        ("CERTBOT_VALIDATION", record.value.to_owned()),
        ("CERTBOT_ALL_DOMAINS", domains),
        (
            "CERTBOT_REMAINING_CHALLENGES",
            (records.len() - index - 1).to_string(),
        ),
    ];
    if action == Action::Remove {
        variables.push(("CERTBOT_AUTH_OUTPUT", record.handle.to_owned()));
    }
    Ok(variables)
}

/// The domain from which a hook of certbot makes the name to write. Not the domain that is validated: where
/// a CNAME leads elsewhere, the record belongs there.
fn domain<'a>(record: &Record<'a>) -> Result<&'a str, Error> {
    record
        .fqdn
        .strip_prefix(CHALLENGE)
        .ok_or_else(|| Error::NoChallengeLabel {
            fqdn: record.fqdn.to_owned(),
        })
}
