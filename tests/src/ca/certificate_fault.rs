//! Certificates that a client must not take.

use std::time::Duration;

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use super::authority::p256;
use super::issuer::Issuer;

/// How far the dates of [`CertificateFault::Expired`] and [`CertificateFault::NotYetValid`] are off.
const OFF: Duration = Duration::from_secs(86400);

/// What is wrong with a certificate, or with the chain that comes with it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateFault {
    /// It is for a key that nobody has.
    WrongKey,
    /// The first of its names is not there; an only name is another one.
    NameMissing,
    /// It has `foreign.lab.test` as well.
    ForeignName,
    /// It ended a day ago.
    Expired,
    /// It begins in a day.
    NotYetValid,
    /// The intermediate has the issuer's name and another key.
    WrongIntermediate,
    /// The chain is the leaf alone.
    NoIntermediate,
    /// The chain begins with the intermediate.
    IntermediateFirst,
    /// The chain has so many certificates, the intermediate again and again.
    LongChain(usize),
}

/// What a leaf is about to say.
pub(super) struct Draft {
    pub(super) names: Vec<String>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) key: PKey<Public>,
}

impl CertificateFault {
    pub(super) fn spoil(self, draft: &mut Draft, now: Timestamp) -> Result<(), ErrorStack> {
        const FOREIGN: &str = "foreign.lab.test";
        let life = draft.not_after.duration_since(draft.not_before);
        match self {
            CertificateFault::WrongKey => {
                draft.key = PKey::public_key_from_der(&p256()?.public_key_to_der()?)?;
            }
            CertificateFault::NameMissing if draft.names.len() > 1 => drop(draft.names.remove(0)),
            CertificateFault::NameMissing => draft.names = vec![FOREIGN.to_owned()],
            CertificateFault::ForeignName => draft.names.push(FOREIGN.to_owned()),
            CertificateFault::Expired => {
                draft.not_after = now - OFF;
                draft.not_before = draft.not_after - life;
            }
            CertificateFault::NotYetValid => {
                draft.not_before = now + OFF;
                draft.not_after = draft.not_before + life;
            }
            CertificateFault::WrongIntermediate
            | CertificateFault::NoIntermediate
            | CertificateFault::IntermediateFirst
            | CertificateFault::LongChain(_) => {}
        }
        Ok(())
    }

    /// What comes with the leaf instead of its chain; `None` for the usual.
    pub(super) fn chain(self, issuer: &Issuer, leaf: &X509) -> Option<Vec<X509>> {
        let intermediate = issuer.intermediate();
        match self {
            CertificateFault::WrongIntermediate => Some(vec![leaf.clone(), issuer.namesake().clone()]),
            CertificateFault::NoIntermediate => Some(vec![leaf.clone()]),
            CertificateFault::IntermediateFirst => Some(vec![intermediate.clone(), leaf.clone()]),
            CertificateFault::LongChain(length) => {
                let mut chain = vec![intermediate.clone(); length.max(1)];
                chain[0] = leaf.clone();
                Some(chain)
            }
            _ => None,
        }
    }
}
