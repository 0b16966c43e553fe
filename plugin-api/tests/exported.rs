//! The exported table, driven through the C ABI as a host drives it, and as a
//! broken host would.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks, clippy::unwrap_used)]

use std::ffi::{CStr, c_char};
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dns01_plugin_api::abi::{self, cap, option_flag, provider_flag, result_flag, status};
use dns01_plugin_api::testing::{TestCall, TestHost, TestRecord};
use dns01_plugin_api::{
    Batch, Call, Class, Description, Error, Host, Info, Kind, Level, Opt, OptionSpec, Options, Provider,
    Secret, Success, export_provider,
};

const MODE: Opt<String> = Opt::required("mode", "what open does");
const TOKEN: Opt<Secret> = Opt::with_default("token", "hunter2", "a secret");
const COUNT: Opt<i64> = Opt::with_default("count", "-3", "an integer");
const WAIT: Opt<Duration> = Opt::with_default("wait", "1500", "a duration");
const LOUD: Opt<Option<bool>> = Opt::optional("loud", "a boolean");
const FILES: Opt<Vec<PathBuf>> = Opt::list("files", "files");
const OPTIONS: &[OptionSpec] = &[
    MODE.spec(),
    TOKEN.spec(),
    COUNT.spec(),
    WAIT.spec(),
    LOUD.spec(),
    FILES.spec(),
];

/// Does what the value of each record says.
struct Probe {
    host: Host,
    mode: String,
}

/// Instances of `Probe` that were dropped.
static CLOSED: AtomicU32 = AtomicU32::new(0);

impl Provider for Probe {
    const DESCRIPTION: Description = Description {
        url: Some("https://example.org/probe"),
        execs: true,
        ..Description::new("probe", "Probe", OPTIONS)
    };

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, Error> {
        let mode = options.read(&MODE)?;
        assert_ne!(mode, "panic", "told to panic in open");
        assert_eq!(options.read(&TOKEN)?.reveal(), "hunter2");
        assert_eq!(options.read(&COUNT)?, -3);
        assert_eq!(options.read(&WAIT)?, Duration::from_millis(1500));
        let loud = options.read(&LOUD)?;
        let files = options.read(&FILES)?;
        host.log(Level::Info, &format!("loud {loud:?} files {files:?}"));
        host.log(
            Level::Info,
            &format!("debug {options:?} {:?}", options.read(&TOKEN)?),
        );
        Ok(Self { host, mode })
    }

    fn info(&self) -> Info {
        assert_ne!(self.mode, "panic-info");
        Info {
            concurrent: true,
            stateless_remove: true,
            kinds: &[Kind::Dns01, Kind::Persist],
            max_batch: 7,
            propagation_timeout: Duration::from_secs(2),
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            match record.value {
                "panic" => panic!("told to panic at {}", record.fqdn),
                "panic-any" => std::panic::panic_any(42u8),
                "forget" => {}
                "fail-call" => return Err(Error::new(Class::Transient, "the rest failed")),
                "fail" => {
                    let delay = Duration::from_secs(9);
                    batch.settle(
                        at,
                        Err(Error::new(Class::RateLimited, "slow down")
                            .with_native_code(429)
                            .with_retry_after(delay)),
                    );
                }
                "long" => batch.settle(at, Ok(Success::done().with_message("ü".repeat(1000)))),
                "long-handle" => batch.settle(at, Ok(Success::done().with_handle("h".repeat(2048)))),
                "fitting-handle" => batch.settle(at, Ok(Success::done().with_handle("h".repeat(2047)))),
                "nul" => batch.settle(at, Ok(Success::done().with_message("a\0b").with_handle("a\0b"))),
                "twice" => {
                    batch.settle(at, Ok(Success::unchanged().in_sync()));
                    batch.settle(at, Err(Error::cancelled()));
                }
                "wait" => {
                    while !call.is_cancelled() {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    assert!(call.cancel_fd().is_some());
                    return Err(call.proceed().unwrap_err());
                }
                "state" => {
                    self.host.state_put("big", &[7; 5000])?;
                    assert_eq!(self.host.state_get("big")?.unwrap(), [7; 5000]);
                    self.host.state_put("big", b"")?;
                    assert_eq!(self.host.state_get("big")?, None);
                    let refused = self.host.state_put("big", &[0; 70_000]).unwrap_err();
                    assert_eq!(refused.class(), Class::Permanent);
                    batch.settle(at, Ok(Success::done()));
                }
                _ => batch.settle(
                    at,
                    Ok(Success::done().with_handle(record.fqdn).with_message("fine")),
                ),
            }
        }
        Ok(())
    }

    fn remove(&self, _call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        assert!(
            batch.records().iter().all(|record| record.value != "panic"),
            "told to panic in remove"
        );
        batch.settle_rest(&Ok(Success::unchanged()));
        Ok(())
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        call.log(
            Level::Debug,
            &format!("check of {} records", batch.records().len()),
        );
        match self.mode.as_str() {
            "bad" => Err(Error::new(Class::Auth, "wrong token").with_native_code(403)),
            "panic-check" => panic!("told to panic in check"),
            _ => {
                batch.settle_rest(&Ok(Success::pending(Duration::from_secs(1))));
                Ok(())
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.mode == "panic-close" {
            panic!("told to panic in close");
        }
        if self.mode == "count-close" {
            CLOSED.fetch_add(1, Ordering::SeqCst);
        }
    }
}

export_provider!(Probe);

unsafe extern "C" {
    fn dns01_plugin_v1(host: *const abi::Host) -> *const abi::Plugin;
}

fn text(text: *const c_char) -> &'static str {
    unsafe { CStr::from_ptr(text) }.to_str().unwrap()
}

fn record(value: &str) -> TestRecord {
    TestRecord::new("_acme-challenge.example.org", value)
}

#[test]
fn the_symbol_gives_a_complete_table() {
    let host = TestHost::start();
    let plugin = unsafe { &*dns01_plugin_v1(host.raw()) };
    assert_eq!(plugin.struct_size as usize, size_of::<abi::Plugin>());
    assert_eq!((plugin.abi_minor, text(plugin.name)), (0, "dns01-plugin-api"));
    assert_eq!(text(plugin.license), "MIT OR Apache-2.0");
    assert_eq!(plugin.provider_count, 1);
    let provider = unsafe { &**plugin.providers };
    assert_eq!(
        (text(provider.id), text(provider.url)),
        ("probe", "https://example.org/probe")
    );
    assert_eq!(provider.flags, provider_flag::EXECS);
    let options: Vec<&abi::OptionDesc> = (0..provider.option_count as usize)
        .map(|at| unsafe { &**provider.options.add(at) })
        .collect();
    let flags: Vec<(&str, u32)> = options
        .iter()
        .map(|option| (text(option.key), option.flags))
        .collect();
    assert_eq!(
        flags,
        [
            ("mode", option_flag::REQUIRED),
            ("token", option_flag::SECRET),
            ("count", option_flag::INTEGER),
            ("wait", option_flag::DURATION),
            ("loud", option_flag::BOOLEAN),
            ("files", option_flag::FILE | option_flag::LIST),
        ]
    );
    assert!(options[0].default_value.is_null());
    assert_eq!(text(options[3].default_value), "1500");
    assert_eq!(
        unsafe { dns01_plugin_v1(host.raw()) },
        ptr::from_ref(plugin),
        "one table for ever"
    );
}

#[test]
fn no_host_or_a_small_one_gets_no_table() {
    // tables of their own: the exported one may be built already
    let host = TestHost::start();
    assert!(!host.table::<Probe>().is_null());
    let table = Box::leak(Box::new(dns01_plugin_api::export::private::Table::new()));
    let small = abi::Host {
        struct_size: 63,
        ..unsafe { host.raw().read() }
    };
    assert!(unsafe { table.enter::<Empty>(&raw const small) }.is_null());
    let table = Box::leak(Box::new(dns01_plugin_api::export::private::Table::new()));
    assert!(unsafe { table.enter::<Empty>(ptr::null()) }.is_null());
    let table = Box::leak(Box::new(dns01_plugin_api::export::private::Table::new()));
    assert!(unsafe { table.enter::<Empty>(host.raw()) }.is_null());
    assert!(host.logged(Level::Error)[0].contains("NUL"), "says why");
}

/// A library that cannot be described.
struct Empty;

impl dns01_plugin_api::export::private::Library for Empty {
    const NAME: &'static str = "with\0nul";
    const VERSION: &'static str = "";
    const LICENSE: &'static str = "";
    const PROVIDERS: &'static [dns01_plugin_api::export::private::Exported] = &[];
}

#[test]
fn options_arrive_typed_and_secrets_stay_dark() {
    let host = TestHost::start();
    host.open::<Probe>(&[("mode", ""), ("mode", "ok")])
        .expect_err("twice");
    host.open::<Probe>(&[("mode", "ok"), ("loud", "true"), ("files", "/a"), ("files", "/b")])
        .unwrap();
    let logged = host.logged(Level::Trace).join("\n");
    assert!(
        logged.contains(r#"loud Some(true) files ["/a", "/b"]"#),
        "{logged}"
    );
    assert!(!logged.contains("hunter2"), "{logged}");
}

#[test]
fn a_wrong_option_is_named() {
    let host = TestHost::start();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "`mode`"),
        (&[("mode", "")], "`mode` is missing: what open does"),
        (&[("mode", "x"), ("mood", "y")], "no option `mood`"),
        (&[("mode", "x"), ("mode", "y")], "`mode` is given twice"),
        (
            &[("mode", "x"), ("loud", "yes")],
            "`loud` is not true or false: `yes`",
        ),
        (
            &[("mode", "x"), ("count", "1.5")],
            "`count` is not a whole number: `1.5`",
        ),
        (
            &[("mode", "x"), ("wait", "5s")],
            "`wait` is not a duration in whole milliseconds: `5s`",
        ),
    ];
    for (options, expected) in cases {
        let refused = host.open::<Probe>(options).unwrap_err();
        assert_eq!(refused.status, status::CONFIG, "{options:?}");
        assert!(
            refused.message.contains(expected),
            "{options:?}: {}",
            refused.message
        );
    }
}

#[test]
fn each_record_has_its_outcome() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    let outcomes = instance.present(&[record("a"), record("fail"), record("twice"), record("state")]);
    assert_eq!(
        (outcomes[0].status, outcomes[0].handle.as_str()),
        (status::OK, "_acme-challenge.example.org")
    );
    assert_eq!(
        (outcomes[1].status, outcomes[1].native_code),
        (status::RATE_LIMITED, 429)
    );
    assert_eq!(
        (outcomes[1].retry_after_ms, outcomes[1].message.as_str()),
        (9000, "slow down")
    );
    assert_eq!(outcomes[2].status, status::OK, "the first outcome stands");
    assert_eq!(outcomes[2].flags, result_flag::NO_CHANGE | result_flag::IN_SYNC);
    assert!(outcomes[3].is_ok(), "{:?}", outcomes[3]);
}

#[test]
fn a_failing_call_leaves_settled_records_alone() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    let outcomes = instance.present(&[record("a"), record("fail-call"), record("c")]);
    assert_eq!(
        (outcomes[0].status, outcomes[0].message.as_str()),
        (status::OK, "fine")
    );
    assert_eq!(
        (outcomes[1].status, outcomes[1].message.as_str()),
        (status::TRANSIENT, "the rest failed")
    );
    assert_eq!(outcomes[2].status, status::TRANSIENT);
}

#[test]
fn a_record_left_unsettled_is_a_bug_that_is_told() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    let outcomes = instance.present(&[record("a"), record("forget")]);
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].status, status::INTERNAL);
    assert!(
        outcomes[1].message.contains("without settling"),
        "{}",
        outcomes[1].message
    );
}

#[test]
fn no_panic_leaves_any_entry_point() {
    let host = TestHost::start();
    let told = |what: &str| {
        assert!(
            host.logged(Level::Error).iter().any(|line| line.contains(what)),
            "{what} is not logged"
        );
    };
    let refused = host.open::<Probe>(&[("mode", "panic")]).unwrap_err();
    assert_eq!(refused.status, status::INTERNAL);
    assert!(
        refused.message.contains("told to panic in open"),
        "{}",
        refused.message
    );
    told("told to panic in open");

    let instance = host.open::<Probe>(&[("mode", "panic-info")]).unwrap();
    assert_eq!((instance.info().caps, instance.info().max_batch), (0, 0));
    told("panic-info");

    let outcomes = instance.present(&[record("a"), record("panic")]);
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].status, status::INTERNAL);
    assert!(
        outcomes[1].message.contains("told to panic at _acme"),
        "{}",
        outcomes[1].message
    );
    told("told to panic at _acme");
    assert!(
        instance.present(&[record("panic-any")])[0]
            .message
            .contains("panic without a message")
    );
    assert_eq!(instance.remove(&[record("panic")])[0].status, status::INTERNAL);
    told("told to panic in remove");
    assert!(
        instance.present(&[record("a")])[0].is_ok(),
        "the instance goes on"
    );

    let instance = host.open::<Probe>(&[("mode", "panic-check")]).unwrap();
    assert_eq!(instance.check(&[])[0].status, status::INTERNAL);
    told("told to panic in check");

    drop(host.open::<Probe>(&[("mode", "panic-close")]).unwrap());
    told("told to panic in close");
}

#[test]
fn long_messages_are_cut_at_a_character_and_handles_never() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    let outcomes = instance.present(&[
        record("long"),
        record("long-handle"),
        record("fitting-handle"),
        record("nul"),
    ]);
    assert_eq!(
        outcomes[0].message,
        "ü".repeat(511),
        "1023 bytes would be half an ü"
    );
    assert_eq!((outcomes[1].status, outcomes[1].handle.len()), (status::OK, 0));
    assert_eq!(outcomes[2].handle.len(), 2047);
    assert_eq!(
        (outcomes[3].message.as_str(), outcomes[3].handle.as_str()),
        ("a\u{fffd}b", "")
    );
}

#[test]
fn check_works_without_records() {
    let host = TestHost::start();
    let outcome = &host.open::<Probe>(&[("mode", "ok")]).unwrap().check(&[])[0];
    assert!(outcome.is_ok());
    let outcome = &host.open::<Probe>(&[("mode", "bad")]).unwrap().check(&[])[0];
    assert_eq!((outcome.status, outcome.native_code), (status::AUTH, 403));
    assert_eq!(outcome.message, "wrong token");
    let outcome = &host
        .open::<Probe>(&[("mode", "ok")])
        .unwrap()
        .check(&[record("a")])[0];
    assert_eq!((outcome.status, outcome.retry_after_ms), (status::PENDING, 1000));
}

#[test]
fn what_is_not_implemented_is_unsupported() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    for function in [
        |table: &abi::Plugin| table.sync,
        |table: &abi::Plugin| table.setup,
    ] {
        let outcome = &instance.batch(function, &TestCall::new(Duration::from_secs(1)), &[record("a")])[0];
        assert_eq!(outcome.status, status::UNSUPPORTED);
        assert!(!outcome.message.is_empty());
    }
}

#[test]
fn properties_reach_the_host() {
    let info = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap().info();
    assert_eq!(info.caps, cap::CONCURRENT | cap::STATELESS_REMOVE);
    assert_eq!(
        (info.kinds, info.max_batch, info.propagation_timeout_ms),
        (0b101, 7, 2000)
    );
    assert_eq!(
        info.struct_size as usize,
        size_of::<abi::InstanceInfo>(),
        "the host's, not ours"
    );
}

#[test]
fn a_cancelled_call_ends_and_so_does_one_out_of_time() {
    let instance = TestHost::start().open::<Probe>(&[("mode", "ok")]).unwrap();
    let call = TestCall::new(Duration::from_secs(600));
    let outcomes = std::thread::scope(|scope| {
        let running = scope.spawn(|| instance.batch(|table| table.present, &call, &[record("wait")]));
        call.cancel();
        running.join().unwrap()
    });
    assert_eq!(outcomes[0].status, status::CANCELLED);
    let call = TestCall::new(Duration::from_millis(20));
    let outcomes = instance.batch(|table| table.present, &call, &[record("wait")]);
    assert_eq!(outcomes[0].status, status::CANCELLED);
}

#[test]
fn an_instance_is_closed_once() {
    drop(
        TestHost::start()
            .open::<Probe>(&[("mode", "count-close")])
            .unwrap(),
    );
    assert_eq!(CLOSED.load(Ordering::SeqCst), 1);
}

/// Buffers and structs of a host that does things wrong.
struct Broken {
    plugin: &'static abi::Plugin,
    instance: *mut abi::Instance,
    call: abi::Call,
    record: abi::Record,
    result: abi::ResultSlot,
    message: Vec<c_char>,
}

impl Broken {
    fn new() -> Self {
        let host = TestHost::start();
        let plugin = unsafe { &*host.table::<Probe>() };
        let call = abi::Call {
            struct_size: size_of::<abi::Call>() as u32,
            attempt: 1,
            call_id: 1,
            timeout_ms: 1000,
            cancel_fd: -1,
            reserved0: 0,
        };
        let option = abi::OptionValue {
            struct_size: size_of::<abi::OptionValue>() as u32,
            flags: 0,
            key: c"mode".into(),
            value: c"ok".into(),
        };
        let pointers = ["count", "wait", "token"];
        let defaults = [c"-3", c"1500", c"hunter2"];
        let keys = [c"count", c"wait", c"token"];
        assert_eq!(pointers.len(), defaults.len());
        let mut values = vec![option];
        for (key, value) in keys.into_iter().zip(defaults) {
            values.push(abi::OptionValue {
                key: key.into(),
                value: value.into(),
                ..option
            });
        }
        let pointers: Vec<*const abi::OptionValue> = values.iter().map(ptr::from_ref).collect();
        let (mut error, mut instance) = (abi::ResultSlot::UNSET, ptr::null_mut());
        let opened = unsafe {
            plugin.open.unwrap()(
                host.raw(),
                c"probe".as_ptr(),
                &raw const call,
                pointers.as_ptr(),
                pointers.len(),
                &raw mut error,
                &raw mut instance,
            )
        };
        assert_eq!(opened, status::OK);
        let empty = abi::Str::EMPTY;
        let record = abi::Record {
            struct_size: size_of::<abi::Record>() as u32,
            ttl: 60,
            fqdn: c"_acme-challenge.example.org".into(),
            value: c"a".into(),
            zone: empty,
            identifier: empty,
            challenge_name: empty,
            token: empty,
            key_authorization: empty,
            handle: empty,
            kind: 0,
            reserved0: 0,
        };
        let mut message = vec![0; 1024];
        let result = abi::ResultSlot::unset(message.as_mut_ptr(), 1024, ptr::null_mut(), 0);
        Self {
            plugin,
            instance,
            call,
            record,
            result,
            message,
        }
    }

    fn present(&mut self) -> i32 {
        let records = [&raw const self.record];
        let results = [&raw mut self.result];
        unsafe {
            self.plugin.present.unwrap()(
                self.instance,
                &raw const self.call,
                records.as_ptr(),
                results.as_ptr(),
                1,
            )
        }
    }

    fn message(&self) -> String {
        unsafe { CStr::from_ptr(self.message.as_ptr()) }
            .to_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn structs_below_the_floor_are_refused_untouched() {
    let mut sane = Broken::new();
    assert_eq!((sane.present(), sane.result.status), (status::OK, status::OK));

    let mut broken = Broken::new();
    broken.record.struct_size = 143;
    assert_eq!(
        (broken.present(), broken.result.status),
        (status::INTERNAL, status::UNSET)
    );
    assert!(
        broken.message().contains("struct_size of dns01_record is 143"),
        "{}",
        broken.message()
    );

    let mut broken = Broken::new();
    broken.call.struct_size = 0;
    assert_eq!(broken.present(), status::INTERNAL);
    assert!(broken.message().contains("dns01_call"), "{}", broken.message());

    let mut broken = Broken::new();
    broken.result.struct_size = 47;
    assert_eq!(
        (broken.present(), broken.result.status),
        (status::INTERNAL, status::UNSET)
    );
    assert_eq!(
        broken.message(),
        "",
        "nothing is written to a struct of unknown shape"
    );
}

#[test]
fn fields_of_a_later_minor_are_left_alone() {
    #[repr(C)]
    struct Later<T> {
        now: T,
        later: u64,
    }
    let mut broken = Broken::new();
    let grown = |size: usize| (size + 8) as u32;
    let mut result = Later {
        now: broken.result,
        later: 0xdead_beef,
    };
    result.now.struct_size = grown(size_of::<abi::ResultSlot>());
    let mut info = Later {
        now: abi::InstanceInfo::default(),
        later: 0xdead_beef,
    };
    info.now.struct_size = grown(size_of::<abi::InstanceInfo>());
    broken.record.struct_size = size_of::<abi::Record>() as u32;
    let (records, results) = ([&raw const broken.record], [&raw mut result.now]);
    let answer = unsafe {
        broken.plugin.info.unwrap()(broken.instance, &raw mut info.now);
        broken.plugin.present.unwrap()(
            broken.instance,
            &raw const broken.call,
            records.as_ptr(),
            results.as_ptr(),
            1,
        )
    };
    assert_eq!(
        (answer, result.now.status, result.later),
        (status::OK, status::OK, 0xdead_beef)
    );
    assert_eq!((info.now.max_batch, info.later), (7, 0xdead_beef));
    assert_eq!(info.now.struct_size, grown(size_of::<abi::InstanceInfo>()));

    let mut small = abi::InstanceInfo {
        struct_size: 63,
        ..Default::default()
    };
    unsafe { broken.plugin.info.unwrap()(broken.instance, &raw mut small) };
    assert_eq!(small.max_batch, 0);
}

#[test]
fn null_pointers_are_refused() {
    let broken = Broken::new();
    let present = broken.plugin.present.unwrap();
    let (mut result, call) = (broken.result, broken.call);
    let (records, results) = ([&raw const broken.record], [&raw mut result]);
    unsafe {
        assert_eq!(
            present(
                ptr::null_mut(),
                &raw const call,
                records.as_ptr(),
                results.as_ptr(),
                1
            ),
            status::INTERNAL
        );
        assert_eq!(
            present(
                broken.instance,
                ptr::null(),
                records.as_ptr(),
                results.as_ptr(),
                1
            ),
            status::INTERNAL
        );
        assert_eq!(
            present(broken.instance, &raw const call, ptr::null(), results.as_ptr(), 1),
            status::INTERNAL
        );
        assert_eq!(
            present(broken.instance, &raw const call, records.as_ptr(), ptr::null(), 1),
            status::INTERNAL
        );
        assert_eq!(
            present(
                broken.instance,
                &raw const call,
                [ptr::null()].as_ptr(),
                results.as_ptr(),
                1
            ),
            status::INTERNAL
        );
        assert_eq!(
            present(
                broken.instance,
                &raw const call,
                records.as_ptr(),
                results.as_ptr(),
                0
            ),
            status::INTERNAL
        );
        broken.plugin.close.unwrap()(ptr::null_mut());
        broken.plugin.info.unwrap()(ptr::null_mut(), ptr::null_mut());
    }
    assert_eq!(result.status, status::UNSET);
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut broken = Broken::new();
    broken.record.value = abi::Str {
        ptr: c"\xff".as_ptr(),
        len: 1,
    };
    assert_eq!(broken.present(), status::INTERNAL);
    assert!(
        broken.message().contains("dns01_record.value is not UTF-8"),
        "{}",
        broken.message()
    );
}
