use std::time::Duration;

use crate::{acme, schedule::Limits, secret_source::SecretSource, types::CaName};

/// A CA and how the daemon behaves towards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// How it is spoken to.
    pub acme: acme::Options,
    /// Kind of key for a new account; one that there is keeps its own.
    pub account_key: acme::Algorithm,
    /// The account elsewhere at the CA that a new account is bound to (RFC 8555 7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// How old the account's key may get before it is rolled over (RFC 8555 7.3.5); `None`: as old as the operator
    /// lets it.
    pub rollover: Option<Duration>,
    /// What the CA allows: the engine refuses before it would.
    pub limits: Limits,
    /// It is asked also where it seems that it would refuse for what is in the DNS; that is only warned of.
    pub despite_dns: bool,
    /// A CA for trials, whose certificates nobody trusts.
    pub staging: bool,
    /// The CA at which a certificate of this one is tried.
    pub trial: Option<CaName>,
}

/// What a CA gives to people who have an account there already (RFC 8555 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// Names the account.
    pub kid: String,
    /// Proves that it is ours: base64url text.
    pub hmac_key: SecretSource,
    /// How the proof is made.
    pub algorithm: acme::MacAlgorithm,
}
