//! The nouns that every layer speaks in. Inside the daemon no `String` stands
//! for a domain idea: text is parsed once, at the edge.

mod challenge_method;
mod dns_name;
mod fault;
mod identifier;
mod ids;

pub use challenge_method::{ChallengeMethod, UnknownChallengeMethod};
pub use dns_name::{DnsName, NameError};
pub use fault::{Fault, FaultClass};
pub use identifier::Identifier;
pub use ids::{
    AccountUrl, AuthorizationUrl, CaName, CertificateName, CertificateUrl, ChallengeUrl, FinalizeUrl,
    IdError, InstanceName, OrderUrl,
};
