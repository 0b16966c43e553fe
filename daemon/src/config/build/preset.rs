use crate::{
    config::near::nearest,
    schedule::{Limit, Limits},
};

/// A CA that is known by name.
///
/// Directories and needs are from the documentation of the CAs, read in November 2026. Only Let's Encrypt publishes
/// limits that can be counted; the others answer with Retry-After, which is kept to in any case.
#[derive(Debug)]
pub(super) struct Preset {
    /// What `preset` says; a CA of this name needs no `preset`.
    pub name: &'static str,
    /// `None` where each installation has its own.
    pub directory: Option<&'static str>,
    /// How an account is bound, where no account is made otherwise.
    pub external_account: Option<&'static str>,
    /// What it is known to allow.
    pub limits: Limits,
    /// Nobody trusts its certificates.
    pub staging: bool,
    /// The preset that a configuration is tried at.
    pub trial: Option<&'static str>,
    /// False where its documentation says that no wildcard is issued through ACME.
    pub wildcards: bool,
}

/// Let's Encrypt's directory: what most people want to copy.
pub(super) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The limits of Let's Encrypt's staging environment, which has the same ones with other numbers
/// (letsencrypt.org/docs/staging-environment). Of failed authorizations it has allowed 60 for years, and more since.
const LETS_ENCRYPT_STAGING: Limits = Limits {
    orders: Some(Limit::new(1_500, 3)),
    exact_set: Some(Limit::new(30_000, 7 * 24)),
    registered_domain: Some(Limit::new(30_000, 7 * 24)),
    failed_authorizations: Some(Limit::new(60, 1)),
    breaker: true,
};

const ORDINARY: Preset = Preset {
    name: "",
    directory: None,
    external_account: None,
    limits: Limits::NONE,
    staging: false,
    trial: None,
    wildcards: true,
};

/// Every preset. Buypass is none: it ended its service in October 2025.
const PRESETS: [Preset; 10] = [
    Preset {
        name: "letsencrypt",
        directory: Some(LETS_ENCRYPT),
        limits: Limits::LETS_ENCRYPT,
        trial: Some("letsencrypt-staging"),
        ..ORDINARY
    },
    Preset {
        name: "letsencrypt-staging",
        directory: Some("https://acme-staging-v02.api.letsencrypt.org/directory"),
        limits: LETS_ENCRYPT_STAGING,
        staging: true,
        ..ORDINARY
    },
    Preset {
        name: "zerossl",
        directory: Some("https://acme.zerossl.com/v2/DV90"),
        external_account: Some(
            "ZeroSSL shows them under https://app.zerossl.com/developer, `EAB Credentials for ACME Clients`",
        ),
        ..ORDINARY
    },
    Preset {
        name: "google",
        directory: Some("https://dv.acme-v02.api.pki.goog/directory"),
        external_account: Some(
            "`gcloud publicca external-account-keys create` makes them (keyId and b64MacKey); they bind one account, within 7 days",
        ),
        trial: Some("google-staging"),
        ..ORDINARY
    },
    Preset {
        name: "google-staging",
        directory: Some("https://dv.acme-v02.test-api.pki.goog/directory"),
        external_account: Some(
            "`gcloud publicca external-account-keys create` makes them, once gcloud is pointed to the staging environment as Google's tutorial of Public CA says; those of production do not work there",
        ),
        staging: true,
        ..ORDINARY
    },
    Preset {
        name: "ssl-com-rsa",
        directory: Some("https://acme.ssl.com/sslcom-dv-rsa"),
        external_account: Some(SSL_COM),
        ..ORDINARY
    },
    Preset {
        name: "ssl-com-ecc",
        directory: Some("https://acme.ssl.com/sslcom-dv-ecc"),
        external_account: Some(SSL_COM),
        ..ORDINARY
    },
    Preset {
        name: "sectigo",
        directory: Some("https://acme.sectigo.com/v2/DV"),
        external_account: Some(
            "Sectigo Certificate Manager shows them with the ACME account that is made there; a reseller hands them out",
        ),
        ..ORDINARY
    },
    Preset {
        name: "actalis",
        directory: Some("https://acme-api.actalis.com/acme/directory"),
        external_account: Some("Actalis shows them in the customer area, under ACME"),
        wildcards: false,
        ..ORDINARY
    },
    Preset {
        name: "step-ca",
        ..ORDINARY
    },
];

/// The directories say that no external account is required; no account is made without one all the same.
const SSL_COM: &str =
    "SSL.com shows them in the dashboard, under `api credentials`: account/ACME key and HMAC key";

/// The preset of this name.
pub(super) fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The preset with this directory.
pub(super) fn at(directory: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.directory == Some(directory))
}

/// What an operator may have meant.
pub(super) fn near(name: &str) -> Option<&'static str> {
    nearest(name, names())
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn presets_are_told_apart_by_name_and_directory() {
        let names: BTreeSet<_> = names().collect();
        assert_eq!(names.len(), PRESETS.len());
        let directories: BTreeSet<_> = PRESETS.iter().filter_map(|preset| preset.directory).collect();
        assert_eq!(directories.len(), PRESETS.len() - 1, "step-ca has none");
        for directory in directories {
            assert!(directory.starts_with("https://"), "{directory}");
        }
    }

    #[test]
    fn what_is_tried_is_tried_at_a_staging_ca() {
        for trial in PRESETS.iter().filter_map(|preset| preset.trial) {
            assert!(named(trial).is_some_and(|preset| preset.staging), "{trial}");
        }
    }
}
