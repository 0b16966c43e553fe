//! A plan, held against what the CAs allow: an order that a CA would refuse is foretold for the moment at which it
//! will take it, as the engine will hold it back.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use jiff::Timestamp;

use crate::{
    control::protocol::{Planned, PlannedKind},
    schedule::{ChargedBy, Counter, Permit, permit},
    types::CertificateName,
};

/// What the CAs count, and how far their counters are.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    /// What an order for a certificate costs; without those whose renewals pass their CA's limits.
    pub costs: BTreeMap<CertificateName, Vec<Counter>>,
    /// When each counter is full again, by its key.
    pub full_at: BTreeMap<String, Timestamp>,
}

impl Budgets {
    /// Moves orders to where their CA takes them, the earlier ones first.
    pub fn hold_back(mut self, planned: &mut [Planned], now: Timestamp) {
        let mut waiting: BinaryHeap<Reverse<(Timestamp, usize)>> = planned
            .iter()
            .enumerate()
            .filter(|(_, one)| one.what == PlannedKind::Renew)
            .map(|(index, one)| Reverse((one.at.max(now), index)))
            .collect();
        while let Some(Reverse((at, index))) = waiting.pop() {
            let one = &mut planned[index];
            let name = one.subject.parse::<CertificateName>().ok();
            let Some(costs) = name.and_then(|name| self.costs.get(&name)) else {
                continue;
            };
            let full_at = |counter: &Counter| self.full_at.get(&counter.key).copied();
            let counters: Vec<(Counter, Option<Timestamp>)> = costs
                .iter()
                .map(|counter| (counter.clone(), counter.believed(full_at(counter), at)))
                .collect();
            // nobody knows today which of them will be near their end
            match permit(&counters, false, at) {
                Permit::NotBefore { at: later, because } => {
                    one.at = later;
                    if !one.because.contains(&because) {
                        one.because = format!("{}; held back, as {because}", one.because);
                    }
                    waiting.push(Reverse((later, index)));
                }
                Permit::Now => {
                    let charged = counters
                        .into_iter()
                        .filter(|(counter, _)| counter.charged_by != ChargedBy::Failure);
                    for (counter, full_at) in charged {
                        let full_at = counter.charged(full_at, at);
                        self.full_at.insert(counter.key, full_at);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        schedule::{Limits, Scope, counters},
        types::Identifier,
    };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn renewal(subject: &str, moment: &str) -> Planned {
        Planned {
            at: at(moment),
            what: PlannedKind::Renew,
            subject: subject.into(),
            because: "it is time".into(),
        }
    }

    /// With nothing but a limit of three certificates a day below one domain.
    fn budgets(certificates: &[&str]) -> Budgets {
        let limits = Limits {
            registered_domain: Some(crate::schedule::Limit::new(3, 24)),
            ..Limits::NONE
        };
        let scope = Scope {
            directory: "https://ca.test/directory",
            account: "ca",
        };
        let cost = |name: &&str| {
            let identifier: Identifier = format!("{name}.example.org").parse().expect("a name");
            (
                name.parse().expect("a name"),
                counters(&limits, scope, &[identifier]),
            )
        };
        Budgets {
            costs: certificates.iter().map(cost).collect(),
            full_at: BTreeMap::new(),
        }
    }

    #[test]
    fn an_order_that_the_ca_would_refuse_is_foretold_for_when_it_takes_it() {
        let names = ["a", "b", "c", "d", "e"];
        let mut planned: Vec<Planned> = names
            .iter()
            .map(|name| renewal(name, "2027-01-01T00:00:00Z"))
            .collect();
        budgets(&names).hold_back(&mut planned, at("2026-12-01T00:00:00Z"));
        let moments: Vec<String> = planned.iter().map(|one| one.at.to_string()).collect();
        assert_eq!(
            moments,
            [
                "2027-01-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
                "2027-01-01T08:00:00Z",
                "2027-01-01T16:00:00Z",
            ]
        );
        assert_eq!(planned[0].because, "it is time");
        assert!(
            planned[4]
                .because
                .starts_with("it is time; held back, as the CA allows 3 certificates below example.org"),
            "{}",
            planned[4].because
        );
    }

    #[test]
    fn what_is_spent_already_counts_and_what_passes_the_limits_does_not() {
        let mut budgets = budgets(&["a", "b"]);
        let key = budgets.costs.values().next().expect("a cost")[0].key.clone();
        budgets.full_at.insert(key, at("2027-01-02T00:00:00Z"));
        let mut planned = vec![
            renewal("a", "2027-01-01T00:00:00Z"),
            // its CA suggested the time
            renewal("exempt", "2027-01-01T00:00:00Z"),
        ];
        budgets.hold_back(&mut planned, at("2027-01-01T00:00:00Z"));
        assert_eq!(planned[0].at, at("2027-01-01T08:00:00Z"));
        assert_eq!(planned[1].at, at("2027-01-01T00:00:00Z"));
    }
}
