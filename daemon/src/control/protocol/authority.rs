use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    acme::Algorithm,
    types::{AccountUrl, CaName},
};

/// One CA of `GET /v1/cas`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaInfo {
    /// Its key in the configuration.
    pub name: CaName,
    /// Address of its directory.
    pub directory: String,
    /// Nobody trusts its certificates.
    pub staging: bool,
    /// Where certificates of it are tried.
    pub trial: Option<CaName>,
    /// The daemon's account there, once there is one.
    pub account: Option<AccountUrl>,
    /// What it says of itself.
    pub offers: Option<CaOffers>,
    /// Why it is not known what it says of itself.
    pub unreachable: Option<String>,
    /// What it is held to allow, and what is left of it.
    pub limits: Vec<LimitInfo>,
    /// Whether one certificate is kept from being ordered over and over.
    pub breaker: bool,
}

/// What a CA says of itself (RFC 8555 7.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaOffers {
    /// Address of the terms of service.
    pub terms: Option<String>,
    /// Address of a page about it.
    pub website: Option<String>,
    /// What CAA records call it (RFC 8659).
    pub caa_identities: Vec<String>,
    /// It makes accounts only for those who have one there already (RFC 8555 7.3.4).
    pub external_account_required: bool,
    /// It says when to renew (RFC 9773).
    pub renewal_info: bool,
    /// Its account keys can be rolled over (RFC 8555 7.3.5).
    pub key_change: bool,
    /// Profiles with their descriptions (draft-ietf-acme-profiles).
    pub profiles: BTreeMap<String, String>,
}

/// A limit of a CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitInfo {
    /// What is counted, in plain words: `new orders`, `certificates below example.org`.
    pub what: String,
    /// How many at once.
    pub most: u32,
    /// In how many seconds all of them are back.
    pub per_seconds: u64,
    /// How many are left now.
    pub left: u32,
    /// When there is one again, where none is left.
    pub next_at: Option<Timestamp>,
}

/// `GET /v1/account?ca=NAME`, and the answer to every change of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// At which CA.
    pub ca: CaName,
    /// Its address, by which the CA knows it.
    pub url: AccountUrl,
    /// What the CA says of it: `valid`, `deactivated`, `revoked` (RFC 8555 7.1.6).
    pub status: String,
    /// Kind of its key.
    pub key_algorithm: Option<Algorithm>,
    /// SHA-256 of its key (RFC 7638).
    pub thumbprint: String,
    /// How old its key is; `None` for one that came from elsewhere.
    pub key_age_days: Option<u32>,
    /// When it gets the next one.
    pub rollover_at: Option<Timestamp>,
    /// Where the CA writes to.
    pub contacts: Vec<String>,
    /// Address of the terms of service that were agreed to.
    pub terms: Option<String>,
}
