//! The process that serves an instance: its options, its secrets, its end.

use std::fs;
use std::time::Duration;

use dns01d::plugin::{CallError, DEFAULT_GRACE, FailureClass, ProviderClient as _};
use lab::service::HttpFault;
use tokio::time::Instant;

use super::{PASSWORD, USER, challenge, lego, portal};
use crate::instance::{LONG, present, remove};

#[tokio::test]
async fn options_are_checked_when_the_instance_opens() {
    for (values, words) in [
        (
            &[][..],
            "some credentials information are missing: HTTPREQ_ENDPOINT",
        ),
        (
            &[("HTTPREQ_ENDPOIN", "http://127.0.0.1:1", false)],
            "lego:httpreq has no option `HTTPREQ_ENDPOIN`",
        ),
        // from the days of lego's own command line
        (
            &[("DUCKDNS_TOKEN", "x", true)],
            "lego:httpreq has no option `DUCKDNS_TOKEN`",
        ),
    ] {
        let error = lego("lego:httpreq", "lego-options", values)
            .info(LONG)
            .await
            .expect_err("a refusal");
        let CallError::Open(failure) = &error else {
            panic!("{error}")
        };
        assert_eq!(failure.class, FailureClass::Config);
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn a_secret_is_in_no_file_of_the_process() {
    let portal = portal().await;
    let provider = lego(
        "lego:httpreq",
        "lego-secrecy",
        &[
            ("HTTPREQ_ENDPOINT", &portal.url(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    present(&provider, &[challenge("example.test", "token-1")]).await;
    let process = format!("/proc/{}", process_of("lego-secrecy"));
    for file in ["cmdline", "environ"] {
        // not dumpable: without root, not even its own user can read the second
        match fs::read(format!("{process}/{file}")) {
            Ok(content) => {
                let text = String::from_utf8_lossy(&content).into_owned();
                assert!(
                    !text.contains(PASSWORD) && !text.contains("HTTPREQ"),
                    "{file}: {text}"
                );
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
    }
    remove(&provider, &[challenge("example.test", "token-1")]).await;
}

#[tokio::test]
async fn a_silent_portal_costs_its_call_and_not_the_process() {
    let portal = portal().await;
    let provider = lego(
        "lego:httpreq",
        "lego-silent",
        &[
            ("HTTPREQ_ENDPOINT", &portal.url(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    let one = challenge("example.test", "token-1");
    let two = challenge("example.test", "token-2");
    present(&provider, std::slice::from_ref(&two)).await;
    let process = process_of("lego-silent");
    portal.fault(HttpFault::Silence);

    // a caller that goes away
    let abandoned = provider.present(std::slice::from_ref(&one), LONG);
    tokio::select! {
        outcome = abandoned => panic!("{outcome:?}"),
        () = portal.keeps_waiting(1, LONG) => {}
    }
    portal.keeps_waiting(0, Duration::from_secs(2)).await;

    // a deadline
    let begun = Instant::now();
    let outcome = provider
        .present(std::slice::from_ref(&one), Duration::from_secs(1))
        .await;
    assert!(
        begun.elapsed() < Duration::from_secs(1) + DEFAULT_GRACE,
        "{:?}",
        begun.elapsed()
    );
    match outcome {
        Ok(outcomes) => {
            let failure = outcomes[0].as_ref().expect_err("nobody answered");
            assert_eq!(failure.class, FailureClass::Cancelled, "{failure}");
        }
        Err(error) => panic!("the process had to be killed: {error}"),
    }

    portal.fault(HttpFault::None);
    remove(&provider, &[one, two]).await;
    assert_eq!(process_of("lego-silent"), process);
}

/// The plugin host that serves this instance: its name is in the arguments.
fn process_of(instance: &str) -> u32 {
    let arguments = format!("\0serve\0{instance}\0");
    let serves = |pid: &u32| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|found| String::from_utf8_lossy(&found).ends_with(&arguments))
            && is_child(*pid)
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(serves).expect("a process of the instance")
}

/// Other tests may run beside this program.
fn is_child(pid: u32) -> bool {
    let own = format!("PPid:\t{}", std::process::id());
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.lines().any(|line| line == own))
}
