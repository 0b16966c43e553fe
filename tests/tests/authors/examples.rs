//! The three complete examples do the same: one set of promises for all.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use dns01d::plugin::{
    Failure, FailureClass, Instance, MemoryState, Operation, OptionKind, PluginState, ProviderClient as _,
    Record,
};
use lab::daemon::built;
use tokio::time::Instant;

use crate::instance::{LONG, Values, all_done, instance_of, present, record, remove};
use crate::tinyhost::{TOKEN, TinyHost};
use crate::tools::{exports, repository, run};

#[tokio::test]
async fn the_c_example_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    complete(&c_example(directory.path())).await;
}

#[tokio::test]
async fn the_rust_example_is_complete() {
    run(Command::new(env!("CARGO"))
        .current_dir(repository("plugin-api"))
        .args(["build", "--quiet", "--offline", "--example", "tinyhost"]));
    complete(&built("examples/libtinyhost.so")).await;
}

#[tokio::test]
#[cfg_attr(not(go), ignore = "Go is not installed")]
async fn the_go_example_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("libdns01_tinyhost.so");
    let source = repository("plugin-api/examples/tinyhost-go");
    let script = source.join("exports.map").canonicalize().unwrap();
    run(Command::new("go")
        .current_dir(&source)
        .env("GOTOOLCHAIN", "local")
        .env("GOPROXY", "off")
        .args(["build", "-buildmode=c-shared", "-o"])
        .arg(&library)
        .arg("-ldflags")
        .arg(format!(
            "-extldflags '-Wl,-z,defs -Wl,--version-script={}'",
            script.display()
        )));
    complete(&library).await;
}

/// As the first lines of the example say, and strictly.
fn c_example(directory: &Path) -> PathBuf {
    let library = directory.join("libdns01_tinyhost.so");
    run(Command::new("cc")
        .current_dir(repository("plugin-api"))
        .args("-std=c99 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -fvisibility=hidden".split(' '))
        .args("-Wl,-z,defs -I include examples/tinyhost.c -o".split(' '))
        .arg(&library));
    library
}

fn open(library: &Path, state: &Arc<dyn PluginState>, values: Values<'_>) -> Instance {
    instance_of(library.to_owned(), values, Arc::clone(state), |_| {})
}

/// The one failure of a call for one record.
async fn refusal(provider: &Instance, record: &Record) -> Failure {
    let outcomes = provider.present(std::slice::from_ref(record), LONG).await;
    outcomes.expect("an answer").remove(0).expect_err("a failure")
}

async fn complete(library: &Path) {
    assert_eq!(exports(library), ["dns01_plugin_v1"], "and nothing of a runtime");
    let host = TinyHost::start().await;
    let state: Arc<dyn PluginState> = Arc::new(MemoryState::default());
    let provider = open(
        library,
        &state,
        &[("endpoint", &host.api, false), ("token", TOKEN, true)],
    );

    described(&provider).await;
    records_come_and_go(&provider, &host, library, &state).await;
    one_bad_record_fails_alone(&provider, &host).await;
    failures_have_their_class(library, &host).await;
    a_call_ends_in_time(&provider).await;
    an_account_is_set_up(library, &host).await;
}

async fn described(provider: &Instance) {
    let description = provider.describe().await.expect("described");
    assert_eq!(description.id, "tinyhost");
    let option = |key| description.option(key).expect(key);
    assert!(option("endpoint").required && option("token").secret);
    assert_eq!(option("timeout").kind, OptionKind::Duration);
    assert_eq!(option("timeout").default.as_deref(), Some("10000"));
    let info = provider.info(LONG).await.expect("open");
    assert!(info.concurrent && info.stateless_remove && info.cancels && info.checks && info.sets_up);
    assert_eq!(info.max_batch, 50);
}

async fn records_come_and_go(
    provider: &Instance,
    host: &TinyHost,
    library: &Path,
    state: &Arc<dyn PluginState>,
) {
    let name = "_acme-challenge.example.test";
    let mut records = [record("example.test", "apex"), record("example.test", "wildcard")];
    let made = present(provider, &records).await;
    assert_eq!(host.txt(name).await, ["apex", "wildcard"]);
    let again = present(provider, &records).await;
    for (at, (made, again)) in made.iter().zip(&again).enumerate() {
        assert!(!made.no_change && again.no_change, "{at}");
        assert!(!made.handle.is_empty() && made.handle == again.handle, "{at}");
    }

    records[0].handle.clone_from(&made[0].handle);
    assert!(!remove(provider, &records[..1]).await[0].no_change);
    assert_eq!(host.txt(name).await, ["wildcard"]);
    assert!(remove(provider, &records[..1]).await[0].no_change, "it was gone");
    // after a crash: a new process, and no handle
    let fresh = open(
        library,
        state,
        &[("endpoint", &host.api, false), ("token", TOKEN, true)],
    );
    assert!(!remove(&fresh, &records[1..]).await[0].no_change);
    assert!(host.txt(name).await.is_empty());
}

async fn one_bad_record_fails_alone(provider: &Instance, host: &TinyHost) {
    let records = [
        record("a.example.test", "one"),
        record("elsewhere.test", "two"),
        record("b.example.test", "three"),
    ];
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    let failure = outcomes[1].as_ref().expect_err("no zone");
    assert_eq!(
        (failure.class, failure.native_code),
        (FailureClass::ZoneNotFound, Some(404))
    );
    assert_eq!(host.txt("_acme-challenge.b.example.test").await, ["three"]);
    all_done(provider.remove(&records, LONG).await);

    let checked = provider.check(&records, LONG).await.expect("an answer");
    assert_eq!(
        checked[0].as_ref().expect("a zone").message,
        "in zone example.test"
    );
    assert_eq!(
        checked[1].as_ref().expect_err("none").class,
        FailureClass::ZoneNotFound
    );
    assert!(provider.check(&[], LONG).await.expect("an answer")[0].is_ok());

    // more than one call takes
    let many: Vec<Record> = (0..120)
        .map(|at| record(&format!("n{at}.example.test"), "many"))
        .collect();
    present(provider, &many).await;
    assert_eq!(host.txt("_acme-challenge.n119.example.test").await, ["many"]);
    remove(provider, &many).await;
    assert!(host.txt("_acme-challenge.n119.example.test").await.is_empty());
}

async fn failures_have_their_class(library: &Path, host: &TinyHost) {
    let state: Arc<dyn PluginState> = Arc::new(MemoryState::default());
    let secret = "an-0ld-t0ken-that-was-rev0ked";
    let wrong = open(
        library,
        &state,
        &[("endpoint", &host.api, false), ("token", secret, true)],
    );
    let asked = record("example.test", "value");
    let failure = refusal(&wrong, &asked).await;
    assert_eq!(
        (failure.class, failure.native_code),
        (FailureClass::Auth, Some(401))
    );
    assert!(!failure.message.contains(secret));

    let known = open(
        library,
        &state,
        &[("endpoint", &host.api, false), ("token", TOKEN, true)],
    );
    for (status, class) in [
        (429, FailureClass::RateLimited),
        (503, FailureClass::Transient),
        (418, FailureClass::Permanent),
    ] {
        let asked = record(&format!("status-{status}.example.test"), "value");
        let failure = refusal(&known, &asked).await;
        assert_eq!((failure.class, failure.native_code), (class, Some(status)));
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        assert_eq!(failure.retry_after, retry_after);
    }

    let closed = lab::process::free_port().unwrap();
    let nobody = open(
        library,
        &state,
        &[
            ("endpoint", &format!("127.0.0.1:{closed}"), false),
            ("token", secret, true),
        ],
    );
    let failure = refusal(&nobody, &asked).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.message.contains("not reached"), "{failure:?}");

    let malformed = open(
        library,
        &state,
        &[("endpoint", "nowhere", false), ("token", secret, true)],
    );
    let error = malformed.present(&[asked], LONG).await.expect_err("not open");
    assert!(error.to_string().contains("option `endpoint`"), "{error}");
}

async fn a_call_ends_in_time(provider: &Instance) {
    let begin = Instant::now();
    let outcomes = provider
        .present(&[record("slow.example.test", "value")], Duration::from_secs(1))
        .await
        .expect("its own answer: the process was not killed");
    let failure = outcomes[0].as_ref().expect_err("no time");
    assert!(
        matches!(failure.class, FailureClass::Transient | FailureClass::Cancelled),
        "{failure:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(3));
}

async fn an_account_is_set_up(library: &Path, host: &TinyHost) {
    let state: Arc<dyn PluginState> = Arc::new(MemoryState::default());
    let values: Values<'_> = &[("endpoint", &host.api, false)];
    let provider = open(library, &state, values);
    let asked = [record("account.example.test", "value")];
    let failure = refusal(&provider, &asked[0]).await;
    assert_eq!(failure.class, FailureClass::Config);
    assert!(failure.message.contains("dns01d provider setup"), "{failure:?}");

    let setup = |provider: Instance| async move {
        let asked = [record("account.example.test", "value")];
        let mut done = all_done(provider.call(Operation::Setup, &asked, LONG).await);
        (provider, done.remove(0).message)
    };
    let (provider, said) = setup(provider).await;
    assert_eq!(said, "an account was registered");
    present(&provider, &asked).await;
    assert_eq!(host.txt("_acme-challenge.account.example.test").await, ["value"]);
    // another process of the instance has it, and does not register again
    let (again, said) = setup(open(library, &state, values)).await;
    assert!(said.starts_with("nothing to do"), "{said}");
    remove(&again, &asked).await;
    assert!(host.txt("_acme-challenge.account.example.test").await.is_empty());
}
