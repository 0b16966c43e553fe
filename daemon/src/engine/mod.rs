//! Carries out what the machines decide: takes due jobs from the store, runs a
//! worker for each, makes every state durable before it acts on it.

mod account;
mod account_key;
mod admission;
mod adopt;
mod authority;
mod authority_options;
mod canary;
mod certify;
mod clean_up;
mod deploy;
mod ending;
mod fault;
mod issue;
mod look_ahead;
mod next_look;
mod options;
mod ordering;
mod perform;
mod persist;
mod progress;
mod proof;
mod queue;
mod renewal_info;
mod reserved;
mod revoke;
mod set_back;
mod standing;
mod world;

pub use account::{AccountState, AccountTask};
pub use authority::{Authority, AuthorityError};
pub use authority_options::{AuthorityOptions, ExternalAccount};
pub use options::{Certificate, DEFAULT_CANARY, DEFAULT_CHALLENGES, DEFAULT_CONCURRENCY, KeySource, Options};
pub use progress::{Outcome, Progress, Stage};
pub use queue::{Engine, UnknownCertificate};
pub use revoke::{Revocable, RevocationWish, RevokeError};
pub use world::World;
