use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::*;
use crate::{
    dns::{self, Dns},
    issuance::{Order, Round, State},
    plugin::{
        CallError, Done, Failure, FailureClass, InstanceInfo, Operation, ProviderClient, Record as Wire,
        RecordOutcome,
    },
    store::{Change, NewRecord, Record, RecordPhase, Sqlite, Store, Wanted},
    types::{CertificateName, DnsName, InstanceName},
};

mod batches;

const WINDOW: Duration = Duration::from_millis(300);

/// A host of DNS whose names hold some values at most.
#[derive(Debug, Default)]
struct Host {
    limit: u32,
    spreads_in: Duration,
    refuses: &'static str,
    /// Records in one call; none when it does not say.
    most: u32,
    /// A zone is changed whole or not at all.
    is_atomic: bool,
    takes: Duration,
    /// Values of each call that published.
    presented: Mutex<Vec<Vec<String>>>,
    calls: Mutex<Vec<(Operation, String, String)>>,
}

impl ProviderClient for Host {
    fn info(&self, _: Duration) -> BoxFuture<'_, Result<InstanceInfo, CallError>> {
        let info = InstanceInfo {
            max_values_per_name: self.limit,
            max_batch: self.most,
            propagation_timeout_ms: self.spreads_in.as_millis() as u64,
            ..InstanceInfo::default()
        };
        async move { Ok(info) }.boxed()
    }

    fn call<'a>(
        &'a self,
        operation: Operation,
        records: &'a [Wire],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        if operation == Operation::Present {
            let values = records.iter().map(|record| record.value.clone());
            self.presented.lock().push(values.collect());
        }
        let spoiled = self.is_atomic && records.iter().any(|record| record.value == self.refuses);
        let outcomes = records.iter().map(|record| {
            let call = (operation, record.value.clone(), record.handle.clone());
            self.calls.lock().push(call);
            if spoiled || record.value == self.refuses {
                return Err(Failure {
                    class: FailureClass::Transient,
                    code: 0,
                    message: "no".into(),
                    retry_after: None,
                    native_code: None,
                });
            }
            Ok(Done {
                handle: format!("handle of {}", record.value),
                ..Done::default()
            })
        });
        let outcomes = outcomes.collect();
        async move {
            tokio::time::sleep(self.takes).await;
            Ok(outcomes)
        }
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

struct Bench {
    store: Arc<Sqlite>,
    host: Arc<Host>,
    publisher: Publisher,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// With the certificates `a` and `b`.
    async fn new(host: Host) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&directory.path().join("state.db")).unwrap());
        let host = Arc::new(host);
        let provider = Provider {
            client: host.clone(),
            batch_window: WINDOW,
        };
        let publisher = Publisher::new(
            store.clone(),
            Dns::new(dns::Options::default()).unwrap(),
            Routes::default(),
            BTreeMap::from([(instance(), provider)]),
            Arc::default(),
        );
        let both = ["a", "b"].map(|one| (name(one), wanted()));
        store.adopt(both.to_vec(), at(0)).await.unwrap();
        Bench {
            store,
            host,
            publisher,
            _directory: directory,
        }
    }

    async fn plan(&self, certificate: &str, values: &[&str]) -> Vec<Record> {
        let mut change = Change::of(name(certificate), at(1));
        let state = State::Presented {
            order: Order {
                url: "https://ca.test/o/1".parse().unwrap(),
                finalize: "https://ca.test/f/1".parse().unwrap(),
                authorizations: Vec::new(),
                expires: None,
                exempt: false,
                look_at: None,
            },
            round: Round::default(),
        };
        change.issuance = Some(Some((wanted(), "ca".parse().unwrap(), state)));
        change.plan = Some(values.iter().map(|value| record(value)).collect());
        self.store.apply(change).await.unwrap()
    }

    /// Somebody who publishes beside nobody.
    fn alone(&self) -> OnTheWay {
        self.publisher.on_the_way()
    }

    fn values(&self, of: Operation) -> Vec<String> {
        let calls = self.host.calls.lock();
        let calls = calls.iter().filter(|(operation, ..)| *operation == of);
        calls.map(|(_, value, _)| value.clone()).collect()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

fn instance() -> InstanceName {
    "dns".parse().unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        identifiers: vec!["a.test".parse().unwrap()],
        cas: vec!["ca".parse().unwrap()],
        key_type: Some(Default::default()),
        request: None,
        profiles: Default::default(),
    }
}

fn record(value: &str) -> NewRecord {
    let owner: DnsName = "_acme-challenge.a.test".parse().unwrap();
    NewRecord {
        instance: instance(),
        owner: owner.clone(),
        zone: "a.test".parse().unwrap(),
        value: value.into(),
        identifier: "a.test".parse().unwrap(),
        challenge_name: owner,
        token: value.into(),
        key_authorization: value.into(),
        standing: false,
    }
}

/// Room is waited for this long, in milliseconds.
fn patience(room: u64) -> Patience {
    Patience {
        room: Instant::now() + Duration::from_millis(room),
        end: Instant::now() + Duration::from_secs(60),
    }
}

#[tokio::test]
async fn what_was_accepted_beside_a_refused_record_is_removed_by_its_handle() {
    let bench = Bench::new(Host {
        refuses: "two",
        ..Host::default()
    })
    .await;
    let rows = bench.plan("a", &["one", "two", "three"]).await;
    let error = bench
        .publisher
        .publish(&rows, patience(0), &bench.alone())
        .await
        .unwrap_err();
    assert!(matches!(error, ChallengeError::Record { .. }), "{error}");
    bench.plan("a", &[]).await;
    bench.publisher.clean_up(&instance(), at(2)).await.unwrap();
    let removals = bench.host.calls.lock().clone();
    let mut removals: Vec<_> = removals
        .iter()
        .filter(|(operation, ..)| *operation == Operation::Remove)
        .map(|(_, value, handle)| (value.as_str(), handle.as_str()))
        .collect();
    removals.sort_unstable();
    assert_eq!(
        removals,
        [
            ("one", "handle of one"),
            ("three", "handle of three"),
            ("two", "")
        ]
    );
}

#[tokio::test]
async fn a_record_that_was_taken_back_meanwhile_is_not_published() {
    let bench = Bench::new(Host::default()).await;
    let rows = bench.plan("a", &["one"]).await;
    // a reload without the certificate, and the clean-up after it
    bench.store.adopt(Vec::new(), at(2)).await.unwrap();
    bench.publisher.clean_up(&instance(), at(2)).await.unwrap();
    assert!(bench.store.records(name("a")).await.unwrap().is_empty());
    let error = bench
        .publisher
        .publish(&rows, patience(0), &bench.alone())
        .await
        .unwrap_err();
    assert!(matches!(error, ChallengeError::Withdrawn { .. }), "{error}");
    assert!(bench.values(Operation::Present).is_empty());
}

#[tokio::test]
async fn an_order_waits_for_its_turn_until_its_patience_ends_or_the_other_is_gone() {
    let bench = Bench::new(Host {
        limit: 1,
        ..Host::default()
    })
    .await;
    let first = bench.plan("a", &["one"]).await;
    let second = bench.plan("b", &["two"]).await;
    bench
        .publisher
        .publish(&first, patience(0), &bench.alone())
        .await
        .unwrap();
    let error = bench
        .publisher
        .publish(&second, patience(30), &bench.alone())
        .await
        .unwrap_err();
    assert!(error.is_turn_of_others(), "{error}");
    assert!(error.to_string().contains("those of a come first"), "{error}");
    assert!(!bench.publisher.is_turn_of(&second).await.unwrap());
    assert_eq!(bench.values(Operation::Present), ["one"]);

    bench.plan("a", &[]).await;
    let begun = Instant::now();
    let alone = bench.alone();
    let (published, swept) = tokio::join!(
        bench.publisher.publish(&second, patience(20_000), &alone),
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            bench.publisher.clean_up(&instance(), at(2)).await
        }
    );
    published.unwrap();
    assert_eq!(swept.unwrap().removed, 1);
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "it was told: {:?}",
        begun.elapsed()
    );
    assert_eq!(bench.values(Operation::Present), ["one", "two"]);
}

#[tokio::test]
async fn more_values_than_a_name_holds_are_nobody_elses_turn() {
    let bench = Bench::new(Host {
        limit: 1,
        ..Host::default()
    })
    .await;
    let rows = bench.plan("a", &["one", "two"]).await;
    let error = bench
        .publisher
        .publish(&rows, patience(20_000), &bench.alone())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ChallengeError::NoRoom { .. }) && !error.is_turn_of_others(),
        "{error}"
    );
}

/// Both have a record at the other's name; one of them lost its place and came back.
#[tokio::test]
async fn two_orders_that_meet_at_two_names_do_not_wait_for_each_other() {
    let bench = Bench::new(Host {
        limit: 1,
        ..Host::default()
    })
    .await;
    let at_b = |value: &str| NewRecord {
        owner: "_acme-challenge.b.test".parse().unwrap(),
        ..record(value)
    };
    let plan = |certificate: &str, plan: Vec<NewRecord>| {
        let mut change = Change::of(name(certificate), at(1));
        change.plan = Some(plan);
        bench.store.apply(change)
    };
    plan("a", vec![record("a1")]).await.unwrap();
    plan("a", Vec::new()).await.unwrap();
    let b = plan("b", vec![record("b1"), at_b("b2")]).await.unwrap();
    let a = plan("a", vec![record("a1"), at_b("a2")]).await.unwrap();
    let a: Vec<Record> = a
        .into_iter()
        .filter(|row| row.phase == RecordPhase::Wanted)
        .collect();
    bench
        .publisher
        .publish(&b, patience(0), &bench.alone())
        .await
        .unwrap();
    assert!(
        bench
            .publisher
            .publish(&a, patience(0), &bench.alone())
            .await
            .unwrap_err()
            .is_turn_of_others()
    );
    plan("b", Vec::new()).await.unwrap();
    bench.publisher.clean_up(&instance(), at(2)).await.unwrap();
    bench
        .publisher
        .publish(&a, patience(0), &bench.alone())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_provider_is_not_believed_that_its_servers_take_a_day() {
    for (hint, believed) in [(300, 300), (86_400, 3600)] {
        let bench = Bench::new(Host {
            spreads_in: Duration::from_secs(hint),
            ..Host::default()
        })
        .await;
        let rows = bench.plan("a", &["one"]).await;
        let worst = bench.publisher.typical_worst_case(&rows).await;
        assert_eq!(worst, Duration::from_secs(believed));
    }
}
