//! What went wrong, as schedules and operators need it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong decides how soon another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultClass {
    /// Network, 5xx, a lagging server: nothing was spent at the CA, and it may work by itself.
    Transient,
    /// The CA looked and said no; it counts such failures.
    Refused,
    /// The CA or the provider said when to come back.
    Limited,
    /// Nothing will change until an operator changes something.
    Operator,
}

impl FaultClass {
    /// For people and for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultClass::Transient => "transient",
            FaultClass::Refused => "refused",
            FaultClass::Limited => "rate-limited",
            FaultClass::Operator => "needs-operator",
        }
    }
}

/// A failure as the schedule sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its kind.
    pub class: FaultClass,
    /// Earliest moment of the next try, where the other side named one; counted from the failure.
    pub not_before: Option<Duration>,
    /// For the operator: who, what, what next.
    pub text: String,
    /// A page that a person has to go to before another try makes sense, at the CA.
    #[serde(default)]
    pub page: Option<String>,
}

impl Fault {
    /// One without a moment and without a page.
    pub fn new(class: FaultClass, text: String) -> Self {
        Fault {
            class,
            not_before: None,
            text,
            page: None,
        }
    }
}
