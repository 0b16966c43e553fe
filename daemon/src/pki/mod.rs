//! Keys, certificate requests and chains: computed, never read or written here.

mod cert_id;
mod chain;
mod chain_choice;
mod chain_preference;
mod crl;
mod csr;
mod fingerprint;
mod key;
mod key_type;
mod pem;
mod public_key;
mod request;
mod serial;
#[cfg(test)]
pub(crate) mod test_ca;
mod verdict;

pub use cert_id::CertId;
pub use chain::{Chain, ChainError, MAX_CERTIFICATES};
pub use chain_choice::{Choice, choose, choose_by_root};
pub use chain_preference::ChainPreference;
pub use crl::{Listed, UnusableCrl};
pub use csr::{CsrError, csr};
pub use fingerprint::{NoFingerprint, Sha256Fingerprint};
pub use key::{KeyError, PrivateKey};
pub use key_type::{KeyType, UnknownKeyType};
pub use pem::{MAX_PEM, PemError};
pub use public_key::PublicKey;
pub use request::{Csr, UnusableCsr};
pub use serial::Serial;
