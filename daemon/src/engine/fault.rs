//! What an error of a lower layer means to the schedule.

use crate::{
    acme::{self, Retry},
    issuance::{Failure, Scope},
    types::{Fault, FaultClass},
};

/// A failed request about an order that exists.
pub(super) fn of_order(error: &acme::Error) -> Failure {
    // what no patience mends has killed the order; a closed account would refuse any other
    let dead = error.retry() == Retry::NextCycle && !error.is_account_gone();
    Failure {
        fault: Fault::from(error),
        scope: if dead { Scope::Order } else { Scope::Step },
    }
}

/// Something that only a person can change; the order lives.
pub(super) fn operator(text: String) -> Failure {
    Failure {
        fault: Fault {
            class: FaultClass::Operator,
            not_before: None,
            text,
        },
        scope: Scope::Step,
    }
}

/// Something that may work by itself; the order lives.
pub(super) fn transient(text: String) -> Failure {
    Failure {
        fault: Fault {
            class: FaultClass::Transient,
            not_before: None,
            text,
        },
        scope: Scope::Step,
    }
}

/// The CA said no; the order is dead.
pub(super) fn refused(text: String) -> Failure {
    Failure {
        fault: Fault {
            class: FaultClass::Refused,
            not_before: None,
            text,
        },
        scope: Scope::Order,
    }
}
