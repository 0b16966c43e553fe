use jiff::Timestamp;

use crate::types::CertificateName;

/// Something that happened to a certificate, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When.
    pub at: Timestamp,
    /// To which.
    pub certificate: CertificateName,
    /// At which stage.
    pub stage: Stage,
    /// In plain words.
    pub text: String,
    /// Set on the last one.
    pub outcome: Option<Outcome>,
}

/// Where in a certificate's way it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Work began.
    Begin,
    /// The CA made an order.
    Order,
    /// Challenges were read.
    Authorize,
    /// Records were published.
    Publish,
    /// Records are being looked for.
    Propagate,
    /// The CA validates.
    Validate,
    /// The CA signs.
    Finalize,
    /// Files are written.
    Store,
    /// `live` was switched.
    Switch,
    /// The hook runs.
    Hook,
    /// A certificate is revoked.
    Revoke,
    /// The end.
    End,
}

impl Stage {
    /// A word for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Begin => "begin",
            Stage::Order => "order",
            Stage::Authorize => "authorize",
            Stage::Publish => "publish",
            Stage::Propagate => "propagate",
            Stage::Validate => "validate",
            Stage::Finalize => "finalize",
            Stage::Store => "store",
            Stage::Switch => "switch",
            Stage::Hook => "hook",
            Stage::Revoke => "revoke",
            Stage::End => "end",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The certificate is deployed.
    Succeeded,
    /// A try failed; the daemon tries again by itself.
    Failed,
}
