//! What an instance keeps to, whatever the network does.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use dns01_plugin_api::abi::{cap, status};
use dns01_plugin_api::testing::{TestCall, TestHost, TestRecord};
use dns01_route53::Route53;

const OPTIONS: [(&str, &str); 3] = [
    ("access-key-id", "AKID"),
    ("secret-access-key", "secret"),
    ("role-arn", "arn:aws:iam::123456789012:role/dns01d"),
];

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn an_instance_that_is_closed_leaves_no_thread() {
    let host = TestHost::start();
    drop(host.open::<Route53>(&OPTIONS).unwrap());
    let before = threads();
    for _ in 0..20 {
        drop(host.open::<Route53>(&OPTIONS).unwrap());
    }
    // a thread that was told to end takes a moment
    for _ in 0..100 {
        if threads() <= before {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} threads, {before} before", threads());
}

#[test]
fn it_promises_what_the_host_relies_on() {
    let instance = TestHost::start().open::<Route53>(&OPTIONS).unwrap();
    let info = instance.info();
    assert_eq!(
        info.caps,
        cap::CONCURRENT | cap::STATELESS_REMOVE | cap::CANCELS,
        "not atomic: one bad record does not hinder the others"
    );
    assert_eq!(info.max_batch, 100);
}

#[test]
fn a_call_that_is_cancelled_or_out_of_time_ends_though_nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    // signs with what the instance metadata would give: that too is silent
    for options in [
        vec![("endpoint", endpoint.as_str()), OPTIONS[0], OPTIONS[1]],
        vec![
            ("endpoint", endpoint.as_str()),
            ("imds-endpoint", endpoint.as_str()),
        ],
        vec![
            ("endpoint", endpoint.as_str()),
            ("sts-endpoint", endpoint.as_str()),
            OPTIONS[0],
            OPTIONS[1],
            OPTIONS[2],
        ],
    ] {
        let instance = TestHost::start().open::<Route53>(&options).unwrap();
        let records = [TestRecord::new("_acme-challenge.example.test", "v")];
        let call = TestCall::new(Duration::from_secs(60));
        let (ended, wait) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let outcome = instance.batch(|table| table.present, &call, &records).remove(0);
                ended.send(outcome).unwrap();
            });
            thread::sleep(Duration::from_millis(300));
            call.cancel();
            let outcome = wait
                .recv_timeout(Duration::from_secs(2))
                .expect("within 2 s (rule C2)");
            assert_eq!(outcome.status, status::CANCELLED, "{outcome:?}");
        });
        let short = TestCall::new(Duration::from_millis(300));
        let outcome = instance.batch(|table| table.remove, &short, &records).remove(0);
        assert_eq!(outcome.status, status::CANCELLED, "{outcome:?}");
    }
}
