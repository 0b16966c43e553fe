//! One account: a name at the server and the right to change its TXT values.

use std::collections::BTreeMap;

use dns01_plugin_api::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// An account, as `POST /register` answers it and as clients keep it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Account {
    /// Who changes the name; no secret.
    #[serde(alias = "Username")]
    pub username: String,
    /// What proves it.
    #[serde(alias = "Password", serialize_with = "revealed", deserialize_with = "secret")]
    pub password: Secret,
    /// Where the values appear: the target of the CNAME. Lower case, no final dot.
    #[serde(alias = "FullDomain")]
    pub fulldomain: String,
    /// Its first label, by which the server knows it.
    #[serde(alias = "SubDomain")]
    pub subdomain: String,
}

/// Why an account is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccountFault {
    /// A part is empty, or holds what no header can carry.
    #[error("its {0} is empty or holds other characters than letters, digits and signs")]
    Text(&'static str),
    /// Not a name with a domain behind it.
    #[error("its fulldomain is not a domain name such as 8e5700ea.auth.example.org")]
    FullDomain,
    /// Another name than the fulldomain's first label.
    #[error("its subdomain is not the first label of its fulldomain")]
    SubDomain,
}

impl Account {
    /// The account, its names in the form that records have.
    ///
    /// # Errors
    /// [`AccountFault`]; no value is shown.
    pub fn checked(mut self) -> Result<Self, AccountFault> {
        // they go into headers
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token(&self.username) {
            return Err(AccountFault::Text("username"));
        }
        if !is_token(self.password.reveal()) {
            return Err(AccountFault::Text("password"));
        }
        self.fulldomain = canonical(&self.fulldomain);
        self.subdomain = self.subdomain.to_ascii_lowercase();
        if !is_name(&self.fulldomain) {
            return Err(AccountFault::FullDomain);
        }
        match self.fulldomain.split_once('.') {
            Some((label, _)) if label == self.subdomain => Ok(self),
            Some(_) => Err(AccountFault::SubDomain),
            None => Err(AccountFault::FullDomain),
        }
    }

    /// Whether a CNAME chain that ends at this name ends at the account. The server looks at
    /// the first label alone, which is unique, so that it may have got another domain since.
    #[must_use]
    pub fn is_at(&self, fqdn: &str) -> bool {
        fqdn == self.fulldomain || fqdn.split('.').next() == Some(self.subdomain.as_str())
    }

    /// The record to add by hand, as a zone file has it.
    #[must_use]
    pub fn cname(&self, challenge_name: &str) -> String {
        format!("{challenge_name}. CNAME {}.", self.fulldomain)
    }
}

/// Accounts by the domain that they are for, in the JSON that lego, acme-dns-client and
/// acme-dns-certbot keep: `{"example.org": {"username": .., "password": .., "fulldomain": ..,
/// "subdomain": ..}}`. Other keys are ignored.
pub(crate) fn by_domain(json: &str) -> Result<BTreeMap<String, Account>, ByDomainFault> {
    let parsed: BTreeMap<String, Account> =
        serde_json::from_str(json).map_err(|error| ByDomainFault::Json {
            line: error.line(),
            column: error.column(),
        })?;
    parsed
        .into_iter()
        .map(|(domain, account)| match account.checked() {
            Ok(account) => Ok((domain_of(&domain), account)),
            Err(fault) => Err(ByDomainFault::Account { domain, fault }),
        })
        .collect()
}

/// Why a text does not hold accounts. Nothing of it is shown but a domain: it holds secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ByDomainFault {
    #[error(
        "is not the JSON that lego and acme-dns-client keep, {{\"example.org\": {{\"username\": .., \
         \"password\": .., \"fulldomain\": .., \"subdomain\": ..}}}}: see line {line} column {column}"
    )]
    Json { line: usize, column: usize },
    #[error("the account of {domain}: {fault}")]
    Account { domain: String, fault: AccountFault },
}

/// A domain as accounts are looked up: what is validated, without `*.` and `_acme-challenge.`.
pub(crate) fn domain_of(text: &str) -> String {
    let name = canonical(text);
    let name = name.strip_prefix("*.").unwrap_or(&name);
    name.strip_prefix("_acme-challenge.").unwrap_or(name).to_owned()
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Labels of letters, digits, `-` and `_`.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn revealed<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let mut text = Zeroizing::new(String::deserialize(from)?);
    Ok(Secret::new(std::mem::take(&mut *text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGO: &str = r#"{"example.org":{"FullDomain":"ab1.auth.test.","SubDomain":"AB1",
        "Username":"u","Password":"p","ServerURL":"https://auth.test"}}"#;
    const CERTBOT: &str = r#"{"*.Example.org":{"allowfrom":[],"fulldomain":"ab1.auth.test",
        "subdomain":"ab1","username":"u","password":"p"}}"#;

    #[test]
    fn files_of_other_clients_are_read() {
        for text in [LEGO, CERTBOT] {
            let accounts = by_domain(text).unwrap();
            let account = &accounts["example.org"];
            assert_eq!(account.fulldomain, "ab1.auth.test");
            assert_eq!(
                account.cname("_acme-challenge.example.org"),
                "_acme-challenge.example.org. CNAME ab1.auth.test."
            );
            assert!(account.is_at("ab1.auth.test") && account.is_at("ab1.new.auth.test"));
            assert!(!account.is_at("ab2.auth.test"));
            assert_eq!(account.password.reveal(), "p");
            assert!(!format!("{account:?}").contains("\"p\""));
        }
    }

    #[test]
    fn what_is_no_account_is_refused_without_repeating_it() {
        for (from, to, expected) in [
            ("\"p\"", "\"s3cr\\net\"", "password"),
            ("\"p\"", "7", "line 2"),
            ("\"u\"", "\"\"", "username"),
            ("ab1.auth.test", "ab1", "fulldomain"),
            ("ab1.auth.test", "ab1..test", "fulldomain"),
            ("ab1.auth.test", "x.auth.test", "first label"),
        ] {
            let refused = by_domain(&CERTBOT.replace(from, to)).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(!refused.contains("s3cr"), "{refused}");
        }
    }
}
