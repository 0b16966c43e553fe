//! Which CAs may issue for a name: CAA (RFC 8659), bound to accounts and methods (RFC 8657).
//!
//! [`Policies`] finds the relevant set of a name by asking those who serve it; [`judge`] says what a CA reads in it,
//! without asking anybody.

mod issue_value;
mod judgement;
mod policies;
mod property;
#[cfg(test)]
mod tests;

pub use issue_value::{IssueValue, Parameter};
pub use judgement::{Doubt, Issuer, Judgement, Refusal, doubts, governing_tag, judge};
pub use policies::{CaaError, Policies, Policy, RelevantSet};
pub use property::Property;
