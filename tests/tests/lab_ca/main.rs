//! The lab's CA keeps the rules of RFC 8555, also against clients that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod accounts;
mod by_hand;
mod chains;
mod challenges;
mod hostile;
mod keys;
mod limits;
mod orders;
mod profiles;
mod renewal_info;
mod requests;
mod validation;
