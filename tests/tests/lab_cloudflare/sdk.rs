//! Cloudflare's own client.

use std::process::Stdio;

use lab::cloudflare::{Cloudflare, Fault, RateLimit, Rights};
use lab::process::tool;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_cloudflare/sdk.py");

/// Runs Python of the tests' own environment; gives what it printed.
async fn python(arguments: &[&str]) -> String {
    let python = tool("python/bin/python3").expect("target/tools/python: `./dev test` makes it");
    let output = tokio::process::Command::new(python)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

#[tokio::test]
async fn the_official_python_sdk_is_served_unchanged() {
    let double = Cloudflare::start().await.unwrap();
    let zone = double.add_zone("example.org");
    let other = double.add_zone("other.test");
    for at in 0..6 {
        double.add_zone(&format!("zone{at}.test"));
    }
    let all = double.add_token(Rights {
        dns_edit: true,
        zone_read: true,
        ..Rights::default()
    });
    let reader = double.add_token(Rights {
        zones: vec![zone.clone()],
        dns_read: true,
        ..Rights::default()
    });
    let said = python(&[SCRIPT, &double.base_url(), &all, &reader, &zone, &other]).await;
    assert!(said.contains("is served"), "{said}");
    assert!(
        double
            .requests()
            .iter()
            .all(|seen| seen.user_agent.contains("Python"))
    );
    let names = double.records(&zone).len();
    assert_eq!(names, 12, "the batch that failed changed nothing");
}

/// Its retries need what the real API sends with 429 and 5xx.
#[tokio::test]
async fn the_sdk_waits_and_retries_as_with_the_real_api() {
    let double = Cloudflare::start().await.unwrap();
    double.add_zone("example.org");
    let token = double.add_token(Rights {
        zone_read: true,
        ..Rights::default()
    });
    let script = "import sys; from cloudflare import Cloudflare\n\
                  client = Cloudflare(api_token=sys.argv[2], base_url=sys.argv[1], max_retries=1)\n\
                  print([zone.name for zone in client.zones.list(per_page=50).result])";
    double
        .knobs()
        .update(|knobs| knobs.faults = vec![Fault::Gateway(502)]);
    let said = python(&["-c", script, &double.base_url(), &token]).await;
    assert_eq!(said.trim(), "['example.org']");

    let limit = RateLimit {
        left: 0,
        retry_after: Some(1),
    };
    double.knobs().update(|knobs| knobs.rate_limit = Some(limit));
    let base = double.base_url();
    let arguments = ["-c", script, &base, &token];
    let running = python(&arguments);
    let lifting = async {
        while double.requests().len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        double.knobs().update(|knobs| knobs.rate_limit = None);
    };
    let (said, ()) = tokio::join!(running, lifting);
    assert_eq!(said.trim(), "['example.org']");
    let statuses: Vec<u16> = double.requests().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [502, 200, 429, 200]);
}
