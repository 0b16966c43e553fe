use std::path::PathBuf;

use openssl::x509::X509;
use url::{Host, Url};

use super::{Builder, Entries, paths::PathProblem};
use crate::{
    acme,
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, Flag, Text},
    },
    engine::AuthorityOptions,
    schedule::Limits,
    types::{CaName, DnsName, IdError},
};

/// What most people want to copy.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

#[derive(Debug, thiserror::Error)]
enum CaProblem {
    #[error("the CA's name {0}")]
    Name(IdError),
    #[error("the CA `{0}` has no directory address")]
    NoDirectory(String),
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
            CaProblem::NoDirectory(_) => Some(format!("for Let's Encrypt write `directory: {LETS_ENCRYPT}`")),
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
    pub built: Vec<(Location, AuthorityOptions)>,
    /// Every name that the files hold, also those of faulty entries.
    pub names: Vec<String>,
}

impl Builder<'_> {
    pub(super) fn cas(&mut self, entries: Entries<raw::Ca>) -> Cas {
        let mut cas = Cas {
            built: Vec::new(),
            names: Vec::new(),
        };
        for (name, location, raw) in entries.into_each() {
            cas.names.push(name.clone());
            if let Some(ca) = self.ca(name, &location, raw) {
                cas.built.push((location, ca));
            }
        }
        cas
    }

    fn ca(&mut self, name: String, location: &Location, raw: raw::Ca) -> Option<AuthorityOptions> {
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
        let directory = match raw.directory {
            None => {
                self.findings
                    .missing(location, "directory", &CaProblem::NoDirectory(name.clone()));
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
        };
        Some(AuthorityOptions {
            acme,
            account_key: acme::Algorithm::Es256,
            external_account: None,
            rollover: None,
            limits: Limits::NONE,
            staging: false,
        })
    }

    fn roots(&mut self, location: &Location, text: &Text) -> Option<PathBuf> {
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

/// RFC 8555 7.3: a `mailto` URL with one address and no header fields.
fn contact(text: &str) -> Option<String> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$&'*+-./=^_`{|}~".contains(c);
    let good_local = !local.is_empty() && local.len() <= 64 && local.chars().all(plain);
    let domain: DnsName = domain.parse().ok()?;
    good_local.then(|| format!("mailto:{local}@{domain}"))
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

    #[test]
    fn a_contact_is_one_address_without_header_fields() {
        assert_eq!(
            contact("ops@example.org").as_deref(),
            Some("mailto:ops@example.org")
        );
        assert_eq!(
            contact("mailto:ops+acme@bücher.example").as_deref(),
            Some("mailto:ops+acme@xn--bcher-kva.example")
        );
        for bad in [
            "",
            "ops",
            "@example.org",
            "a@b@c",
            "a@example.org,b@example.org",
            "a@example.org?subject=x",
            "a b@example.org",
        ] {
            assert_eq!(contact(bad), None, "{bad}");
        }
    }
}
