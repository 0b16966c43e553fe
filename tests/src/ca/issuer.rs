//! The issuing chains: root -> intermediate -> leaf, and other ways from the same leaf to other roots.

use std::time::Duration;

use jiff::Timestamp;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Public};
use openssl::x509::extension::CrlNumber;
use openssl::x509::{X509, X509CrlBuilder, X509Revoked};

use super::authority::{Authority, Leaf};
use super::crl::at;

/// Ways to another root that there are; a knob says how many are offered.
pub(super) const ALTERNATES: usize = 4;

/// Until a revocation list is to be fetched anew. The Baseline Requirements allow ten days.
const CRL_LIFETIME: Duration = Duration::from_secs(7 * 86400);

/// The authorities, and what stands between a leaf and each root.
#[derive(Debug)]
pub(super) struct Issuer {
    root: Authority,
    intermediate: Authority,
    /// An intermediate with the same name and another key.
    namesake: X509,
    alternates: Vec<Alternate>,
}

/// Another root, and the certificates between it and a leaf.
#[derive(Debug)]
struct Alternate {
    root: X509,
    links: Vec<X509>,
}

impl Issuer {
    /// Authorities that are good at `now`.
    pub(super) fn new(now: Timestamp) -> Result<Self, ErrorStack> {
        let root = Authority::root("dns01 lab root", now)?;
        let intermediate = root.intermediate("dns01 lab intermediate", now)?;
        let namesake = root.intermediate("dns01 lab intermediate", now)?;
        let namesake = namesake.certificate().clone();
        let alternates = (1..=ALTERNATES)
            .map(|number| Alternate::new(number, &root, &intermediate, now))
            .collect::<Result<_, _>>()?;
        Ok(Issuer {
            root,
            intermediate,
            namesake,
            alternates,
        })
    }

    pub(super) fn root(&self) -> &X509 {
        self.root.certificate()
    }

    pub(super) fn intermediate(&self) -> &X509 {
        self.intermediate.certificate()
    }

    pub(super) fn namesake(&self) -> &X509 {
        &self.namesake
    }

    pub(super) fn alternate_roots(&self) -> impl Iterator<Item = &X509> {
        self.alternates.iter().map(|alternate| &alternate.root)
    }

    pub(super) fn leaf(&self, leaf: &Leaf<'_>, key: &PKeyRef<Public>) -> Result<X509, ErrorStack> {
        self.intermediate.leaf(leaf, key)
    }

    /// Leaf and intermediate, without the root.
    pub(super) fn chain_pem(&self, leaf: &X509) -> Result<String, ErrorStack> {
        stack([leaf, self.intermediate()])
    }

    /// The same leaf on its way to another root, counted from 1.
    pub(super) fn alternate_pem(&self, leaf: &X509, number: usize) -> Result<Option<String>, ErrorStack> {
        let alternate = number.checked_sub(1).and_then(|index| self.alternates.get(index));
        alternate
            .map(|alternate| stack(std::iter::once(leaf).chain(&alternate.links)))
            .transpose()
    }

    /// A revocation list by the intermediate, DER.
    pub(super) fn crl(&self, revoked: Vec<X509Revoked>, now: Timestamp) -> Result<Vec<u8>, ErrorStack> {
        let mut builder = X509CrlBuilder::new()?;
        builder.set_issuer_name(self.intermediate.certificate().subject_name())?;
        builder.set_last_update(&*at(now)?)?;
        builder.set_next_update(&*at(now + CRL_LIFETIME)?)?;
        builder.append_extension(self.intermediate.authority_key_id()?)?;
        // section 5.2.3: "monotonically increasing"
        let number = BigNum::from_dec_str(&now.as_millisecond().to_string())?;
        builder.append_extension(CrlNumber::new(number)?.build()?)?;
        for entry in revoked {
            builder.add_revoked(entry)?;
        }
        builder.sort()?;
        builder.sign(self.intermediate.key(), MessageDigest::sha256())?;
        builder.build()?.to_der()
    }
}

impl Alternate {
    /// By turns the intermediate signed by the other root, and the first root signed by it, which makes the chain
    /// longer by one.
    fn new(
        number: usize,
        root: &Authority,
        intermediate: &Authority,
        now: Timestamp,
    ) -> Result<Self, ErrorStack> {
        let other = Authority::root(&format!("dns01 lab alternate root {number}"), now)?;
        let links = if number % 2 == 1 {
            vec![other.cross_sign(intermediate, Some(0), now)?]
        } else {
            vec![
                intermediate.certificate().clone(),
                other.cross_sign(root, None, now)?,
            ]
        };
        Ok(Alternate {
            root: other.certificate().clone(),
            links,
        })
    }
}

/// PEM, one behind the other.
pub(super) fn stack<'a>(certificates: impl IntoIterator<Item = &'a X509>) -> Result<String, ErrorStack> {
    let mut pem = Vec::new();
    for certificate in certificates {
        pem.extend(certificate.to_pem()?);
    }
    Ok(String::from_utf8_lossy(&pem).into_owned())
}
