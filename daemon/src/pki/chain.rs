use std::fmt::Write as _;

use jiff::Timestamp;
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    nid::Nid,
    sha::sha256,
    x509::{X509, X509NameRef, X509Ref, X509VerifyResult},
};

use super::{CertId, PemError, PublicKey, Serial, pem, verdict::is_right};
use crate::types::Identifier;

/// Most certificates in a chain. Public chains have two to four.
pub const MAX_CERTIFICATES: usize = 10;

/// An issued certificate with its intermediates, leaf first (RFC 8555 9.1).
///
/// The texts given out are written anew from what was parsed: nothing that a CA put
/// around or between its certificates reaches a file.
#[derive(Clone, Debug)]
pub struct Chain {
    certificates: Vec<X509>,
    pem: String,
    leaf_end: usize,
    not_before: Timestamp,
    not_after: Timestamp,
    serial: Serial,
    names: Vec<Identifier>,
    other_names: usize,
    issuer: String,
    authority_key_id: Option<Vec<u8>>,
    der: Vec<u8>,
    fingerprint: [u8; 32],
}

/// Why a chain is refused.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Not a list of certificates.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A serial number that RFC 5280 forbids.
    #[error("the certificate has a negative serial number")]
    Serial,
    /// A moment beyond the years that exist.
    #[error("the certificate's validity cannot be read")]
    Validity,
    /// `notAfter` is not later than `notBefore`.
    #[error("the certificate is never valid: from {not_before} to {not_after}")]
    NeverValid {
        /// First moment.
        not_before: Timestamp,
        /// Last moment.
        not_after: Timestamp,
    },
    /// Somebody else's key.
    #[error("certificate {serial} is for another key than the one in the request")]
    WrongKey {
        /// The certificate.
        serial: Serial,
    },
    /// Names that were asked for and are not there.
    #[error("certificate {serial} lacks the names {}", list(.names))]
    MissingNames {
        /// The certificate.
        serial: Serial,
        /// What is missing.
        names: Vec<Identifier>,
    },
    /// A certificate that its successor in the list did not issue.
    #[error(
        "certificate {position} of the chain, `{subject}`, was not issued by the next one, `{next}`: {reason}"
    )]
    Broken {
        /// Counted from 1, the leaf.
        position: usize,
        /// Whose certificate it is.
        subject: String,
        /// Who should have issued it.
        next: String,
        /// What OpenSSL says.
        reason: &'static str,
    },
    /// OpenSSL failed at something that cannot fail on a parsed certificate.
    #[error("openssl cannot work with the chain: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl Chain {
    /// Reads a chain in PEM form: one to [`MAX_CERTIFICATES`] certificates and nothing else.
    ///
    /// # Errors
    /// When it cannot be read. What it is good for is for [`Chain::verify`] to say.
    pub fn parse(text: &str) -> Result<Self, ChainError> {
        let certificates = pem::certificates(text, MAX_CERTIFICATES)?;
        let mut pem = String::with_capacity(text.len());
        let mut leaf_end = 0;
        for certificate in &certificates {
            pem.push_str(std::str::from_utf8(&certificate.to_pem()?).expect("PEM is ASCII"));
            if leaf_end == 0 {
                leaf_end = pem.len();
            }
        }
        let leaf = certificates.first().expect("`certificates` returns at least one");
        let (names, other_names) = subject_names(leaf);
        let der = leaf.to_der()?;
        Ok(Chain {
            not_before: timestamp(leaf.not_before()).ok_or(ChainError::Validity)?,
            not_after: timestamp(leaf.not_after()).ok_or(ChainError::Validity)?,
            serial: Serial::new(leaf.serial_number()).ok_or(ChainError::Serial)?,
            names,
            other_names,
            issuer: display_name(leaf.issuer_name()),
            authority_key_id: leaf.authority_key_id().map(|id| id.as_slice().to_vec()),
            fingerprint: sha256(&der),
            der,
            certificates,
            pem,
            leaf_end,
        })
    }

    /// Checks that this is the certificate that was asked for.
    ///
    /// The leaf is for `key`, has every one of `identifiers`, can be valid at some time,
    /// and each certificate was issued and signed by the next. Whether the last one leads
    /// to a root is for those who will be shown the chain to decide, so it is not checked;
    /// neither is the clock: a wrong one here must not throw a good certificate away.
    /// Names beyond those asked for do no harm: see [`Chain::extra_names`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, key: &PublicKey, identifiers: &[Identifier]) -> Result<(), ChainError> {
        let serial = || self.serial.clone();
        if !self.is_for(key) {
            return Err(ChainError::WrongKey { serial: serial() });
        }
        let missing: Vec<_> = identifiers
            .iter()
            .filter(|name| !self.names.contains(name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(ChainError::MissingNames {
                serial: serial(),
                names: missing,
            });
        }
        if self.not_after <= self.not_before {
            return Err(ChainError::NeverValid {
                not_before: self.not_before,
                not_after: self.not_after,
            });
        }
        self.verify_links()
    }

    /// True when the leaf holds `key`.
    pub fn is_for(&self, key: &PublicKey) -> bool {
        self.public_key().is_some_and(|own| own == *key)
    }

    /// The leaf's key; `None` for a kind that OpenSSL cannot read, which is none of ours.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.leaf().public_key().ok().map(PublicKey::from)
    }

    fn verify_links(&self) -> Result<(), ChainError> {
        for (index, pair) in self.certificates.windows(2).enumerate() {
            let [issued, issuer] = pair else {
                unreachable!("windows of two")
            };
            let broken = |reason| ChainError::Broken {
                position: index + 1,
                subject: display_name(issued.subject_name()),
                next: display_name(issuer.subject_name()),
                reason,
            };
            // names, key identifiers and key usage; then the signature
            let link = issuer.issued(issued);
            if link != X509VerifyResult::OK {
                return Err(broken(link.error_string()));
            }
            let issuer_key = issuer.public_key()?;
            if !is_right(issued.verify(&issuer_key)) {
                return Err(broken("the signature is wrong"));
            }
        }
        Ok(())
    }

    /// Names of the certificate that `identifiers` do not ask for.
    pub fn extra_names(&self, identifiers: &[Identifier]) -> Vec<&Identifier> {
        self.names
            .iter()
            .filter(|name| !identifiers.contains(name))
            .collect()
    }

    /// First moment of validity. CAs set it some time back.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The leaf's serial number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The DNS names in the leaf's subjectAltName.
    pub fn names(&self) -> &[Identifier] {
        &self.names
    }

    /// How many entries of subjectAltName are no DNS names: addresses, mailboxes.
    pub fn other_names(&self) -> usize {
        self.other_names
    }

    /// The issuer's common name, or what else its name has.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key identifier of the leaf's issuer.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_deref()
    }

    /// What the CA calls the leaf (RFC 9773 4.1); `None` without an authority key identifier.
    pub fn cert_id(&self) -> Option<CertId> {
        self.authority_key_id().map(|id| CertId::new(id, &self.serial))
    }

    /// The leaf in DER: for its revocation.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// How many certificates it has, the leaf included.
    pub fn length(&self) -> usize {
        self.certificates.len()
    }

    /// The common name under which the leaf was issued.
    pub(super) fn issuer_name(&self) -> Option<String> {
        common_name(self.leaf().issuer_name())
    }

    /// The common name of the root that it leads to, which mostly is not in it.
    pub(super) fn root_name(&self) -> Option<String> {
        common_name(self.last().issuer_name())
    }

    /// SHA-256 of the root, where the root is its last certificate.
    pub(super) fn own_root_sha256(&self) -> Option<[u8; 32]> {
        let last = self.last();
        if last.issued(last) != X509VerifyResult::OK {
            return None;
        }
        last.to_der().ok().map(|der| sha256(&der))
    }

    /// The certificate that its root has signed, or is.
    pub(crate) fn last(&self) -> &X509Ref {
        self.certificates
            .last()
            .expect("a chain has at least one certificate")
    }

    /// SHA-256 of the leaf in DER.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The fingerprint in lower-case hexadecimal.
    pub fn fingerprint_hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.fingerprint {
            write!(text, "{byte:02x}").expect("a String takes everything");
        }
        text
    }

    /// Contents of `cert.pem`: the leaf.
    pub fn cert_pem(&self) -> &str {
        &self.pem[..self.leaf_end]
    }

    /// Contents of `chain.pem`: the intermediates; empty when there is none.
    pub fn chain_pem(&self) -> &str {
        &self.pem[self.leaf_end..]
    }

    /// Contents of `fullchain.pem`: the leaf, then the intermediates.
    pub fn fullchain_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate that signed the leaf, where the chain has it.
    pub(super) fn issuer_certificate(&self) -> Option<&X509> {
        self.certificates.get(1)
    }

    pub(super) fn leaf(&self) -> &X509Ref {
        &self.certificates[0]
    }
}

/// The DNS names and the number of other entries.
fn subject_names(certificate: &X509Ref) -> (Vec<Identifier>, usize) {
    let mut names = Vec::new();
    let mut other = 0;
    for entry in certificate.subject_alt_names().iter().flatten() {
        match entry.dnsname().and_then(|name| name.parse().ok()) {
            Some(name) => names.push(name),
            None => other += 1,
        }
    }
    (names, other)
}

pub(super) fn timestamp(time: &Asn1TimeRef) -> Option<Timestamp> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Timestamp::from_second(i64::from(since.days) * 86_400 + i64::from(since.secs)).ok()
}

fn common_name(name: &X509NameRef) -> Option<String> {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next()?;
    entry.data().to_string().ok()
}

/// The common name, or else the other parts in order, without control characters.
fn display_name(name: &X509NameRef) -> String {
    let common = name.entries_by_nid(Nid::COMMONNAME).next();
    let parts: Vec<_> = match common {
        Some(entry) => vec![entry],
        None => name.entries().collect(),
    };
    let texts: Vec<String> = parts
        .iter()
        .filter_map(|entry| entry.data().to_string().ok())
        .collect();
    texts
        .join(", ")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}

fn list(names: &[Identifier]) -> String {
    names
        .iter()
        .map(Identifier::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
