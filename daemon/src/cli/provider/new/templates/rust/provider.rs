//! The provider through its exported table, as dns01d sees it, against the host of `tinyhost.py`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use dns01_{{word}}::Instance;
use dns01_plugin_api::abi::{result_flag, status};
use dns01_plugin_api::testing::{TestCall, TestHost, TestInstance, TestRecord};

const TOKEN: &str = "let-me-in";

/// The host; dropping it ends it.
struct Tiny {
    process: Child,
    // open until the end: it would die of a closed pipe
    _output: BufReader<ChildStdout>,
    api: String,
}

impl Tiny {
    fn start() -> Self {
        let mut process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tinyhost.py"))
            .args(["--token", TOKEN])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 plays the host: install it");
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("its output is ours"));
        output.read_line(&mut line).expect("it says where it is");
        let api = line.trim().strip_prefix("http ").expect("its address").to_owned();
        Self {
            process,
            _output: output,
            api,
        }
    }

    fn open(&self, token: &str) -> TestInstance {
        let options = [("endpoint", self.api.as_str()), ("token", token)];
        TestHost::start()
            .open::<Instance>(&options)
            .expect("good options")
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn record(name: &str, value: &str) -> TestRecord {
    TestRecord::new(&format!("_acme-challenge.{name}"), value)
}

#[test]
fn records_are_added_and_removed_and_both_may_come_twice() {
    let tiny = Tiny::start();
    let instance = tiny.open(TOKEN);
    // example.test and *.example.test are proven at one name
    let records = [record("example.test", "one"), record("example.test", "two")];
    let made = instance.present(&records);
    assert!(
        made.iter().all(|outcome| outcome.is_ok() && outcome.flags == 0),
        "{made:?}"
    );
    for again in instance.present(&records) {
        assert!(
            again.is_ok() && again.flags == result_flag::NO_CHANGE,
            "{again:?}"
        );
    }
    // with the handle, and as after a crash without
    let records = [
        records[0].clone().with_handle(&made[0].handle),
        records[1].clone(),
    ];
    assert!(
        instance
            .remove(&records)
            .iter()
            .all(|outcome| outcome.is_ok() && outcome.flags == 0)
    );
    for again in instance.remove(&records) {
        assert!(
            again.is_ok() && again.flags == result_flag::NO_CHANGE,
            "{again:?}"
        );
    }
}

#[test]
fn one_bad_record_fails_alone() {
    let tiny = Tiny::start();
    let records = [record("a.example.test", "one"), record("elsewhere.test", "two")];
    let outcomes = tiny.open(TOKEN).present(&records);
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[1].status, status::ZONE_NOT_FOUND);
}

#[test]
fn errors_say_whose_turn_it_is() {
    let tiny = Tiny::start();
    let asked = [record("example.test", "value")];
    let refused = &tiny.open("wr0ng-t0ken").present(&asked)[0];
    assert_eq!((refused.status, refused.native_code), (status::AUTH, 401));
    assert!(!refused.message.contains("wr0ng-t0ken"), "no secret in a message");

    let busy = &tiny
        .open(TOKEN)
        .present(&[record("status-429.example.test", "value")])[0];
    assert_eq!((busy.status, busy.retry_after_ms), (status::RATE_LIMITED, 7000));

    let options = [("endpoint", "nowhere"), ("token", TOKEN)];
    let error = TestHost::start()
        .open::<Instance>(&options)
        .expect_err("no endpoint");
    assert_eq!(error.status, status::CONFIG);
}

#[test]
fn a_cancelled_call_ends_within_two_seconds() {
    let tiny = Tiny::start();
    let instance = tiny.open(TOKEN);
    let call = TestCall::new(Duration::from_secs(60));
    let begin = Instant::now();
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            call.cancel();
        });
        instance.batch(
            |table| table.present,
            &call,
            &[record("slow.example.test", "value")],
        )
    });
    assert_eq!(outcomes[0].status, status::CANCELLED);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn set_up_registers_an_account_once() {
    let tiny = Tiny::start();
    let host = TestHost::start();
    let instance = host
        .open::<Instance>(&[("endpoint", &tiny.api)])
        .expect("good options");
    let asked = [record("example.test", "value")];
    assert_eq!(
        instance.present(&asked)[0].status,
        status::CONFIG,
        "there is no account"
    );
    let call = TestCall::new(Duration::from_secs(10));
    let set_up = || {
        instance.batch(|table| table.setup, &call, &asked)[0]
            .message
            .clone()
    };
    assert_eq!(set_up(), "an account was registered");
    assert_eq!(set_up(), "nothing to do: there is an account");
    assert!(instance.present(&asked)[0].is_ok());
}
