//! acme-dns (joohoi's server for challenges alone), as a provider of dns01d.
//!
//! Such a server holds one name per account, `UUID.auth.example.org`, with the two newest
//! TXT values that the account sent. The challenge names of the certificates are CNAMEs to
//! these names, added once by hand.
#![forbid(unsafe_code)]

mod account;
mod accounts;
mod error;
mod live;
mod options;
mod provider;
mod server;

pub use account::{Account, AccountFault};
pub use error::Error;
pub use provider::AcmeDns;

dns01_plugin_api::export_provider!(AcmeDns);
