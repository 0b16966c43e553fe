//! The issuing chain: root -> intermediate -> leaf, all P-256, without AIA, OCSP or CRL addresses.

use openssl::error::ErrorStack;
use openssl::pkey::{PKeyRef, Public};
use openssl::x509::X509;

use super::authority::{Authority, Leaf};

/// The root and the intermediate.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) root: X509,
    intermediate: Authority,
}

impl Issuer {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        let root = Authority::root("dns01 lab root")?;
        let intermediate = root.intermediate("dns01 lab intermediate")?;
        Ok(Issuer {
            root: root.certificate,
            intermediate,
        })
    }

    pub(super) fn leaf(&self, leaf: &Leaf<'_>, key: &PKeyRef<Public>) -> Result<X509, ErrorStack> {
        self.intermediate.leaf(leaf, key)
    }

    /// Leaf and intermediate, without the root.
    pub(super) fn chain_pem(&self, leaf: &X509) -> Result<String, ErrorStack> {
        let mut pem = leaf.to_pem()?;
        pem.extend(self.intermediate.certificate.to_pem()?);
        Ok(String::from_utf8_lossy(&pem).into_owned())
    }
}
