use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use openssl::x509::X509;
use url::{Host, Url};

use super::{
    Builder, Entries,
    contact::contact,
    limits::limits,
    paths::PathProblem,
    preset::{self, LETS_ENCRYPT, Preset},
    trial::Trial,
};
use crate::{
    acme,
    config::{
        fault::Problem,
        findings::Location,
        near::nearest,
        raw::{self, Flag, Text},
    },
    engine::AuthorityOptions,
    schedule::Limits,
    types::{CaName, IdError},
};

/// What Let's Encrypt takes of renewal information, its most generous endpoint.
const MAX_REQUEST_RATE: u32 = 1_000;
/// A rollover is a change of the account at the CA: at most once a day.
const SHORTEST_ROLLOVER: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, thiserror::Error)]
enum CaProblem {
    #[error("the CA's name {0}")]
    Name(IdError),
    #[error("the CA `{0}` has no directory address")]
    NoDirectory(String),
    #[error("there is no preset `{0}`")]
    NoPreset(String),
    #[error("`{text}` is no kind of an account's key")]
    AccountKey {
        text: String,
        near: Option<&'static str>,
    },
    #[error("{0} requests in a second are out of range")]
    RequestRate(u64),
    #[error("a key that is rolled over more often than daily is never at rest")]
    Rollover,
    #[error("`{text}` is not an address: {error}")]
    Address { text: String, error: url::ParseError },
    #[error("`{0}` does not begin with https://")]
    NotHttps(String),
    #[error("a directory address holds no user name, password or fragment")]
    Extra,
    #[error("no account can be made at `{0}` before its terms of service are agreed to")]
    Terms(String),
    #[error("`{0}` is not a mail address")]
    Contact(String),
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
}

impl Problem for CaProblem {
    fn help(&self) -> Option<String> {
        match self {
            CaProblem::Name(_) => None,
            CaProblem::NoDirectory(name) if name == "step-ca" => {
                Some("write `directory: https://HOST/acme/PROVISIONER/directory`, and under `ca-file` the file with step-ca's root".into())
            }
            CaProblem::NoDirectory(name) => match preset::near(name) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(format!(
                    "write `directory: ADDRESS`, or `preset:` and one of {}",
                    preset_names()
                )),
            },
            CaProblem::NoPreset(name) => match preset::near(name) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(format!(
                    "write one of {}; any other CA needs its `directory` only",
                    preset_names()
                )),
            },
            CaProblem::AccountKey { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            CaProblem::AccountKey { near: None, .. } => {
                let known = acme::Algorithm::ALL.map(|one| format!("`{one}`"));
                Some(format!("write one of {}", known.join(", ")))
            }
            CaProblem::RequestRate(_) => Some(format!(
                "write 1 to {MAX_REQUEST_RATE}, or leave it out for {}",
                acme::DEFAULT_REQUEST_RATE
            )),
            CaProblem::Rollover => Some("write `1d` or more, such as `365d`".into()),
            CaProblem::Address { .. } | CaProblem::Extra => {
                Some(format!("write it in full, as in `{LETS_ENCRYPT}`"))
            }
            CaProblem::NotHttps(text) => match text.strip_prefix("http://") {
                Some(rest) => Some(format!(
                    "write `https://{rest}`: plain http is accepted to this machine only, and `ca-file` names the roots of a private CA"
                )),
                None => Some(format!("write an address such as `{LETS_ENCRYPT}`")),
            },
            CaProblem::Terms(_) => Some(
                "read the terms that the CA links in its directory under `meta.termsOfService`, then write `agree-terms: true`"
                    .into(),
            ),
            CaProblem::Contact(_) => {
                Some("write one address each, such as `ops@example.org`, or leave `contacts` out".into())
            }
            CaProblem::NoCertificate(_) => {
                Some("it must hold the CA's root as text that begins with `-----BEGIN CERTIFICATE-----`".into())
            }
        }
    }
}

/// The CAs.
pub(super) struct Cas {
    pub built: Vec<Ca>,
    /// Every name that the files hold, also those of faulty entries.
    pub names: Vec<String>,
}

/// A CA, and what certificates take from it.
pub(super) struct Ca {
    pub options: AuthorityOptions,
    /// For certificates that name none.
    pub profile: Option<String>,
    /// See [`Preset::wildcards`].
    pub wildcards: bool,
}

impl Ca {
    pub fn name(&self) -> &CaName {
        &self.options.acme.name
    }
}

impl Cas {
    pub fn named(&self, name: &str) -> Option<&Ca> {
        self.built.iter().find(|ca| ca.name().as_str() == name)
    }
}

impl Builder<'_> {
    pub(super) fn cas(&mut self, entries: Entries<raw::Ca>) -> Cas {
        let mut cas = Cas {
            built: Vec::new(),
            names: Vec::new(),
        };
        let mut trials = Vec::new();
        for (name, location, mut raw) in entries.into_each() {
            cas.names.push(name.clone());
            let staging = raw.staging.take();
            let preset = self.preset(&name, &location, &raw);
            trials.push(match staging {
                Some(Text(name)) => Some(Trial::Named(location.key("staging"), name)),
                None => preset.and_then(|preset| preset.trial).map(Trial::Preset),
            });
            cas.built.extend(self.ca(name, &location, raw, preset));
        }
        for (index, trial) in trials.into_iter().enumerate() {
            let name = &cas.names[index];
            let trial = trial.and_then(|trial| self.trial(&cas, name, trial));
            let ca = cas.built.iter_mut().find(|ca| ca.name().as_str() == name);
            if let Some(ca) = ca {
                ca.options.trial = trial;
            }
        }
        cas
    }

    /// What is known of this CA by its name or its directory.
    fn preset(&mut self, name: &str, location: &Location, raw: &raw::Ca) -> Option<&'static Preset> {
        match (&raw.preset, &raw.directory) {
            (Some(Text(text)), _) => {
                let known = preset::named(text);
                if known.is_none() {
                    self.findings
                        .value(&location.key("preset"), &CaProblem::NoPreset(text.clone()));
                }
                known
            }
            (None, Some(Text(directory))) => preset::at(directory),
            (None, None) => preset::named(name),
        }
    }

    fn ca(
        &mut self,
        name: String,
        location: &Location,
        raw: raw::Ca,
        preset: Option<&'static Preset>,
    ) -> Option<Ca> {
        let agreed = matches!(raw.agree_terms, Some(Flag(true)));
        match raw.agree_terms {
            Some(Flag(true)) => {}
            Some(Flag(false)) => {
                self.findings
                    .value(&location.key("agree-terms"), &CaProblem::Terms(name.clone()));
            }
            None => self
                .findings
                .missing(location, "agree-terms", &CaProblem::Terms(name.clone())),
        }
        let preset_is_wrong = preset.is_none() && raw.preset.is_some();
        let known = preset.and_then(|preset| preset.directory);
        let directory = match raw
            .directory
            .or_else(|| known.map(|known| Text(known.to_owned())))
        {
            None => {
                if !preset_is_wrong && !self.findings.is_peeled(&location.key("preset")) {
                    let name = preset.map_or(name.as_str(), |preset| preset.name);
                    let problem = CaProblem::NoDirectory(name.to_owned());
                    self.findings.missing(location, "directory", &problem);
                }
                None
            }
            Some(Text(text)) => match directory(&text) {
                Ok(url) => Some(url),
                Err(problem) => {
                    self.findings.value(&location.key("directory"), &problem);
                    None
                }
            },
        };
        let mut contacts = Vec::new();
        for (index, Text(text)) in raw.contacts.iter().enumerate() {
            match contact(text) {
                Some(contact) => contacts.push(contact),
                None => {
                    let problem = CaProblem::Contact(text.clone());
                    self.findings
                        .value(&location.key("contacts").index(index), &problem);
                }
            }
        }
        let ca_file = raw
            .ca_file
            .and_then(|text| self.roots(&location.key("ca-file"), &text));
        let needed = preset.and_then(|preset| preset.external_account);
        let external_account = self.external_account(&name, location, raw.external_account, needed);
        let account_key = match &raw.account_key {
            None => Some(acme::Algorithm::default()),
            Some(Text(text)) => self.account_key(&location.key("account-key"), text),
        };
        let rollover = raw.account_key_rollover.map(|raw::Duration(age)| age);
        if rollover.is_some_and(|age| age < SHORTEST_ROLLOVER) {
            self.findings
                .value(&location.key("account-key-rollover"), &CaProblem::Rollover);
        }
        let profile = raw
            .profile
            .and_then(|text| self.profile(&location.key("profile"), text));
        let usual = preset.map_or(Limits::NONE, |preset| preset.limits);
        let name: CaName = match name.parse() {
            Ok(name) => name,
            Err(error) => {
                self.findings.key(location, &CaProblem::Name(error));
                return None;
            }
        };
        let acme = acme::Options {
            name,
            directory: directory?,
            contacts,
            agree_terms: agreed,
            ca_file,
            request_timeout: raw
                .request_timeout
                .map_or(acme::DEFAULT_REQUEST_TIMEOUT, |raw::Duration(time)| time),
            request_rate: self.request_rate(location, raw.request_rate),
        };
        let options = AuthorityOptions {
            acme,
            account_key: account_key?,
            external_account: external_account?,
            rollover,
            limits: limits(raw.limits, usual),
            despite_dns: matches!(raw.preflight, Some(raw::Preflight::Warn)),
            staging: preset.is_some_and(|preset| preset.staging),
            trial: None,
        };
        Some(Ca {
            options,
            profile,
            wildcards: preset.is_none_or(|preset| preset.wildcards),
        })
    }

    fn request_rate(&mut self, at: &Location, number: Option<u64>) -> NonZeroU32 {
        let Some(number) = number else {
            return acme::DEFAULT_REQUEST_RATE;
        };
        let rate = u32::try_from(number).ok().and_then(NonZeroU32::new);
        rate.filter(|rate| rate.get() <= MAX_REQUEST_RATE)
            .unwrap_or_else(|| {
                self.findings
                    .value(&at.key("request-rate"), &CaProblem::RequestRate(number));
                acme::DEFAULT_REQUEST_RATE
            })
    }

    fn account_key(&mut self, at: &Location, text: &str) -> Option<acme::Algorithm> {
        let algorithm = text.parse().ok();
        if algorithm.is_none() {
            let problem = CaProblem::AccountKey {
                text: text.to_owned(),
                near: nearest(text, acme::Algorithm::ALL.map(acme::Algorithm::as_str)),
            };
            self.findings.value(at, &problem);
        }
        algorithm
    }

    /// The path of a file with trust roots.
    pub(super) fn roots(&mut self, location: &Location, text: &Text) -> Option<PathBuf> {
        let path = self.file(location, text)?;
        if self.looks() && path.is_file() {
            match std::fs::read(&path) {
                Ok(pem) if X509::stack_from_pem(&pem).is_ok_and(|stack| !stack.is_empty()) => {}
                Ok(_) => self
                    .findings
                    .value(location, &CaProblem::NoCertificate(path.clone())),
                Err(error) => {
                    self.findings.value(
                        location,
                        &PathProblem::Missing {
                            path: path.clone(),
                            error,
                        },
                    );
                }
            }
        }
        Some(path)
    }
}

fn preset_names() -> String {
    let names: Vec<_> = preset::names().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// RFC 8555 6.1: https; a CA on this machine may do without.
fn directory(text: &str) -> Result<Url, CaProblem> {
    let url = Url::parse(text).map_err(|error| CaProblem::Address {
        text: text.to_owned(),
        error,
    })?;
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(CaProblem::NotHttps(text.to_owned())),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(CaProblem::Extra);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_the_own_machine_are_spoken_to() {
        for good in [
            LETS_ENCRYPT,
            "http://127.0.0.1:14000/dir",
            "http://[::1]/dir",
            "http://localhost:1/dir",
        ] {
            assert!(directory(good).is_ok(), "{good}");
        }
        for bad in [
            "http://ca.example.org/",
            "http://127.0.0.1.example.org/",
            "ftp://[::1]/",
            "file:///etc/passwd",
        ] {
            assert!(matches!(directory(bad), Err(CaProblem::NotHttps(_))), "{bad}");
        }
        assert!(matches!(
            directory("https://u:p@ca.example.org/"),
            Err(CaProblem::Extra)
        ));
        assert!(matches!(
            directory("ca.example.org"),
            Err(CaProblem::Address { .. })
        ));
    }
}
