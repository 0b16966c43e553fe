use jiff::SignedDuration;

/// So many in such a time. It refills evenly: one comes back after each `per / most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many at once; at least 1.
    pub most: u32,
    /// How long until all of them are back; longer than zero.
    pub per: SignedDuration,
}

/// How much a CA lets an account do. `None`: it is not known to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// New orders of an account.
    pub orders: Option<Limit>,
    /// Certificates of exactly the same names.
    pub exact_set: Option<Limit>,
    /// Certificates below one registered domain.
    pub registered_domain: Option<Limit>,
    /// Failed authorizations of one name and account.
    pub failed_authorizations: Option<Limit>,
    /// Whether orders of one certificate are also held to a multiple of its planned renewals, whatever the CA
    /// allows: a fault of ours must not become a flood.
    pub breaker: bool,
}

impl Limit {
    /// `most` in each `hours`.
    pub const fn new(most: u32, hours: i64) -> Self {
        Limit {
            most,
            per: SignedDuration::from_hours(hours),
        }
    }
}

impl Limits {
    /// Let's Encrypt's, as published in August 2026 (letsencrypt.org/docs/rate-limits).
    pub const LETS_ENCRYPT: Limits = Limits {
        orders: Some(Limit::new(300, 3)),
        exact_set: Some(Limit::new(5, 7 * 24)),
        registered_domain: Some(Limit::new(50, 7 * 24)),
        failed_authorizations: Some(Limit::new(5, 1)),
        breaker: true,
    };
    /// Of a CA that counts nothing, or does not say what.
    pub const NONE: Limits = Limits {
        orders: None,
        exact_set: None,
        registered_domain: None,
        failed_authorizations: None,
        breaker: true,
    };
}
