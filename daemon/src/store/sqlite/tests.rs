use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{
    deployment,
    issuance::{Order, Round, State},
    schedule::{Heard, RenewalInfo, Window},
    secret::Secret,
    store::{Charge, Failing, Hold, Issued, LastError, NewRecord, RecordPhase},
    types::FaultClass,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn wanted(names: &[&str]) -> Wanted {
    Wanted {
        identifiers: names.iter().map(|name| name.parse().unwrap()).collect(),
        cas: vec![ca()],
        key_type: Some(Default::default()),
        request: None,
        profiles: Default::default(),
    }
}

fn ca() -> CaName {
    "ca".parse().unwrap()
}

async fn due(store: &Sqlite, kind: JobKind, now: Timestamp, most: usize) -> Result<Vec<Job>, StoreError> {
    Ok(store.due(now, vec![(kind, most)]).await?.jobs)
}

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

fn order() -> Order {
    Order {
        url: "https://ca.test/o/1".parse().unwrap(),
        finalize: "https://ca.test/f/1".parse().unwrap(),
        authorizations: Vec::new(),
        expires: None,
        exempt: false,
        look_at: None,
    }
}

fn record(value: &str) -> NewRecord {
    NewRecord {
        instance: "dns".parse().unwrap(),
        owner: "_acme-challenge.example.test".parse().unwrap(),
        zone: "example.test".parse().unwrap(),
        value: value.into(),
        identifier: "example.test".parse().unwrap(),
        challenge_name: "_acme-challenge.example.test".parse().unwrap(),
        token: "t".into(),
        key_authorization: "t.k".into(),
        standing: false,
    }
}

struct Bench {
    store: Option<Sqlite>,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Bench {
            store: None,
            directory: tempfile::tempdir().unwrap(),
        };
        bench.reopen();
        bench
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Sqlite::open(&self.directory.path().join("state.db")).unwrap());
    }

    fn store(&self) -> &Sqlite {
        self.store.as_ref().unwrap()
    }
}

#[tokio::test]
async fn a_new_certificate_is_due_and_an_unchanged_one_keeps_its_plan() {
    let bench = Bench::new();
    let store = bench.store();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(10))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(11));
    change.next_attempt = Some(Some(at(5000)));
    store.apply(change).await.unwrap();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(20))
        .await
        .unwrap();
    assert!(due(store, JobKind::Issue, at(4999), 10).await.unwrap().is_empty());
    assert_eq!(store.due(at(0), Vec::new()).await.unwrap().next, Some(at(5000)));
    store
        .adopt(vec![(name("a"), wanted(&["a.test", "b.test"]))], at(30))
        .await
        .unwrap();
    assert_eq!(
        due(store, JobKind::Issue, at(30), 10).await.unwrap().len(),
        1,
        "new names are due at once"
    );
}

#[tokio::test]
async fn state_key_and_journal_survive_together() {
    let mut bench = Bench::new();
    bench
        .store()
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let state = State::Finalizing {
        order: order(),
        csr: vec![1, 2],
    };
    let mut change = Change::of(name("a"), at(1));
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), state.clone())));
    change.key = Some(Secret::new("PEM".into()));
    change.plan = Some(vec![record("one"), record("two")]);
    bench.store().apply(change).await.unwrap();
    bench.reopen();
    let issuance = bench.store().issuance(name("a")).await.unwrap().unwrap();
    assert_eq!(issuance.state, state);
    assert_eq!(issuance.key.unwrap().expose(), "PEM");
    assert_eq!(bench.store().records(name("a")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_key_leaves_the_database_with_its_order() {
    let bench = Bench::new();
    let store = bench.store();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(1));
    let finalizing = State::Finalizing {
        order: order(),
        csr: vec![],
    };
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), finalizing)));
    change.key = Some(Secret::new("PEM".into()));
    store.apply(change).await.unwrap();
    let mut change = Change::of(name("a"), at(2));
    change.issuance = Some(Some((
        wanted(&["a.test"]),
        ca(),
        State::Issued {
            order: order(),
            chain: "c".into(),
        },
    )));
    store.apply(change).await.unwrap();
    assert!(store.issuance(name("a")).await.unwrap().unwrap().key.is_some());
    let mut change = Change::of(name("a"), at(3));
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), State::Due)));
    store.apply(change).await.unwrap();
    assert!(store.issuance(name("a")).await.unwrap().unwrap().key.is_none());
}

#[tokio::test]
async fn a_row_leaves_the_journal_only_after_its_removal_was_confirmed() {
    let bench = Bench::new();
    let store = bench.store();
    let dns: InstanceName = "dns".parse().unwrap();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.plan = Some(vec![record("one")]);
    let id = store.apply(change).await.unwrap()[0].id;
    assert!(store.removals(dns.clone(), at(1)).await.unwrap().is_empty());
    let mut change = Change::of(name("a"), at(2));
    change.remove_records = true;
    store.apply(change).await.unwrap();
    let jobs = due(store, JobKind::CleanUp, at(2), 10).await.unwrap();
    assert_eq!(jobs[0].subject, "dns");

    let retry_at = Some(at(62));
    let failed = RecordRemoval::Failed {
        error: "down".into(),
        retry_at,
    };
    store
        .records_removed(dns.clone(), vec![(id, failed)], at(2))
        .await
        .unwrap();
    assert!(store.removals(dns.clone(), at(61)).await.unwrap().is_empty());
    assert_eq!(store.removals(dns.clone(), at(62)).await.unwrap()[0].attempts, 1);

    let given_up = RecordRemoval::Failed {
        error: "down".into(),
        retry_at: None,
    };
    store
        .records_removed(dns.clone(), vec![(id, given_up)], at(62))
        .await
        .unwrap();
    assert_eq!(store.leftovers().await.unwrap().len(), 1, "it stays visible");
    assert!(
        !due(store, JobKind::CleanUp, at(10_000), 10)
            .await
            .unwrap()
            .iter()
            .any(|job| job.subject == "dns")
    );

    store
        .records_removed(dns.clone(), vec![(id, RecordRemoval::Gone)], at(70))
        .await
        .unwrap();
    assert!(store.leftovers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_is_wanted_again_is_not_forgotten_when_its_old_removal_ends() {
    let bench = Bench::new();
    let store = bench.store();
    let dns: InstanceName = "dns".parse().unwrap();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let planned = |at| {
        let mut change = Change::of(name("a"), at);
        change.plan = Some(vec![record("one")]);
        change
    };
    let id = store.apply(planned(at(1))).await.unwrap()[0].id;
    store.records_published(vec![(id, "h".into())]).await.unwrap();
    let mut change = Change::of(name("a"), at(2));
    change.remove_records = true;
    store.apply(change).await.unwrap();
    let again = store.apply(planned(at(3))).await.unwrap();
    assert_eq!((again.len(), again[0].phase), (1, RecordPhase::Wanted));
    assert_eq!(again[0].handle, "h", "what the provider knows it by is kept");
    store
        .records_removed(dns, vec![(id, RecordRemoval::Gone)], at(70))
        .await
        .unwrap();
    assert_eq!(store.records(name("a")).await.unwrap().len(), 1);
}

/// Each order's numbers are all before or all after another's: they cannot wait for each other.
#[tokio::test]
async fn a_record_that_comes_back_stands_behind_those_that_came_meanwhile() {
    let bench = Bench::new();
    let store = bench.store();
    let both = ["a", "b"].map(|one| (name(one), wanted(&["a.test"])));
    store.adopt(both.to_vec(), at(0)).await.unwrap();
    let plan = |certificate: &str, values: &[&str]| {
        let mut change = Change::of(name(certificate), at(1));
        change.plan = Some(values.iter().map(|value| record(value)).collect());
        store.apply(change)
    };
    let ids = |rows: Vec<Record>| -> Vec<i64> { rows.iter().map(|row| row.id).collect() };
    plan("a", &["a1"]).await.unwrap();
    plan("a", &[]).await.unwrap();
    let theirs = ids(plan("b", &["b1", "b2"]).await.unwrap());
    let ours = ids(plan("a", &["a1", "a2"]).await.unwrap());
    assert!(
        ours.iter().all(|id| id > theirs.iter().max().unwrap()),
        "{ours:?}"
    );
    // also where only one of a plan is new
    let ours = ids(plan("b", &["b1", "b3"]).await.unwrap());
    let wanted: Vec<i64> = ours.into_iter().filter(|id| *id != theirs[1]).collect();
    assert!(
        wanted.len() == 2 && wanted.iter().all(|id| *id > theirs[1] + 2),
        "{wanted:?}"
    );
    // and an unchanged plan keeps its place
    let again = ids(plan("b", &["b1", "b3"]).await.unwrap());
    assert!(wanted.iter().all(|id| again.contains(id)), "{again:?}");
}

#[tokio::test]
async fn the_order_that_waits_longest_is_called_when_a_record_is_gone() {
    let bench = Bench::new();
    let store = bench.store();
    let all = ["holder", "failed", "first", "second"].map(|one| (name(one), wanted(&["a.test"])));
    store.adopt(all.to_vec(), at(0)).await.unwrap();
    let mut id = 0;
    for (certificate, due, state) in [
        (
            "failed",
            100,
            State::Answered {
                order: order(),
                round: Vec::new(),
            },
        ),
        ("holder", 0, State::Ordered { order: order() }),
        ("first", 100, presented()),
        ("second", 100, presented()),
    ] {
        let mut change = Change::of(name(certificate), at(1));
        change.plan = Some(vec![record(certificate)]);
        change.issuance = Some(Some((wanted(&["a.test"]), ca(), state)));
        change.next_attempt = Some(Some(at(due)));
        let rows = store.apply(change).await.unwrap();
        if certificate == "holder" {
            id = rows[0].id;
        }
    }
    let mut change = Change::of(name("holder"), at(2));
    change.remove_records = true;
    change.next_attempt = Some(None);
    store.apply(change).await.unwrap();
    assert!(due(store, JobKind::Issue, at(3), 10).await.unwrap().is_empty());
    let gone = vec![(id, RecordRemoval::Gone)];
    store
        .records_removed("dns".parse().unwrap(), gone, at(3))
        .await
        .unwrap();
    let due = due(store, JobKind::Issue, at(3), 10).await.unwrap();
    let due: Vec<_> = due.iter().map(|job| job.subject.as_str()).collect();
    assert_eq!(
        due,
        ["first"],
        "a back-off stays, and the others have their turn later"
    );
}

fn presented() -> State {
    State::Presented {
        order: order(),
        round: Round {
            challenges: Vec::new(),
            more: false,
        },
    }
}

#[tokio::test]
async fn what_left_the_configuration_gives_its_records_up() {
    let bench = Bench::new();
    let store = bench.store();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.plan = Some(vec![record("one")]);
    change.issuance = Some(Some((
        wanted(&["a.test"]),
        ca(),
        State::Ordered { order: order() },
    )));
    store.apply(change).await.unwrap();
    store.adopt(vec![], at(2)).await.unwrap();
    assert!(store.certificates().await.unwrap().is_empty());
    assert!(store.issuance(name("a")).await.unwrap().is_none());
    assert_eq!(store.leftovers().await.unwrap().len(), 1);
    assert!(due(store, JobKind::Issue, at(2), 10).await.unwrap().is_empty());
    assert_eq!(due(store, JobKind::CleanUp, at(2), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn work_on_what_left_the_configuration_leaves_nothing_behind() {
    let bench = Bench::new();
    let store = bench.store();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    store.adopt(vec![], at(1)).await.unwrap();
    // its worker goes on for a moment
    let mut change = Change::of(name("a"), at(2));
    change.plan = Some(vec![record("one")]);
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), presented())));
    change.next_attempt = Some(Some(at(3)));
    let rows = store.apply(change).await.unwrap();
    assert!(
        rows.iter().all(|row| row.phase == RecordPhase::Removing),
        "{rows:?}"
    );
    assert!(store.issuance(name("a")).await.unwrap().is_none());
    assert!(due(store, JobKind::Issue, at(9), 10).await.unwrap().is_empty());
    assert_eq!(due(store, JobKind::CleanUp, at(9), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_configuration_asks_for_since_is_due_when_the_work_before_ends() {
    let bench = Bench::new();
    let store = bench.store();
    let (before, since) = (wanted(&["a.test"]), wanted(&["a.test", "b.test"]));
    store
        .adopt(vec![(name("a"), before.clone())], at(0))
        .await
        .unwrap();
    store.adopt(vec![(name("a"), since)], at(1)).await.unwrap();
    let mut change = Change::of(name("a"), at(2));
    change.issuance = Some(None);
    change.issued = Some(issued_for(before));
    change.next_attempt = Some(Some(at(6000)));
    store.apply(change).await.unwrap();
    assert_eq!(due(store, JobKind::Issue, at(2), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_record_that_no_issuance_knows_of_is_removed() {
    let bench = Bench::new();
    let store = bench.store();
    let all = vec![(name("a"), wanted(&["a.test"]))];
    store.adopt(all.clone(), at(0)).await.unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.plan = Some(vec![record("one")]);
    store.apply(change).await.unwrap();
    store.adopt(all, at(2)).await.unwrap();
    assert_eq!(store.leftovers().await.unwrap().len(), 1);
    assert_eq!(due(store, JobKind::CleanUp, at(2), 10).await.unwrap().len(), 1);
}

fn issued_for(wanted: Wanted) -> Issued {
    Issued {
        wanted,
        serial: "01".into(),
        not_before: at(0),
        not_after: at(9000),
        generation: 1,
        renew_at: at(6000),
        ca: Some(ca()),
        account: None,
        cert_id: Some("aa.bb".into()),
        revoked: false,
    }
}

#[tokio::test]
async fn a_record_that_two_issuances_want_is_known_to_be_shared() {
    let bench = Bench::new();
    let store = bench.store();
    let both = vec![(name("a"), wanted(&["a.test"])), (name("b"), wanted(&["a.test"]))];
    store.adopt(both, at(0)).await.unwrap();
    for certificate in ["a", "b"] {
        let mut change = Change::of(name(certificate), at(1));
        change.plan = Some(vec![record("one")]);
        store.apply(change).await.unwrap();
    }
    let mut change = Change::of(name("a"), at(2));
    change.remove_records = true;
    store.apply(change).await.unwrap();
    let removals = store.removals("dns".parse().unwrap(), at(2)).await.unwrap();
    assert_eq!(
        removals.iter().map(|record| record.shared).collect::<Vec<_>>(),
        [true]
    );
}

#[tokio::test]
async fn a_failure_and_its_moment_survive_a_restart() {
    let mut bench = Bench::new();
    bench
        .store()
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let error = LastError {
        at: at(1),
        class: FaultClass::Refused,
        state: "answered".into(),
        text: "no".into(),
        page: None,
    };
    let mut change = Change::of(name("a"), at(1));
    change.failure = Some((3, Some(error.clone())));
    change.next_attempt = Some(Some(at(6001)));
    bench.store().apply(change).await.unwrap();
    bench.reopen();
    bench
        .store()
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(2))
        .await
        .unwrap();
    let row = bench.store().certificate(name("a")).await.unwrap().unwrap();
    assert_eq!(
        (row.failures, row.last_error, row.next_attempt),
        (3, Some(error), Some(at(6001)))
    );
}

#[tokio::test]
async fn one_certificate_that_comes_back_keeps_its_plan() {
    let bench = Bench::new();
    let store = bench.store();
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.issued = Some(issued_for(wanted(&["a.test"])));
    let written = deployment::State::Stored {
        generation: 1,
        due: at(1),
        failure: None,
    };
    change.deployment = Some((written, Some(at(1))));
    store.apply(change).await.unwrap();
    store.adopt(vec![], at(2)).await.unwrap();
    assert!(due(store, JobKind::Deploy, at(2), 10).await.unwrap().is_empty());
    store
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(3))
        .await
        .unwrap();
    assert_eq!(
        due(store, JobKind::Deploy, at(3), 10).await.unwrap().len(),
        1,
        "its generation is not live yet"
    );
    assert!(due(store, JobKind::Issue, at(5999), 10).await.unwrap().is_empty());
    assert_eq!(due(store, JobKind::Issue, at(6000), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_failing_piece_of_work_takes_nothing_of_its_batch_with_it() {
    let bench = Bench::new();
    let store = bench.store();
    let good = (0..20).map(|n| {
        store.schedule(Job {
            kind: JobKind::Issue,
            subject: format!("s{n}"),
            due: at(n),
        })
    });
    // no such certificate: the foreign key refuses
    let mut change = Change::of(name("nobody"), at(1));
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), State::Due)));
    let (bad, good) = tokio::join!(store.apply(change), futures_util::future::join_all(good));
    assert!(bad.is_err());
    assert!(good.iter().all(Result::is_ok));
    assert_eq!(due(store, JobKind::Issue, at(100), 100).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(Sqlite::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn only_the_daemon_reads_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.store().adopt(vec![], at(0)).await.unwrap();
    for entry in std::fs::read_dir(bench.directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            entry.path()
        );
    }
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let mut bench = Bench::new();
    bench.store().adopt(Vec::new(), at(0)).await.unwrap();
    bench.store().certificates().await.unwrap();
    bench.store = None;
    let files = std::fs::read_dir(bench.directory.path()).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["state.db"]);
}

#[tokio::test]
async fn plugin_state_is_kept_per_instance() {
    let bench = Bench::new();
    let store = bench.store();
    let (a, b): (InstanceName, InstanceName) = ("a".parse().unwrap(), "b".parse().unwrap());
    store
        .keep_plugin_state(a.clone(), "k".into(), b"v".to_vec(), 1)
        .await
        .unwrap();
    assert_eq!(
        store.plugin_state(a.clone(), "k".into()).await.unwrap(),
        Some(b"v".to_vec())
    );
    assert_eq!(store.plugin_state(b, "k".into()).await.unwrap(), None);
    assert!(
        !store
            .keep_plugin_state(a.clone(), "too many".into(), b"v".to_vec(), 1)
            .await
            .unwrap()
    );
    store
        .keep_plugin_state(a.clone(), "k".into(), vec![], 1)
        .await
        .unwrap();
    assert_eq!(store.plugin_state(a, "k".into()).await.unwrap(), None);
}

#[tokio::test]
async fn an_issuance_of_an_older_version_is_read_and_one_of_a_newer_is_refused() {
    let mut bench = Bench::new();
    let a = vec![(name("a"), wanted(&["a.test"]))];
    bench.store().adopt(a, at(0)).await.unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.issuance = Some(Some((wanted(&["a.test"]), ca(), State::Due)));
    bench.store().apply(change).await.unwrap();
    let answered = include_str!("../../issuance/golden/v1.jsonl")
        .lines()
        .nth(4)
        .unwrap();
    for (version, state) in [(1, answered), (99, answered)] {
        bench.store = None;
        let connection = Connection::open(bench.directory.path().join("state.db")).unwrap();
        let sql = "UPDATE issuance SET version = ?1, state = ?2";
        assert_eq!(
            connection
                .execute(sql, rusqlite::params![version, state])
                .unwrap(),
            1
        );
        drop(connection);
        bench.reopen();
        match bench.store().issuance(name("a")).await {
            Ok(issuance) => assert_eq!((version, issuance.unwrap().state.as_str()), (1, "answered")),
            Err(error) => {
                let text =
                    "the stored issuance of `a` cannot be read: it has version 99, this dns01d knows up to 3";
                assert_eq!((version, error.to_string().as_str()), (99, text));
            }
        }
    }
}

/// Not a timed test: a reminder of what one flush carries.
#[tokio::test]
async fn changes_that_queue_up_share_a_flush() {
    let bench = Bench::new();
    let store = bench.store();
    let start = tokio::time::Instant::now();
    let work = (0..200).map(|n| {
        store.schedule(Job {
            kind: JobKind::Issue,
            subject: format!("s{n}"),
            due: at(n),
        })
    });
    futures_util::future::join_all(work).await;
    println!("200 changes in {:?}", start.elapsed());
    assert_eq!(
        due(store, JobKind::Issue, at(1000), 1000).await.unwrap().len(),
        200
    );
}

fn heard(renew_at: i64) -> RenewalInfoHeard {
    let window = Window {
        start: at(renew_at),
        end: at(renew_at + 100),
    };
    let heard = Heard::Window {
        window,
        explanation_url: None,
        retry_after: Some(std::time::Duration::from_secs(3600)),
    };
    let info = RenewalInfo::new("aa.bb".into(), at(10)).heard(heard, at(9000), at(10), 0);
    RenewalInfoHeard {
        certificate: name("a"),
        next_check: info.next_check(at(9000)),
        info,
        note: None,
    }
}

/// A certificate `a` that stands on disk and is to be renewed at 6000.
async fn issued_bench() -> Bench {
    let bench = Bench::new();
    bench
        .store()
        .adopt(vec![(name("a"), wanted(&["a.test"]))], at(0))
        .await
        .unwrap();
    let mut change = Change::of(name("a"), at(1));
    change.issued = Some(issued_for(wanted(&["a.test"])));
    change.next_attempt = Some(Some(at(6000)));
    bench.store().apply(change).await.unwrap();
    bench
}

async fn row(store: &Sqlite) -> CertificateRow {
    store.certificate(name("a")).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_the_ca_suggests_moves_the_renewal_and_plans_the_next_look() {
    let bench = issued_bench().await;
    let store = bench.store();
    store.renewal_infos(vec![heard(3000)], at(10)).await.unwrap();
    let row = row(store).await;
    assert_eq!(
        (row.renew_at(), row.next_attempt),
        (Some(at(3000)), Some(at(3000)))
    );
    let looks = due(store, JobKind::RenewalInfo, at(5000), 9).await.unwrap();
    assert_eq!(looks[0].due, at(3610));
}

#[tokio::test]
async fn what_is_said_of_a_replaced_certificate_is_not_kept() {
    let bench = issued_bench().await;
    let store = bench.store();
    let mut old = heard(3000);
    old.info.cert_id = "aa.cc".into();
    store.renewal_infos(vec![old], at(10)).await.unwrap();
    let row = row(store).await;
    assert_eq!(
        (row.renewal_info.as_ref(), row.next_attempt),
        (None, Some(at(6000)))
    );
}

#[tokio::test]
async fn a_suggestion_jumps_no_back_off_and_no_hold() {
    let bench = issued_bench().await;
    let store = bench.store();
    let hold = Hold {
        until: at(7000),
        because: "enough".into(),
    };
    for step in [0, 1] {
        let mut change = Change::of(name("a"), at(2));
        change.next_attempt = Some(Some(at(7000)));
        change.failure = Some((step, None));
        change.hold = Some((step == 0).then(|| hold.clone()));
        store.apply(change).await.unwrap();
        store.renewal_infos(vec![heard(3000)], at(10)).await.unwrap();
        let row = row(store).await;
        assert_eq!(row.renew_at(), Some(at(3000)), "it is known");
        assert_eq!(row.next_attempt, Some(at(7000)), "and waits");
    }
    store.ask(name("a"), Cause::Operator, at(20)).await.unwrap();
    let row = row(store).await;
    assert_eq!(
        (row.next_attempt, row.cause, row.hold),
        (Some(at(20)), Cause::Operator, None)
    );
}

#[tokio::test]
async fn what_was_spent_outlives_the_process() {
    let mut bench = issued_bench().await;
    let mut change = Change::of(name("a"), at(100));
    let charge = |key: &str, seconds| Charge {
        key: key.into(),
        interval: SignedDuration::from_secs(seconds),
    };
    change.charges = vec![charge("orders", 36), charge("orders", 36), charge("set", 7)];
    change.begun = Some((ca(), Cause::Operator));
    change.notes = vec![Note {
        at: at(100),
        kind: "issued".into(),
        text: "x".into(),
    }];
    bench.store().apply(change).await.unwrap();
    bench.store = None;
    bench.reopen();
    let store = bench.store();
    let keys = ["orders", "set", "other"].map(String::from).into();
    let full_at = store.budgets(keys).await.unwrap();
    assert_eq!(full_at, [Some(at(172)), Some(at(107)), None]);
    let begun = store.begun(name("a"), ca(), at(100)).await.unwrap();
    let expected = Begun {
        at: at(100),
        cause: Cause::Operator,
    };
    assert_eq!(begun, [expected]);
    assert!(store.begun(name("a"), ca(), at(101)).await.unwrap().is_empty());
    assert_eq!(store.notes(name("a"), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn notes_are_kept_up_to_a_number() {
    let bench = issued_bench().await;
    let store = bench.store();
    for n in 0..250 {
        let mut change = Change::of(name("a"), at(n));
        change.notes = vec![Note {
            at: at(n),
            kind: "x".into(),
            text: n.to_string(),
        }];
        store.apply(change).await.unwrap();
    }
    let notes = store.notes(name("a"), 1000).await.unwrap();
    assert_eq!((notes.len(), notes[0].text.as_str()), (200, "249"));
}

#[tokio::test]
async fn a_ca_more_asks_for_no_certificate_and_a_change_that_is_taken_back_leaves_its_plan() {
    let bench = issued_bench().await;
    let store = bench.store();
    let more = Wanted {
        cas: vec!["other".parse().unwrap(), ca()],
        ..wanted(&["a.test"])
    };
    store.adopt(vec![(name("a"), more)], at(20)).await.unwrap();
    assert_eq!(row(store).await.next_attempt, Some(at(6000)));

    let names = wanted(&["a.test", "b.test"]);
    store.adopt(vec![(name("a"), names)], at(30)).await.unwrap();
    let changed = row(store).await;
    assert_eq!(
        (changed.next_attempt, changed.cause),
        (Some(at(30)), Cause::Changed)
    );

    let back = vec![(name("a"), wanted(&["a.test"]))];
    store.adopt(back, at(40)).await.unwrap();
    let back = row(store).await;
    assert_eq!((back.next_attempt, back.cause), (Some(at(6000)), Cause::Planned));
}

#[test]
fn a_statement_is_compiled_once_whatever_its_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path: Arc<Path> = directory.path().join("state.db").into();
    let connection = connect(&path).unwrap();
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema LIMIT ?1")
        .unwrap();
    for limit in 2..9 {
        statement.query([limit]).unwrap().next().unwrap();
    }
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}

#[tokio::test]
async fn a_canary_belongs_to_no_order_and_outlives_none_of_the_daemons() {
    let mut bench = Bench::new();
    let store = bench.store();
    let all = vec![(name("a"), wanted(&["a.test"]))];
    store.adopt(all.clone(), at(0)).await.unwrap();
    let canary = store
        .begin_canary(name("a"), record("canary"), Canary::Told, at(1))
        .await
        .unwrap();
    assert_eq!(
        (canary.canary, canary.phase),
        (Some(Canary::Told), RecordPhase::Wanted)
    );

    // orders of its certificate come and go, and a reload too
    let mut change = Change::of(name("a"), at(2));
    change.plan = Some(vec![record("order")]);
    let rows = store.apply(change).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let mut change = Change::of(name("a"), at(3));
    change.remove_records = true;
    store.apply(change).await.unwrap();
    store.adopt(all, at(4)).await.unwrap();
    let at_name = || store.records_at(canary.record.instance.clone(), canary.record.owner.clone());
    let rows = at_name().await.unwrap();
    let phases: Vec<_> = rows.iter().map(|row| (row.canary, row.phase)).collect();
    assert_eq!(
        phases,
        [
            (Some(Canary::Told), RecordPhase::Wanted),
            (None, RecordPhase::Removing)
        ]
    );

    bench.reopen();
    let store = bench.store();
    store.end_canaries(Some(canary.id + 100), at(5)).await.unwrap();
    assert_eq!(store.leftovers().await.unwrap().len(), 1, "another one");
    store.end_canaries(None, at(5)).await.unwrap();
    assert_eq!(store.leftovers().await.unwrap().len(), 2);
    assert_eq!(due(store, JobKind::CleanUp, at(5), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn how_canaries_fare_and_where_they_go_is_kept_until_it_is_forgotten() {
    let mut bench = Bench::new();
    let row = |zone: &str, failing| CanaryRow {
        instance: "dns".parse().unwrap(),
        zone: zone.parse().unwrap(),
        next: at(9),
        last: Some(("www.a.test".parse().unwrap(), at(2))),
        failing,
    };
    let failing = Failing {
        since: at(1),
        times: 3,
        text: "credentials refused".into(),
    };
    let rows = vec![row("a.test", Some(failing)), row("b.test", None)];
    let place = PlaceRow {
        identifier: "www.a.test".parse().unwrap(),
        owner: "_acme-challenge.www.a.test".parse().unwrap(),
        zone: "a.test".parse().unwrap(),
    };
    let new = CanaryRow {
        last: None,
        ..rows[1].clone()
    };
    let store = bench.store();
    store
        .keep_canaries(vec![rows[0].clone(), new], vec![place.clone()])
        .await
        .unwrap();
    store
        .keep_canaries(vec![rows[1].clone()], Vec::new())
        .await
        .unwrap();
    bench.reopen();
    let store = bench.store();
    assert_eq!(store.canaries().await.unwrap(), rows);
    assert_eq!(store.places().await.unwrap(), std::slice::from_ref(&place));
    let way = (rows[0].instance.clone(), rows[0].zone.clone());
    store
        .forget_canaries(vec![way], vec![place.identifier])
        .await
        .unwrap();
    assert_eq!(store.canaries().await.unwrap(), rows[1..]);
    assert!(store.places().await.unwrap().is_empty());
}
