use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::types::{AuthorizationUrl, ChallengeMethod, ChallengeUrl, DnsName, FinalizeUrl, OrderUrl};

/// Version of the stored form of [`State`]. A change that an older daemon cannot read raises it, so that such a
/// daemon refuses the state with a clear word. This one reads every version up to its own.
///
/// 1: all challenges of an order were met at once, and the states said nothing of rounds.
/// 2: every challenge was dns-01, and no order was exempt from limits.
pub const STATE_VERSION: u32 = 3;

/// Where an issuance stands. Each state carries what its next step needs, so
/// that a killed daemon goes on with the same order and the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Nothing was asked of the CA.
    Due,
    /// The CA made an order.
    Ordered {
        /// The order.
        order: Order,
    },
    /// Challenge records are in the journal; they may be published.
    Presented {
        /// The order.
        order: Order,
        /// What the CA wants to see. None from version 1: it is read again before anything is done.
        #[serde(default)]
        round: Round,
    },
    /// Every authoritative server showed every record.
    Visible {
        /// The order.
        order: Order,
        /// What the CA wants to see. None from version 1: it is read again before anything is done.
        #[serde(default)]
        round: Round,
    },
    /// The CA was told to look.
    Answered {
        /// The order.
        order: Order,
        /// What the CA looks at now, when more is to be proved afterwards; empty
        /// in the last round, which makes the order ready, as every round of version 1 did.
        #[serde(default)]
        round: Vec<AuthorizationUrl>,
    },
    /// The CA is satisfied with every name.
    Ready {
        /// The order.
        order: Order,
    },
    /// The certificate's key is durable, and the CSR may have been sent.
    Finalizing {
        /// The order.
        order: Order,
        /// DER of the CSR, made with the stored key.
        csr: Vec<u8>,
    },
    /// The chain is here.
    Issued {
        /// The order.
        order: Order,
        /// The chain as the CA sent it, PEM.
        chain: String,
    },
    /// The chain and its key are a complete generation on disk.
    Stored {
        /// Number of the generation.
        generation: u32,
    },
}

/// An order at the CA (RFC 8555 7.1.3), as far as later steps need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its address: the way back after a crash.
    pub url: OrderUrl,
    /// Where the CSR goes.
    pub finalize: FinalizeUrl,
    /// One per identifier.
    pub authorizations: Vec<AuthorizationUrl>,
    /// The CA forgets the order then.
    pub expires: Option<Timestamp>,
    /// The CA does not count it: a renewal at the time that it suggested.
    #[serde(default)]
    pub exempt: bool,
    /// The CA wants no look at it, or at its authorizations, before. A daemon that does not know the field looks at
    /// once, as it always did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
}

/// Challenges that are met at once: all that are open, unless a name cannot hold
/// the values of all. Then one round follows the other, and each begins when the
/// records of the one before are on their way out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Empty only when everything is proved.
    pub challenges: Vec<Challenge>,
    /// Others are still open.
    pub more: bool,
}

impl Round {
    /// What the CA looks at once it was told to, for [`State::Answered`].
    pub(super) fn answered(self) -> Vec<AuthorizationUrl> {
        if !self.more {
            return Vec::new();
        }
        self.challenges
            .into_iter()
            .map(|challenge| challenge.authorization)
            .collect()
    }
}

/// A challenge to meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Which kind.
    #[serde(default = "dns_01")]
    pub method: ChallengeMethod,
    /// The name to prove, without `*.`.
    pub identifier: DnsName,
    /// What stands before the identifier in the name that the CA looks up: `_acme-challenge` of dns-01 (RFC 8555
    /// 8.4), with the account's label before it of dns-account-01.
    #[serde(default = "acme_challenge")]
    pub prefix: String,
    /// Whose challenge it is.
    pub authorization: AuthorizationUrl,
    /// Where to tell the CA to look.
    pub url: ChallengeUrl,
    /// The CA's token.
    pub token: String,
    /// `token.thumbprint`; public.
    pub key_authorization: String,
    /// What the TXT record holds.
    pub value: String,
    /// The CA was already told to look at it (before a crash).
    pub answered: bool,
    /// The CA forgets the authorization then.
    pub expires: Option<Timestamp>,
}

fn dns_01() -> ChallengeMethod {
    ChallengeMethod::Dns01
}

fn acme_challenge() -> String {
    "_acme-challenge".into()
}

impl State {
    /// A word for people and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Due => "due",
            State::Ordered { .. } => "ordered",
            State::Presented { .. } => "presented",
            State::Visible { .. } => "visible",
            State::Answered { .. } => "answered",
            State::Ready { .. } => "ready",
            State::Finalizing { .. } => "finalizing",
            State::Issued { .. } => "issued",
            State::Stored { .. } => "stored",
        }
    }

    /// The same, where the CA wants no look at the order before `moment`.
    #[must_use]
    pub fn to_look_at(mut self, moment: Timestamp) -> Self {
        match &mut self {
            State::Due | State::Stored { .. } => {}
            State::Ordered { order }
            | State::Presented { order, .. }
            | State::Visible { order, .. }
            | State::Answered { order, .. }
            | State::Ready { order }
            | State::Finalizing { order, .. }
            | State::Issued { order, .. } => order.look_at = Some(moment),
        }
        self
    }

    /// The order, once there is one.
    pub fn order(&self) -> Option<&Order> {
        match self {
            State::Due | State::Stored { .. } => None,
            State::Ordered { order }
            | State::Presented { order, .. }
            | State::Visible { order, .. }
            | State::Answered { order, .. }
            | State::Ready { order }
            | State::Finalizing { order, .. }
            | State::Issued { order, .. } => Some(order),
        }
    }
}
