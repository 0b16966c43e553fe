//! The CA's limits as the CA counts them, so that it never has to refuse: an attempt that would be refused is
//! not made, and the moment at which it will be allowed is known.
//!
//! The arithmetic is the generic cell rate algorithm, which Boulder uses itself: of each counter only one moment
//! is kept, at which it will be full again, and every use moves it on by the time in which one comes back.

use jiff::{SignedDuration, Timestamp};
use openssl::sha::sha256;

use super::{Limit, Limits};
use crate::types::Identifier;

/// This share of a limit is left to certificates that are near their end.
const RESERVE_DIVISOR: u32 = 10;

/// Whose counters they are.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The CA, by its directory: two accounts there share what is counted by names.
    pub directory: &'a str,
    /// The account, by its address.
    pub account: &'a str,
}

/// One thing that a CA counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Under which its moment is kept.
    pub key: String,
    /// For people: `orders of this account`.
    pub what: String,
    /// How many in which time.
    pub limit: Limit,
    /// What makes it count.
    pub charged_by: ChargedBy,
    /// Other certificates use it too, so some of it is kept for those that are near their end.
    pub shared: bool,
}

/// What makes a counter count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargedBy {
    /// A new order.
    Order,
    /// A certificate.
    Certificate,
    /// A failed authorization.
    Failure,
}

/// Whether the CA would take an order now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It would.
    Now,
    /// It would not, before this.
    NotBefore {
        /// The first moment.
        at: Timestamp,
        /// Which limit, for the operator.
        because: String,
    },
}

/// Everything that a CA looks at when it is asked for an order of these names.
pub fn counters(limits: &Limits, scope: Scope<'_>, identifiers: &[Identifier]) -> Vec<Counter> {
    let Scope { directory, account } = scope;
    let mut counters = Vec::new();
    if let Some(limit) = limits.orders {
        counters.push(Counter {
            key: format!("orders {account}"),
            what: "new orders of this account".into(),
            limit,
            charged_by: ChargedBy::Order,
            shared: true,
        });
    }
    if let Some(limit) = limits.exact_set {
        counters.push(Counter {
            key: format!("set {} {directory}", digest(identifiers)),
            what: "certificates of exactly these names".into(),
            limit,
            charged_by: ChargedBy::Certificate,
            shared: false,
        });
    }
    if let Some(limit) = limits.registered_domain {
        let mut domains: Vec<String> = identifiers.iter().map(registered_domain).collect();
        domains.sort_unstable();
        domains.dedup();
        counters.extend(domains.into_iter().map(|domain| Counter {
            key: format!("domain {domain} {directory}"),
            what: format!("certificates below {domain}"),
            limit,
            charged_by: ChargedBy::Certificate,
            shared: true,
        }));
    }
    if let Some(limit) = limits.failed_authorizations {
        let mut names: Vec<_> = identifiers.iter().map(Identifier::name).collect();
        names.dedup();
        counters.extend(names.into_iter().map(|name| Counter {
            key: format!("failures {name} {account}"),
            what: format!("failed authorizations of {name}"),
            limit,
            charged_by: ChargedBy::Failure,
            shared: false,
        }));
    }
    counters
}

/// Would an order be taken `now`? Each counter comes with the moment that is kept of it.
pub fn permit(counters: &[(Counter, Option<Timestamp>)], urgent: bool, now: Timestamp) -> Permit {
    let latest = counters
        .iter()
        .map(|(counter, full_at)| (counter.allowed_at(*full_at, urgent), counter))
        .max_by_key(|(at, _)| *at);
    match latest {
        Some((at, counter)) if at > now => Permit::NotBefore {
            at,
            because: format!(
                "the CA allows {} {} in {:#}",
                counter.limit.most, counter.what, counter.limit.per
            ),
        },
        _ => Permit::Now,
    }
}

impl Counter {
    /// The first moment at which one more is allowed.
    pub fn allowed_at(&self, full_at: Option<Timestamp>, urgent: bool) -> Timestamp {
        let Some(full_at) = full_at else {
            return Timestamp::MIN;
        };
        let kept = match self.shared && !urgent {
            true => self.limit.most / RESERVE_DIVISOR,
            false => 0,
        };
        let usable = self.limit.interval() * i32::try_from(self.limit.most - kept).unwrap_or(i32::MAX);
        full_at
            .checked_add(self.limit.interval())
            .and_then(|next| next.checked_sub(usable))
            .unwrap_or(Timestamp::MIN)
    }

    /// The moment that was kept, unless it lies so far ahead that a clock which was wrong has kept it.
    pub fn believed(&self, full_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        // once over is possible, where things count that could not be refused
        let furthest = now.checked_add(self.limit.per * 2).unwrap_or(Timestamp::MAX);
        full_at.filter(|full_at| *full_at <= furthest)
    }

    /// The moment to keep after one more.
    pub fn charged(&self, full_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let begin = full_at.map_or(now, |full_at| full_at.max(now));
        begin.checked_add(self.limit.interval()).unwrap_or(Timestamp::MAX)
    }
}

impl Limit {
    /// The time in which one comes back.
    pub fn interval(&self) -> SignedDuration {
        self.per / i32::try_from(self.most.max(1)).unwrap_or(i32::MAX)
    }
}

/// The name that was registered, by the public suffix list; of a public suffix itself, that.
pub fn registered_domain(identifier: &Identifier) -> String {
    let name = identifier.name().as_str();
    psl::domain_str(name).unwrap_or(name).to_owned()
}

/// Sorted before: a set has no order.
fn digest(identifiers: &[Identifier]) -> String {
    let mut names: Vec<String> = identifiers.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    sha256(names.join(" ").as_bytes())[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCOPE: Scope<'_> = Scope {
        directory: "https://ca.test/directory",
        account: "https://ca.test/account/1",
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn names(texts: &[&str]) -> Vec<Identifier> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn counter(most: u32, seconds: i64, shared: bool) -> Counter {
        Counter {
            key: "x".into(),
            what: "things".into(),
            limit: Limit {
                most,
                per: SignedDuration::from_secs(seconds),
            },
            charged_by: ChargedBy::Order,
            shared,
        }
    }

    #[test]
    fn an_order_is_held_against_everything_that_lets_encrypt_counts() {
        let names = names(&["*.a.example.co.uk", "a.example.co.uk", "b.example.org"]);
        let counters = counters(&Limits::LETS_ENCRYPT, SCOPE, &names);
        let what: Vec<_> = counters.iter().map(|counter| counter.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "new orders of this account",
                "certificates of exactly these names",
                "certificates below example.co.uk",
                "certificates below example.org",
                "failed authorizations of a.example.co.uk",
                "failed authorizations of b.example.org",
            ]
        );
        let mut keys: Vec<_> = counters.iter().map(|counter| &counter.key).collect();
        keys.dedup();
        assert_eq!(keys.len(), 6);
        assert!(super::counters(&Limits::NONE, SCOPE, &names).is_empty());
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_kept_is_not_believed() {
        let counter = counter(5, 1000, false);
        assert_eq!(counter.believed(Some(at(1000)), at(0)), Some(at(1000)));
        assert_eq!(
            counter.believed(Some(at(1600)), at(0)),
            Some(at(1600)),
            "it may be overdrawn"
        );
        assert_eq!(counter.believed(Some(at(315_360_000)), at(0)), None);
    }

    #[test]
    fn the_order_of_the_names_makes_no_other_set() {
        let key = |texts: &[&str]| {
            counters(&Limits::LETS_ENCRYPT, SCOPE, &names(texts))[1]
                .key
                .clone()
        };
        assert_eq!(key(&["a.test", "b.test"]), key(&["b.test", "a.test"]));
        assert_ne!(key(&["a.test", "b.test"]), key(&["a.test"]));
    }

    #[test]
    fn a_refusal_names_the_limit_and_the_moment() {
        let mut full_at = None;
        let counter = counter(5, 7 * 86_400, false);
        for _ in 0..5 {
            assert_eq!(permit(&[(counter.clone(), full_at)], false, at(0)), Permit::Now);
            full_at = Some(counter.charged(full_at, at(0)));
        }
        let Permit::NotBefore { at: moment, because } = permit(&[(counter, full_at)], false, at(0)) else {
            panic!("a sixth is refused");
        };
        assert_eq!(moment, at(7 * 86_400 / 5), "one comes back in 33.6 hours");
        assert_eq!(because, "the CA allows 5 things in 168h");
    }

    #[test]
    fn a_tenth_of_what_is_shared_is_kept_for_certificates_near_their_end() {
        let counter = counter(300, 10_800, true);
        let mut full_at = None;
        let mut taken = 0;
        while permit(&[(counter.clone(), full_at)], false, at(0)) == Permit::Now {
            full_at = Some(counter.charged(full_at, at(0)));
            taken += 1;
        }
        assert_eq!(taken, 270);
        while permit(&[(counter.clone(), full_at)], true, at(0)) == Permit::Now {
            full_at = Some(counter.charged(full_at, at(0)));
            taken += 1;
        }
        assert_eq!(taken, 300);
    }

    proptest! {
        /// What a CA refuses, by a bucket that is filled evenly, was never tried; and whoever waits as told is let through.
        #[test]
        fn no_attempt_is_one_that_the_ca_would_refuse(most in 1u32..50, per in 50i64..100_000, steps in proptest::collection::vec((0i64..5000, any::<bool>()), 1..100)) {
            let counter = counter(most, per, true);
            let interval = counter.limit.interval().as_secs_f64();
            let (mut tokens, mut filled_at, mut now, mut full_at) = (f64::from(most), 0, 0, None);
            for (pause, urgent) in steps {
                now += pause;
                tokens = (tokens + (now - filled_at) as f64 / interval).min(f64::from(most));
                filled_at = now;
                match permit(&[(counter.clone(), full_at)], urgent, at(now)) {
                    Permit::Now => {
                        prop_assert!(tokens > 0.999, "the CA had {tokens}");
                        tokens -= 1.0;
                        full_at = Some(counter.charged(full_at, at(now)));
                    }
                    Permit::NotBefore { at: moment, .. } => {
                        prop_assert!(moment > at(now));
                        prop_assert_eq!(permit(&[(counter.clone(), full_at)], urgent, moment), Permit::Now);
                    }
                }
            }
        }
    }
}
