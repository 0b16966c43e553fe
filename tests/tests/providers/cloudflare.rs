//! cloudflare in its sandbox, against the lab's double, which serves Cloudflare's own SDK too.

mod issuance;
mod reach;
mod records;
mod refusals;
mod removal;
mod secrecy;
mod zones;

use dns01d::plugin::{CallError, Failure, Instance, Record, RecordOutcome};
use lab::cloudflare::{Cloudflare, Rights};

use crate::instance::{instance, record};

/// A double with one zone, `example.test`, and a token with the rights that the README asks for.
struct Scene {
    double: Cloudflare,
    zone: String,
    token: String,
}

impl Scene {
    async fn start() -> Self {
        Self::around(Cloudflare::start().await.expect("a port"))
    }

    fn around(double: Cloudflare) -> Self {
        let zone = double.add_zone("example.test");
        let token = double.add_token(Rights {
            dns_edit: true,
            zone_read: true,
            ..Rights::default()
        });
        Self { double, zone, token }
    }

    /// A provider with this token and these options besides.
    fn provider(&self, options: &[(&str, &str)]) -> Instance {
        self.provider_with(&self.token, options)
    }

    fn provider_with(&self, token: &str, options: &[(&str, &str)]) -> Instance {
        provider(token, &self.double.base_url(), options)
    }

    /// A provider that looks for the API elsewhere.
    fn provider_at(&self, base: &str, options: &[(&str, &str)]) -> Instance {
        provider(&self.token, base, options)
    }

    /// What was asked since the last look: method, and path without the query.
    fn asked(&self) -> Vec<String> {
        let seen = self.double.requests();
        self.double.forget_requests();
        let zone = format!("/zones/{}", self.zone);
        seen.iter()
            .map(|seen| {
                let path = seen.target.split('?').next().unwrap_or_default();
                format!("{} {}", seen.method, path.replace(&zone, "ZONE"))
            })
            .collect()
    }
}

fn provider(token: &str, base: &str, options: &[(&str, &str)]) -> Instance {
    let mut values = vec![("api-token", token, true), ("base-url", base, false)];
    values.extend(options.iter().map(|(key, value)| (*key, *value, false)));
    instance("cloudflare", &values)
}

/// A record with the host's hint on its zone.
fn hinted(identifier: &str, value: &str, zone: &str) -> Record {
    Record {
        zone: zone.to_owned(),
        ..record(identifier, value)
    }
}

/// `count` records, each at a name of its own in `example.test`.
fn many(count: usize) -> Vec<Record> {
    let records = (0..count).map(|at| hinted(&format!("n{at:02}.example.test"), &value(at), "example.test"));
    records.collect()
}

/// A value of the length that dns-01 has.
fn value(at: usize) -> String {
    format!("{at:043}")
}

/// The one outcome, which must be a failure.
fn failure(outcomes: Result<Vec<RecordOutcome>, CallError>) -> Failure {
    let mut outcomes = outcomes.expect("an answer");
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).expect_err("a failure")
}
