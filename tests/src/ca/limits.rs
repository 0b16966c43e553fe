//! Rate limits that are really counted, as Let's Encrypt counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemType};
use super::retry_after::RetryAfter;
use crate::knobs::seconds;

/// So much at once, and again after so long: in between it comes back bit by bit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Quota {
    /// How many there are at most.
    pub count: u32,
    /// How long until all of them are there again.
    #[serde(with = "seconds")]
    pub window: Duration,
}

/// The limits. An order that replaces a certificate within the window that was suggested for it is exempt from all of
/// them; one for names that had a certificate before is not, which is stricter than Let's Encrypt.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// New orders of an account.
    pub orders_per_account: Quota,
    /// Certificates of a registered domain, which is taken to be a name's last two labels.
    pub certificates_per_domain: Quota,
    /// Certificates of one exact set of names.
    pub certificates_per_set: Quota,
    /// Failed authorizations of a name in an account.
    pub failures_per_name: Quota,
}

impl Default for Limits {
    /// Let's Encrypt's of 2026.
    fn default() -> Self {
        let quota = |count, hours: u64| Quota {
            count,
            window: Duration::from_secs(hours * 3600),
        };
        Limits {
            orders_per_account: quota(300, 3),
            certificates_per_domain: quota(50, 7 * 24),
            certificates_per_set: quota(5, 7 * 24),
            failures_per_name: quota(5, 1),
        }
    }
}

/// Which limit it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// [`Limits::orders_per_account`].
    OrdersPerAccount,
    /// [`Limits::certificates_per_domain`].
    CertificatesPerDomain,
    /// [`Limits::certificates_per_set`].
    CertificatesPerSet,
    /// [`Limits::failures_per_name`].
    FailuresPerName,
}

/// An order that a limit refused.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LimitHit {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub limit: Limit,
    /// What had too much: an account's URL path, a domain, names with commas, or a path and a name.
    pub of: String,
    /// Until there is one again.
    pub retry_at: Timestamp,
}

/// What was spent: for each limit and each that it counts, when all of it will be there again (the generic cell rate
/// algorithm, as Boulder has it).
#[derive(Debug, Default)]
pub(super) struct Meter {
    full_at: BTreeMap<(Limit, String), Timestamp>,
    pub(super) hits: Vec<LimitHit>,
}

impl Meter {
    /// Spends an order of the account, unless one of the limits stands against it.
    pub(super) fn order(
        &mut self,
        limits: &Limits,
        account: u64,
        names: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let mut wanted = vec![(Limit::OrdersPerAccount, account_path(account))];
        wanted.extend(by_issuance(names));
        let failures = names
            .iter()
            .map(|name| (Limit::FailuresPerName, failures_of(account, name)));
        wanted.extend(failures);
        for (limit, of) in &wanted {
            let Err(retry_at) = self.after_one_more(limits, *limit, of, now) else {
                continue;
            };
            self.hits.push(LimitHit {
                at: now,
                limit: *limit,
                of: of.clone(),
                retry_at,
            });
            return Err(refusal(limits.quota(*limit), *limit, of, retry_at, now));
        }
        self.spend(limits, Limit::OrdersPerAccount, account_path(account), now);
        Ok(())
    }

    pub(super) fn issued(&mut self, limits: &Limits, names: &BTreeSet<String>, now: Timestamp) {
        for (limit, of) in by_issuance(names) {
            self.spend(limits, limit, of, now);
        }
    }

    pub(super) fn failed(&mut self, limits: &Limits, account: u64, name: &str, now: Timestamp) {
        self.spend(limits, Limit::FailuresPerName, failures_of(account, name), now);
    }

    /// When all will be there again if one more is spent; or the moment to wait for, if there is none.
    fn after_one_more(
        &self,
        limits: &Limits,
        limit: Limit,
        of: &str,
        now: Timestamp,
    ) -> Result<Timestamp, Timestamp> {
        let quota = limits.quota(limit);
        let full_at = self.full_at.get(&(limit, of.to_owned())).copied();
        let after = full_at.map_or(now, |full_at| full_at.max(now)) + quota.window / quota.count.max(1);
        let allowed_at = after - quota.window;
        if allowed_at <= now {
            Ok(after)
        } else {
            Err(allowed_at)
        }
    }

    /// What happened counts, also beyond the limit.
    fn spend(&mut self, limits: &Limits, limit: Limit, of: String, now: Timestamp) {
        let after = self.after_one_more(limits, limit, &of, now);
        let full_at = after.unwrap_or_else(|allowed_at| allowed_at + limits.quota(limit).window);
        self.full_at.insert((limit, of), full_at);
    }
}

impl Limits {
    fn quota(&self, limit: Limit) -> Quota {
        match limit {
            Limit::OrdersPerAccount => self.orders_per_account,
            Limit::CertificatesPerDomain => self.certificates_per_domain,
            Limit::CertificatesPerSet => self.certificates_per_set,
            Limit::FailuresPerName => self.failures_per_name,
        }
    }
}

/// What a certificate is counted by.
fn by_issuance(names: &BTreeSet<String>) -> impl Iterator<Item = (Limit, String)> {
    let domains: BTreeSet<String> = names.iter().map(|name| registered_domain(name)).collect();
    let set = names.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let domains = domains
        .into_iter()
        .map(|domain| (Limit::CertificatesPerDomain, domain));
    domains.chain([(Limit::CertificatesPerSet, set)])
}

fn registered_domain(name: &str) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    labels[labels.len().saturating_sub(2)..].join(".")
}

fn account_path(account: u64) -> String {
    format!("/account/{account}")
}

fn failures_of(account: u64, name: &str) -> String {
    format!(
        "{} {}",
        account_path(account),
        name.strip_prefix("*.").unwrap_or(name)
    )
}

fn refusal(quota: Quota, limit: Limit, of: &str, retry_at: Timestamp, now: Timestamp) -> Problem {
    let what = match limit {
        Limit::OrdersPerAccount => "new orders by this account",
        Limit::CertificatesPerDomain => "certificates already issued for this registered domain",
        Limit::CertificatesPerSet => "certificates already issued for this exact set of identifiers",
        Limit::FailuresPerName => "failed authorizations for this identifier by this account",
    };
    let (count, hours) = (quota.count, quota.window.as_secs() / 3600);
    let detail = format!("too many ({count}) {what} in the last {hours}h: {of}; retry after {retry_at:.0}");
    // whole seconds, and none too few
    let wait = retry_at.duration_since(now) + SignedDuration::from_nanos(999_999_999);
    let wait = RetryAfter::Seconds(wait.as_secs().unsigned_abs());
    Problem::new(ProblemType::RateLimited, detail).with_retry_after(wait, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn exact_set_comes_back_one_by_one() {
        let (limits, mut meter) = (Limits::default(), Meter::default());
        let set = names(&["a.test", "www.a.test"]);
        for _ in 0..5 {
            meter.order(&limits, 1, &set, at(0)).unwrap();
            meter.issued(&limits, &set, at(0));
        }
        let problem = meter.order(&limits, 1, &set, at(0)).unwrap_err();
        assert_eq!(problem.status().as_u16(), 429);
        // one comes back each 33.6 hours
        assert_eq!(problem.headers[0].1, (33 * 3600 + 36 * 60).to_string().as_str());
        assert!(meter.order(&limits, 1, &set, at(33)).is_err());
        meter.order(&limits, 1, &set, at(34)).unwrap();
        meter.order(&limits, 1, &names(&["a.test"]), at(34)).unwrap();
        let hits: Vec<Limit> = meter.hits.iter().map(|hit| hit.limit).collect();
        assert_eq!(hits, [Limit::CertificatesPerSet; 2]);
    }

    #[test]
    fn each_limit_counts_what_it_is_about() {
        let (limits, mut meter) = (Limits::default(), Meter::default());
        for number in 0..50 {
            meter.issued(&limits, &names(&[&format!("n{number}.a.test"), "b.test"]), at(0));
        }
        let refused = |meter: &mut Meter, account, name: &str| {
            meter.order(&limits, account, &names(&[name]), at(0)).is_err()
        };
        assert!(refused(&mut meter, 1, "*.other.a.test"));
        assert!(!refused(&mut meter, 1, "c.test"));
        for _ in 0..5 {
            meter.failed(&limits, 1, "d.test", at(0));
        }
        assert!(refused(&mut meter, 1, "*.d.test"));
        assert!(!refused(&mut meter, 2, "d.test"));
        for _ in 0..299 {
            assert!(!refused(&mut meter, 1, "e.test"));
        }
        assert!(refused(&mut meter, 1, "e.test"));
        let hits: Vec<Limit> = meter.hits.iter().map(|hit| hit.limit).collect();
        let wanted = [
            Limit::CertificatesPerDomain,
            Limit::FailuresPerName,
            Limit::OrdersPerAccount,
        ];
        assert_eq!(hits, wanted);
    }
}
