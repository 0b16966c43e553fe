//! What an error of a lower layer means to the schedule.

use crate::{
    acme::{self, Retry},
    challenge::ChallengeError,
    issuance::{Failure, Origin, Scope},
    types::{Fault, FaultClass},
};

/// A failed request to the CA before there is an order.
pub(super) fn of_ca(fault: Fault) -> Failure {
    of(fault, Scope::Step, Origin::Ca)
}

/// Records could not be published or seen; the order lives.
pub(super) fn of_dns(error: &ChallengeError) -> Failure {
    of(error.fault(), Scope::Step, Origin::Dns)
}

fn of(fault: Fault, scope: Scope, origin: Origin) -> Failure {
    Failure {
        fault,
        scope,
        origin,
        refused: Vec::new(),
    }
}

/// A failed request about an order that exists.
pub(super) fn of_order(error: &acme::Error) -> Failure {
    // what no patience mends has killed the order; a closed account would refuse any other
    let dead = error.retry() == Retry::NextCycle && !error.is_account_gone();
    let scope = if dead { Scope::Order } else { Scope::Step };
    of(Fault::from(error), scope, Origin::Ca)
}

/// Something that only a person can change; the order lives.
pub(super) fn operator(text: String) -> Failure {
    let class = FaultClass::Operator;
    let fault = Fault::new(class, text);
    of(fault, Scope::Step, Origin::Here)
}

/// Something that may work by itself; the order lives.
pub(super) fn transient(text: String) -> Failure {
    let class = FaultClass::Transient;
    let fault = Fault::new(class, text);
    of(fault, Scope::Step, Origin::Here)
}

/// The CA said no; the order is dead.
pub(super) fn refused(text: String) -> Failure {
    let class = FaultClass::Refused;
    let fault = Fault::new(class, text);
    of(fault, Scope::Order, Origin::Ca)
}
