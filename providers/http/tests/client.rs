//! The client against a server that answers by script, on plain sockets and threads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dns01_plugin_api::testing::{TestCall, TestHost, TestInstance, TestOutcome, TestRecord};
use dns01_plugin_api::{
    Batch, Call, Description, Error, Host, Opt, OptionSpec, Options, Provider, Success, abi::status,
};
use dns01_provider_http::{self as http, Client, Plain, Settings};
use server::{Server, Tls};

const BASE: Opt<String> = Opt::required("base-url", "where requests go");
const MAX: Opt<u32> = Opt::with_default("max-body", "65536", "longest body");
const PLAIN: Opt<bool> = Opt::with_default("plain", "true", "http to other machines");
const WORDS: &str = "token-s3cret";

/// Asks `base-url` once per call; the body is the message.
struct Asking {
    client: Client,
    base: url::Url,
}

impl Provider for Asking {
    const DESCRIPTION: Description = Description::new("asking", "asks", OPTIONS);

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, Error> {
        let settings = Settings {
            max_body: options.read(&MAX)? as usize,
            plain: if options.read(&PLAIN)? {
                Plain::Anywhere
            } else {
                Plain::Loopback
            },
            ..Settings::read(options)?
        };
        Ok(Self {
            client: Client::open(host, "asking/1", settings)?,
            base: http::endpoint(BASE.key(), &options.read(&BASE)?, Plain::Anywhere)?,
        })
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let url = self.base.join("v1?key=query-s3cret").unwrap();
        let request = self.client.inner().get(url).bearer_auth(WORDS);
        let said: String = self.client.send(call, request)?.success()?.json()?;
        batch.settle_rest(&Ok(Success::done().with_message(said)));
        Ok(())
    }

    fn remove(&self, call: &Call<'_>, _batch: &mut Batch<'_>) -> Result<(), Error> {
        let forever = std::future::pending::<()>();
        match self
            .client
            .runtime()
            .run(call, Duration::from_millis(100), forever)
        {
            Ok(()) => unreachable!("it never ends"),
            Err(http::Stopped::Cancelled) => Err(Error::cancelled()),
            Err(http::Stopped::Limit(after)) => Err(Error::unsupported(format!("{after:?}"))),
        }
    }
}

const OPTIONS: &[OptionSpec] = &[
    BASE.spec(),
    MAX.spec(),
    PLAIN.spec(),
    http::CA_FILE.spec(),
    http::PROXY.spec(),
    http::PROXY_CREDENTIALS.spec(),
    http::TIMEOUT.spec(),
];

fn open(options: &[(&str, &str)]) -> TestInstance {
    TestHost::start().open::<Asking>(options).unwrap()
}

fn record() -> [TestRecord; 1] {
    [TestRecord::new("_acme-challenge.example.org", "value")]
}

fn ask(instance: &TestInstance) -> TestOutcome {
    let outcome = instance.present(&record()).remove(0);
    for secret in [WORDS, "query-s3cret"] {
        assert!(!outcome.message.contains(secret), "{outcome:?}");
    }
    outcome
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn status_line(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n").into_bytes()
}

#[test]
fn it_introduces_itself_and_reuses_its_connection() {
    let server = Server::start(|_| Some(ok("\"hello\"")));
    let instance = open(&[("base-url", &server.url())]);
    for _ in 0..3 {
        let outcome = ask(&instance);
        assert_eq!((outcome.status, outcome.message.as_str()), (status::OK, "hello"));
        // HTTP/1: a connection is free a moment after its answer was read
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
    let request = server.requests().remove(0);
    assert!(
        request.starts_with("GET /v1?key=query-s3cret HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("user-agent: test-host/0 asking/1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer token-s3cret\r\n"),
        "{request}"
    );
}

#[test]
fn ipv6_is_as_good() {
    let server = Server::start_on("[::1]:0", None, |_| Some(ok("\"six\"")));
    let outcome = ask(&open(&[("base-url", &server.url())]));
    assert_eq!(outcome.message, "six", "{outcome:?}");
}

#[test]
fn calls_from_several_threads_do_not_wait_for_each_other() {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Some(ok("\"\""))
    });
    let instance = Arc::new(open(&[("base-url", &server.url())]));
    let took = server::measure(|| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let instance = instance.clone();
                std::thread::spawn(move || ask(&instance).status)
            })
            .collect();
        assert!(
            threads
                .into_iter()
                .all(|thread| thread.join().unwrap() == status::OK)
        );
    });
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn a_redirect_is_never_followed() {
    let elsewhere = Server::start(|_| Some(ok("\"\"")));
    let location = format!("location: {}\r\n", elsewhere.url());
    let server = Server::start(move |_| Some(status_line("307 Temporary Redirect", &location)));
    let outcome = ask(&open(&[("base-url", &server.url())]));
    assert_eq!(
        (outcome.status, outcome.native_code),
        (status::CONFIG, 307),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("never followed"), "{outcome:?}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn each_status_has_its_class_and_its_wait() {
    for (line, headers, class, code, wait) in [
        ("400 Bad Request", "", status::PERMANENT, 400, 0),
        ("401 Unauthorized", "", status::AUTH, 401, 0),
        ("403 Forbidden", "", status::AUTH, 403, 0),
        ("404 Not Found", "", status::TRANSIENT, 404, 0),
        ("410 Gone", "", status::CONFIG, 410, 0),
        (
            "429 Too Many Requests",
            "retry-after: 17\r\n",
            status::RATE_LIMITED,
            429,
            17_000,
        ),
        (
            "503 Service Unavailable",
            "date: Fri, 31 Dec 1999 23:59:00 GMT\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
            status::TRANSIENT,
            503,
            59_000,
        ),
    ] {
        let server = Server::start(move |_| Some(status_line(line, headers)));
        let outcome = ask(&open(&[("base-url", &server.url())]));
        let seen = (outcome.status, outcome.native_code, outcome.retry_after_ms);
        assert_eq!(seen, (class, code, wait), "{outcome:?}");
    }
}

#[test]
fn a_body_is_bounded_whether_announced_or_not() {
    let long = "x".repeat(70_000);
    let announced = ok(&long);
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11170\r\n{long}\r\n0\r\n\r\n");
    for answer in [announced, chunked.into_bytes()] {
        let server = Server::start(move |_| Some(answer.clone()));
        let outcome = ask(&open(&[("base-url", &server.url())]));
        assert_eq!(outcome.status, status::PERMANENT, "{outcome:?}");
        assert!(outcome.message.contains("more than 65536 bytes"), "{outcome:?}");
    }
}

#[test]
fn what_is_no_json_and_what_breaks_off_is_told_apart() {
    let server = Server::start(|_| Some(ok("<html>token-s3cret</html>")));
    let outcome = ask(&open(&[("base-url", &server.url())]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    assert!(
        outcome.message.contains("something else than the JSON"),
        "{outcome:?}"
    );

    let server = Server::start(|_| Some(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\"h".to_vec()));
    let outcome = ask(&open(&[("base-url", &server.url())]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    assert!(outcome.message.contains("broke"), "{outcome:?}");
}

#[test]
fn a_silent_server_ends_the_request_at_its_limit_and_the_call_at_its_own() {
    let server = Server::start(|_| None);
    let limited = open(&[("base-url", &server.url()), ("timeout", "300")]);
    let took = server::measure(|| {
        let outcome = ask(&limited);
        assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
        assert!(outcome.message.contains("within 0.3 s"), "{outcome:?}");
    });
    assert!(took < Duration::from_millis(1000), "{took:?}");

    let patient = open(&[("base-url", &server.url())]);
    let call = TestCall::new(Duration::from_millis(300));
    let took = server::measure(|| {
        let outcome = patient.batch(|table| table.present, &call, &record()).remove(0);
        assert_eq!(outcome.status, status::CANCELLED, "{outcome:?}");
    });
    assert!(took < Duration::from_millis(1000), "{took:?}");
}

#[test]
fn a_cancelled_call_ends_soon() {
    let server = Server::start(|_| None);
    let instance = open(&[("base-url", &server.url())]);
    let call = TestCall::new(Duration::from_secs(30));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| instance.batch(|table| table.present, &call, &record()).remove(0));
        server.wait_for_request();
        let took = server::measure(|| {
            call.cancel();
            assert_eq!(waiting.join().unwrap().status, status::CANCELLED);
        });
        assert!(took < Duration::from_millis(200), "{took:?}");
    });
}

#[test]
fn any_future_can_be_run_under_the_bounds_of_a_call() {
    let instance = open(&[("base-url", "http://127.0.0.1:9/")]);
    let outcome = instance.remove(&record()).remove(0);
    assert_eq!(
        (outcome.status, outcome.message.as_str()),
        (status::UNSUPPORTED, "100ms")
    );
    let short = TestCall::new(Duration::from_millis(50));
    let outcome = instance.batch(|table| table.remove, &short, &record()).remove(0);
    assert_eq!(outcome.status, status::CANCELLED, "{outcome:?}");
}

#[test]
fn what_cannot_be_reached_is_named_with_the_reason() {
    // reserved for this (RFC 6761 section 6.4)
    let outcome = ask(&open(&[("base-url", "http://api.invalid/")]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    assert!(
        outcome.message.starts_with("api.invalid has no address: "),
        "{outcome:?}"
    );

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let outcome = ask(&open(&[("base-url", &format!("http://{closed}/"))]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    let expected = format!("cannot connect to {closed}: Connection refused");
    assert!(outcome.message.starts_with(&expected), "{outcome:?}");
}

#[test]
fn a_private_ca_is_trusted_when_given_and_else_named() {
    let tls = Tls::for_localhost();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, tls.certificate_pem()).unwrap();
    let server = Server::start_on("127.0.0.1:0", Some(tls), |_| Some(ok("\"safe\"")));
    let base = format!("https://localhost:{}/", server.port());

    let outcome = ask(&open(&[("base-url", &base)]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    for word in ["is not trusted", "self-signed certificate", "`ca-file`"] {
        assert!(outcome.message.contains(word), "{outcome:?}");
    }
    let outcome = ask(&open(&[("base-url", &base), ("ca-file", file.to_str().unwrap())]));
    assert_eq!((outcome.status, outcome.message.as_str()), (status::OK, "safe"));

    // the name in the certificate counts
    let other = format!("https://127.0.0.1:{}/", server.port());
    let outcome = ask(&open(&[
        ("base-url", &other),
        ("ca-file", file.to_str().unwrap()),
    ]));
    assert!(outcome.message.contains("mismatch"), "{outcome:?}");

    let plain = Server::start(|_| Some(ok("\"\"")));
    let outcome = ask(&open(&[(
        "base-url",
        &format!("https://127.0.0.1:{}/", plain.port()),
    )]));
    assert_eq!(outcome.status, status::TRANSIENT, "{outcome:?}");
    assert!(
        outcome.message.starts_with("no TLS with 127.0.0.1"),
        "{outcome:?}"
    );
}

#[test]
fn nothing_leaves_the_machine_in_clear_unless_told() {
    let outcome = ask(&open(&[("base-url", "http://192.0.2.1/"), ("plain", "false")]));
    assert_eq!(outcome.status, status::CONFIG, "{outcome:?}");
    assert!(outcome.message.contains("https is needed"), "{outcome:?}");
}

#[test]
fn a_proxy_gets_the_request_and_its_own_credentials() {
    let proxy = Server::start(|_| Some(ok("\"by proxy\"")));
    let options = [("base-url", "http://192.0.2.1/"), ("proxy", &proxy.url())];
    let outcome = ask(&open(&options));
    assert_eq!(outcome.message, "by proxy", "{outcome:?}");
    let request = proxy.requests().remove(0);
    assert!(request.starts_with("GET http://192.0.2.1/v1?"), "{request}");

    let with_credentials = [options[0], options[1], ("proxy-credentials", "me:pr0xy-s3cret")];
    assert_eq!(ask(&open(&with_credentials)).message, "by proxy");
    let request = proxy.requests().remove(1);
    assert!(
        request.contains("proxy-authorization: Basic bWU6cHIweHktczNjcmV0\r\n"),
        "{request}"
    );
}

#[test]
fn what_stays_on_the_machine_in_clear_goes_past_the_proxy() {
    let proxy = Server::start(|_| Some(ok("\"by proxy\"")));
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start_on(address, None, |_| Some(ok("\"direct\"")));
        let options = [
            ("base-url", server.url()),
            ("proxy", proxy.url()),
            ("proxy-credentials", "me:pr0xy-s3cret".to_owned()),
        ];
        let options = options.each_ref().map(|(key, value)| (*key, value.as_str()));
        let outcome = ask(&open(&options));
        assert_eq!(outcome.message, "direct", "{outcome:?}");
        assert!(!server.requests()[0].contains("proxy-authorization"));
    }
    assert!(proxy.requests().is_empty());
}

#[test]
fn wrong_options_are_named_and_not_repeated() {
    let missing = PathBuf::from("/nonexistent/ca.pem");
    let empty = tempfile::NamedTempFile::new().unwrap();
    for (key, value, expected) in [
        ("timeout", "0", "must be more than 0"),
        (
            "proxy",
            "http://me:pr0xy-s3cret@proxy.example.net/",
            "`proxy-credentials`",
        ),
        ("proxy", "socks5://proxy.example.net/", "not an address such as"),
        ("proxy-credentials", "pr0xy-s3cret", "must be name:password"),
        ("proxy-credentials", "me:pr0xy-s3cret", "goes with `proxy`"),
        (
            "ca-file",
            missing.to_str().unwrap(),
            "cannot read /nonexistent/ca.pem",
        ),
        (
            "ca-file",
            empty.path().to_str().unwrap(),
            "no certificates in PEM form",
        ),
    ] {
        let options = [("base-url", "http://127.0.0.1:9/"), (key, value)];
        let refused = TestHost::start().open::<Asking>(&options).err().unwrap();
        assert_eq!(refused.status, status::CONFIG, "{refused:?}");
        assert!(refused.message.contains(&format!("`{key}`")), "{refused:?}");
        assert!(refused.message.contains(expected), "{refused:?}");
        assert!(!refused.message.contains("s3cret"), "{refused:?}");
    }
}
