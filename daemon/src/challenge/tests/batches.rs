//! What goes out in one call, and what waits for it.

use super::*;

fn host(most: u32) -> Host {
    Host {
        most,
        ..Host::default()
    }
}

fn at_name(owner: &str, value: &str) -> NewRecord {
    NewRecord {
        owner: owner.parse().unwrap(),
        ..record(value)
    }
}

impl Bench {
    async fn planned(&self, certificate: &str, records: Vec<NewRecord>) -> Vec<Record> {
        let mut change = Change::of(name(certificate), at(1));
        change.plan = Some(records);
        self.store.apply(change).await.unwrap()
    }

    /// One record of `a` and one of `b`.
    async fn both(&self) -> [Vec<Record>; 2] {
        [
            self.planned("a", vec![at_name("_acme-challenge.a.test", "one")])
                .await,
            self.planned("b", vec![at_name("_acme-challenge.b.test", "two")])
                .await,
        ]
    }

    /// Publishes, now or somewhat later.
    async fn publishes(
        &self,
        rows: &[Record],
        on_the_way: OnTheWay,
        after: Duration,
    ) -> Result<(), ChallengeError> {
        tokio::time::sleep(after).await;
        self.publisher.publish(rows, patience(0), &on_the_way).await
    }

    fn presented(&self) -> Vec<Vec<String>> {
        self.host.presented.lock().clone()
    }

    async fn handles(&self, certificate: &str) -> Vec<String> {
        let rows = self.store.records(name(certificate)).await.unwrap();
        rows.into_iter().map(|row| row.handle).collect()
    }
}

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn records_of_orders_that_come_together_go_out_in_one_call() {
    let bench = Bench::new(host(10)).await;
    let [a, b] = bench.both().await;
    let (first, second) = (bench.alone(), bench.alone());
    let begun = Instant::now();
    let (a, b) = tokio::join!(
        bench.publishes(&a, first, Duration::ZERO),
        bench.publishes(&b, second, SOON)
    );
    assert!(a.is_ok() && b.is_ok());
    assert!(begun.elapsed() < WINDOW, "the last one opens the window");
    assert_eq!(bench.presented(), [["one", "two"]]);
    assert_eq!(bench.handles("a").await, ["handle of one"]);
    assert_eq!(bench.handles("b").await, ["handle of two"]);
}

#[tokio::test]
async fn who_is_alone_does_not_wait_for_others() {
    let bench = Bench::new(host(10)).await;
    let [a, _] = bench.both().await;
    let gone = bench.alone();
    drop(gone);
    let begun = Instant::now();
    bench.publishes(&a, bench.alone(), Duration::ZERO).await.unwrap();
    assert!(begun.elapsed() < WINDOW / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_comes_too_late_is_not_waited_for() {
    let bench = Bench::new(host(10)).await;
    let [a, b] = bench.both().await;
    let (first, second) = (bench.alone(), bench.alone());
    let begun = Instant::now();
    bench.publishes(&a, first, Duration::ZERO).await.unwrap();
    assert!(begun.elapsed() >= WINDOW);
    bench.publishes(&b, second, Duration::ZERO).await.unwrap();
    assert_eq!(bench.presented(), [["one"], ["two"]]);
}

#[tokio::test]
async fn a_provider_that_does_not_say_how_much_it_takes_gets_each_order_by_itself() {
    let bench = Bench::new(Host {
        takes: SOON,
        ..host(0)
    })
    .await;
    let [a, b] = bench.both().await;
    let (first, second) = (bench.alone(), bench.alone());
    let begun = Instant::now();
    let (a, b) = tokio::join!(
        bench.publishes(&a, first, Duration::ZERO),
        bench.publishes(&b, second, Duration::ZERO)
    );
    assert!(a.is_ok() && b.is_ok());
    assert!(begun.elapsed() < SOON * 2, "at once, and beside each other");
    assert_eq!(bench.presented().len(), 2);
}

#[tokio::test]
async fn no_call_holds_more_than_the_provider_takes() {
    let bench = Bench::new(host(2)).await;
    let [a, b] = bench.both().await;
    let more = vec![
        at_name("_acme-challenge.c.test", "three"),
        at_name("_acme-challenge.d.test", "four"),
    ];
    let more = bench.planned("a", more).await;
    let more: Vec<Record> = more
        .into_iter()
        .filter(|row| row.phase == RecordPhase::Wanted)
        .collect();
    let (first, second) = (bench.alone(), bench.alone());
    let (b, more) = tokio::join!(
        bench.publishes(&b, first, Duration::ZERO),
        bench.publishes(&more, second, SOON)
    );
    assert!(b.is_ok() && more.is_ok());
    assert_eq!(bench.presented(), [vec!["two"], vec!["three", "four"]]);
    drop(a);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_no_other_order_of_its_call() {
    for is_atomic in [false, true] {
        let bench = Bench::new(Host {
            refuses: "two",
            is_atomic,
            ..host(10)
        })
        .await;
        let [a, b] = bench.both().await;
        let (first, second) = (bench.alone(), bench.alone());
        let (a, b) = tokio::join!(
            bench.publishes(&a, first, Duration::ZERO),
            bench.publishes(&b, second, Duration::ZERO)
        );
        a.unwrap();
        assert!(matches!(b, Err(ChallengeError::Record { .. })), "{b:?}");
        assert_eq!(bench.presented()[0].len(), 2);
        assert_eq!(bench.handles("a").await, ["handle of one"]);
    }
}

#[tokio::test]
async fn what_the_provider_took_is_in_the_journal_though_one_of_two_waits_no_more() {
    let bench = Bench::new(Host {
        takes: SOON,
        ..host(10)
    })
    .await;
    let [a, b] = bench.both().await;
    let (first, second) = (bench.alone(), bench.alone());
    let (gone, stayed) = tokio::join!(
        tokio::time::timeout(SOON / 2, bench.publishes(&a, first, Duration::ZERO)),
        bench.publishes(&b, second, Duration::ZERO)
    );
    assert!(gone.is_err());
    stayed.unwrap();
    // the removal of what he published comes after it, and knows its handle
    bench.planned("a", Vec::new()).await;
    bench.publisher.clean_up(&instance(), at(2)).await.unwrap();
    let calls = bench.host.calls.lock().clone();
    let (operation, value, handle) = calls.last().unwrap();
    assert_eq!(
        (*operation, value.as_str(), handle.as_str()),
        (Operation::Remove, "one", "handle of one")
    );
}
