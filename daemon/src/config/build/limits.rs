use jiff::SignedDuration;

use crate::{
    config::raw::{self, Flag, Rate},
    schedule::{Limit, Limits},
};

/// What the CA is known to allow, with what the operator knows better.
pub(super) fn limits(raw: Option<raw::Limits>, usual: Limits) -> Limits {
    let of = match raw {
        None => return usual,
        Some(raw::Limits::LetsEncrypt) => return Limits::LETS_ENCRYPT,
        Some(raw::Limits::None) => return Limits::NONE,
        Some(raw::Limits::Of(of)) => of,
    };
    let limit = |rate: Option<Rate>, usual| match rate {
        None => usual,
        Some(Rate::None) => None,
        Some(Rate::Most(most, per)) => Some(Limit {
            most,
            per: SignedDuration::try_from(per).unwrap_or(SignedDuration::MAX),
        }),
    };
    Limits {
        orders: limit(of.orders, usual.orders),
        exact_set: limit(of.exact_set, usual.exact_set),
        registered_domain: limit(of.registered_domain, usual.registered_domain),
        failed_authorizations: limit(of.failed_authorizations, usual.failed_authorizations),
        breaker: of.breaker.map_or(usual.breaker, |Flag(breaker)| breaker),
    }
}
