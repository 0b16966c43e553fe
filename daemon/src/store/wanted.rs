use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::Issued;
use crate::{
    pki::KeyType,
    types::{CaName, Identifier},
};

/// What the operator asked for, as far as a change of it may ask for another certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wanted {
    /// Sorted, without duplicates.
    pub identifiers: Vec<Identifier>,
    /// Who may be asked, the preferred one first. Was one CA in the first version.
    #[serde(alias = "ca", deserialize_with = "one_or_more")]
    pub cas: Vec<CaName>,
    /// Kind of key that is made here.
    #[serde(default)]
    pub key_type: Option<KeyType>,
    /// The request whose key never comes here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<PathBuf>,
    /// Profiles, by CA.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<CaName, String>,
}

impl Wanted {
    /// True when what was begun or issued for `before`, at `ca`, is still what is wanted now: another CA more to
    /// fall back to asks for no new certificate, and neither does another order of them.
    pub fn is_served_by(&self, before: &Wanted, ca: &CaName) -> bool {
        self.identifiers == before.identifiers
            && self.key_type == before.key_type
            && self.request == before.request
            && self.cas.contains(ca)
            && self.profiles.get(ca) == before.profiles.get(ca)
    }

    /// True when a certificate that stands on disk is still what is wanted.
    pub fn is_served_by_issued(&self, issued: &Issued) -> bool {
        issued
            .ca()
            .is_some_and(|ca| self.is_served_by(&issued.wanted, ca))
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CaName>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Cas {
        One(CaName),
        More(Vec<CaName>),
    }
    Ok(match Cas::deserialize(deserializer)? {
        Cas::One(ca) => vec![ca],
        Cas::More(cas) => cas,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(cas: &[&str]) -> Wanted {
        Wanted {
            identifiers: vec!["*.example.org".parse().unwrap()],
            cas: cas.iter().map(|ca| ca.parse().unwrap()).collect(),
            key_type: Some(KeyType::EcdsaP256),
            request: None,
            profiles: BTreeMap::new(),
        }
    }

    #[test]
    fn what_the_first_version_kept_is_read() {
        let text = r#"{"identifiers":["*.example.org"],"ca":"first","key-type":"ecdsa-p256"}"#;
        assert_eq!(serde_json::from_str::<Wanted>(text).unwrap(), wanted(&["first"]));
    }

    #[test]
    fn one_more_ca_asks_for_no_other_certificate_and_one_less_may() {
        let first: CaName = "first".parse().unwrap();
        let before = wanted(&["first"]);
        assert!(wanted(&["second", "first"]).is_served_by(&before, &first));
        assert!(!wanted(&["second"]).is_served_by(&before, &first));
        let profiles = |ca: &str| BTreeMap::from([(ca.parse().unwrap(), "short".to_owned())]);
        let profiled = |ca| Wanted {
            profiles: profiles(ca),
            ..before.clone()
        };
        assert!(!profiled("first").is_served_by(&before, &first));
        assert!(
            profiled("second").is_served_by(&before, &first),
            "it was asked for without one"
        );
        let other_key = Wanted {
            key_type: Some(KeyType::Rsa2048),
            ..before.clone()
        };
        assert!(!other_key.is_served_by(&before, &first));
    }
}
