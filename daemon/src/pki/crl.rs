use jiff::Timestamp;
use openssl::x509::{CrlStatus, X509, X509Crl};

use super::{Chain, chain::timestamp, verdict::is_right};

/// What a list of revoked certificates (RFC 5280 5) says of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It is on the list.
    Revoked {
        /// Since then, by the list.
        at: Option<Timestamp>,
    },
    /// It is not.
    No,
}

/// Why a list says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableCrl {
    /// Not a list.
    #[error("it is no list of revoked certificates")]
    Read,
    /// Somebody else's.
    #[error("the list is not signed by the certificate's issuer")]
    Signature,
    /// The chain lacks the issuer, so that the list cannot be trusted.
    #[error("the certificate's issuer is not at hand")]
    NoIssuer,
}

impl Chain {
    /// Where the CA publishes the list that the leaf would be on: `http` and `https` addresses, in the
    /// certificate's order.
    pub fn crl_addresses(&self) -> Vec<String> {
        let points = self.leaf().crl_distribution_points();
        let points = points.iter().flat_map(|points| points.iter());
        let names = points.filter_map(|point| point.distpoint()?.fullname());
        let addresses = names.flat_map(|names| names.iter()).filter_map(|name| name.uri());
        addresses
            .filter(|address| address.starts_with("http://") || address.starts_with("https://"))
            .map(str::to_owned)
            .collect()
    }

    /// What a list, in DER, says of the leaf. Its dates are not looked at: an old list that has the certificate
    /// tells the truth.
    ///
    /// # Errors
    /// When it is no list of the leaf's issuer.
    pub fn listed_in(&self, crl: &[u8]) -> Result<Listed, UnusableCrl> {
        let crl = X509Crl::from_der(crl).map_err(|_| UnusableCrl::Read)?;
        let issuer: &X509 = self.issuer_certificate().ok_or(UnusableCrl::NoIssuer)?;
        let key = issuer.public_key().map_err(|_| UnusableCrl::NoIssuer)?;
        if !is_right(crl.verify(&key)) {
            return Err(UnusableCrl::Signature);
        }
        Ok(match crl.get_by_serial(self.leaf().serial_number()) {
            CrlStatus::Revoked(entry) => Listed::Revoked {
                at: timestamp(entry.revocation_date()),
            },
            CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) => Listed::No,
        })
    }
}
