use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::printable::{MAX_PAGE, printable};

/// What a CA offers and where (RFC 8555 7.1.1). Offers that are not known are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Nonces (RFC 8555 7.2).
    pub new_nonce: String,
    /// Accounts (RFC 8555 7.3).
    pub new_account: String,
    /// Orders (RFC 8555 7.4).
    pub new_order: String,
    /// Revocation (RFC 8555 7.6).
    #[serde(default, deserialize_with = "lenient")]
    pub revoke_cert: Option<String>,
    /// Account key roll-over (RFC 8555 7.3.5).
    #[serde(default, deserialize_with = "lenient")]
    pub key_change: Option<String>,
    /// Renewal information (RFC 9773 3).
    #[serde(default, deserialize_with = "lenient")]
    pub renewal_info: Option<String>,
    /// What the CA says about itself.
    #[serde(default, deserialize_with = "lenient")]
    pub meta: Meta,
}

/// What a CA says about itself (RFC 8555 7.1.1). A member of a wrong type counts as absent:
/// none of them is worth an outage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Address of the terms of service; safe to print.
    #[serde(default, deserialize_with = "shown")]
    pub terms_of_service: Option<String>,
    /// Address of a page about the CA; safe to print.
    #[serde(default, deserialize_with = "shown")]
    pub website: Option<String>,
    /// Names by which CAA records (RFC 8659) mean this CA.
    #[serde(default, deserialize_with = "lenient")]
    pub caa_identities: Vec<String>,
    /// True when `newAccount` needs an external binding (RFC 8555 7.3.4).
    #[serde(default, deserialize_with = "lenient")]
    pub external_account_required: bool,
    /// Profiles by name, each with a description (draft-ietf-acme-profiles).
    #[serde(default, deserialize_with = "lenient")]
    pub profiles: BTreeMap<String, String>,
}

/// A member of a wrong type counts as absent.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Text for people. Not only web pages: Pebble's terms are a `data:` address.
fn shown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = lenient(deserializer)?;
    Ok(text.map(|text| printable(&text, MAX_PAGE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_with_all_that_it_offers() {
        let text = r#"{
            "newNonce": "https://ca.example/nonce", "newAccount": "https://ca.example/acct",
            "newOrder": "https://ca.example/order", "renewalInfo": "https://ca.example/ari",
            "x2YmsfT": "https://community.example/random", "newAuthz": {"never": "mind"},
            "meta": {"termsOfService": "https://ca.example/terms", "caaIdentities": ["ca.example"],
                     "externalAccountRequired": true, "profiles": {"short": "six days"}, "new": [1]}
        }"#;
        let directory: Directory = serde_json::from_str(text).expect("a directory");
        assert_eq!(directory.renewal_info.as_deref(), Some("https://ca.example/ari"));
        assert_eq!(directory.revoke_cert, None);
        assert_eq!(
            directory.meta.terms_of_service.as_deref(),
            Some("https://ca.example/terms")
        );
        assert_eq!(directory.meta.caa_identities, ["ca.example"]);
        assert!(directory.meta.external_account_required);
        assert_eq!(directory.meta.profiles["short"], "six days");
    }

    #[test]
    fn odd_meta_does_not_make_a_ca_unusable() {
        for meta in [
            "null",
            "[]",
            r#"{"caaIdentities": "ca.example", "externalAccountRequired": "no"}"#,
        ] {
            let text = format!(r#"{{"newNonce":"n","newAccount":"a","newOrder":"o","meta":{meta}}}"#);
            let directory: Directory = serde_json::from_str(&text).expect("a directory");
            assert_eq!(directory.meta, Meta::default(), "{meta}");
        }
    }

    #[test]
    fn a_page_that_is_no_directory_says_what_is_missing() {
        let error = serde_json::from_str::<Directory>(r#"{"hello": "world"}"#).expect_err("no directory");
        assert!(error.to_string().contains("newNonce"), "{error}");
    }
}
