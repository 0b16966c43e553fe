//! rfc2136 on BIND: the provider whose conformance everything else is measured by.

use std::{process::Stdio, time::Duration};

use lab::{bind::BindPolicy, daemon::built, nsupdate::updated};
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Lab, ROUNDS, Run, SUBZONE, ZONE, kit};

/// It gives no handles that a new process could be given.
const NO_HANDLES: &str = "new-process";

#[tokio::test(flavor = "multi_thread")]
async fn rfc2136_passes_every_check_that_applies_to_it() {
    let lab = Lab::new().await;
    let mut command = lab.kit(&built("libdns01_rfc2136.so"), &lab.options(""));
    let run = Run::of(command.args(["--subzone", SUBZONE]));
    run.passed_but_for(&[NO_HANDLES]);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_allows_one_name_is_tested_at_that_name() {
    let lab = Lab::with(BindPolicy::ChallengesOf(vec!["www.example.test".to_owned()])).await;
    let mut command = lab.kit(&built("libdns01_rfc2136.so"), &lab.options(""));
    let run = Run::of(command.args(["--name", "www.example.test"]));
    run.passed_but_for(&["apex", "long-label", NO_HANDLES, "subzone"]);
    let left = lab.bind.txt("_acme-challenge.www.example.test").await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_others_are_never_touched() {
    let lab = Lab::new().await;
    let lines = format!(
        "update add _acme-challenge.www.{ZONE} 60 TXT somebody\nupdate add _acme-challenge.{ZONE} 60 TXT else"
    );
    let key = lab.bind.key_file();
    updated(
        lab.bind.addr(),
        &[(ZONE, &lines)],
        &["-k".as_ref(), key.as_os_str()],
    )
    .unwrap();

    let library = built("libdns01_rfc2136.so");
    let options = lab.options("");
    let refused = lab
        .kit(&library, &options)
        .args(["--name", "www.example.test"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("_acme-challenge.www.example.test holds 1 TXT values already"),
        "{said}"
    );

    let run = Run::of(lab.kit(&library, &options).args(["--only", "apex"]));
    let apex = &run.with("not-applicable")["apex"];
    assert!(apex.contains("holds 1 values of somebody"), "{apex}");
    assert_eq!(
        lab.bind.txt(&format!("_acme-challenge.{ZONE}")).await.unwrap(),
        ["else"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_values_must_say_that_nothing_changed() {
    let lab = Lab::new().await;
    let mut command = lab.kit(&built("libdns01_rfc2136.so"), &lab.options(""));
    let run = Run::of(command.args(["--keeps-values", "--only", "publish"]));
    let seen = run.only_failure("publish");
    assert!(seen.contains("did not say DNS01_RESULT_NO_CHANGE"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_cname_is_tested_where_that_leads() {
    let lab = Lab::aliased("_acme-challenge.www IN CNAME challenges").await;
    let mut command = lab.kit(&built("libdns01_rfc2136.so"), &lab.options(""));
    let run = Run::of(command.args(["--name", "www.example.test"]));
    run.passed_but_for(&["apex", "long-label", NO_HANDLES, "subzone"]);
    let left = lab.bind.txt("challenges.example.test").await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_removes_what_it_published_and_fails() {
    let lab = Lab::new().await;
    let mut command = lab.kit_of_rounds(&built("libdns01_rfc2136.so"), &lab.options(""), "1000000");
    command
        .args(["--name", "www.example.test", "--only", "growth", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    let name = "_acme-challenge.www.example.test";
    let began = tokio::time::Instant::now();
    while lab.bind.txt(name).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing was published");
    }
    kill_process(Pid::from_raw(running.id() as i32).unwrap(), Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || running.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let run = Run::read(&std::process::Output {
        stderr: Vec::new(),
        ..output
    });
    assert_eq!(run.code, Some(1));
    assert!(run.with("fail")["memory"].contains("interrupted"), "{}", run.text);
    assert!(run.with("pass").contains_key("clean"), "{}", run.text);
    let left = lab.bind.txt(name).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_options_are_shown_with_their_lines_and_without_their_secrets() {
    let lab = Lab::new().await;
    let options = lab.path("wrong.yaml");
    std::fs::write(&options, "sever: 127.0.0.1\ntsig-secret: hunter2hunter2\n").unwrap();
    let output = lab.kit(&built("libdns01_rfc2136.so"), &options).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("wrong.yaml:1:1") && said.contains("did you mean `server`?"),
        "{said}"
    );
    assert!(
        said.contains("tsig-secret") && !said.contains("hunter2"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tested_is_said_at_once() {
    let lab = Lab::new().await;
    let library = built("libdns01_rfc2136.so");
    let options = lab.options("");
    let said = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let only = said(lab.kit(&library, &options).args(["--only", "publsh"]));
    assert!(only.contains("there is no check and no group `publsh`"), "{only}");
    let name = said(lab.kit(&library, &options).args(["--name", "www.example.org"]));
    assert!(
        name.contains("www.example.org is not in the zone example.test"),
        "{name}"
    );
    let missing = said(kit(std::path::Path::new("nosuchprovider")).args(["--zone", ZONE, "--no-dns"]));
    assert!(missing.contains("libdns01_nosuchprovider.so"), "{missing}");
}

/// The report for people is the product.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_for_people() {
    let lab = Lab::new().await;
    let mut command = lab.kit(&built("libdns01_rfc2136.so"), &lab.options(""));
    let output = command.args(["--subzone", SUBZONE]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let text = text
        .replace(&lab.bind.addr().to_string(), "[server]")
        .replace(&built("libdns01_rfc2136.so").display().to_string(), "[library]");
    assert!(text.contains(&format!("{ROUNDS} rounds")));
    insta::assert_snapshot!(redacted(&text));
}

/// Without what chance and a busy machine decide.
fn redacted(text: &str) -> String {
    let mut group = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            group = line;
        }
        let mut line = line.to_owned();
        if let Some(at) = line.find("dns01d-test-").map(|at| at + "dns01d-test-".len())
            && line
                .get(at..at + 12)
                .is_some_and(|run| run.chars().all(|c| c.is_ascii_hexdigit()))
        {
            line.replace_range(at..at + 12, "[random]");
        }
        match group {
            // which of three words each call came to, and when
            "time" if !line.starts_with("time") => {
                if let Some(check) = line.strip_prefix("  pass  ") {
                    let check = check.split(' ').next().unwrap_or_default();
                    lines.push(format!("  pass  {check} [..]"));
                }
            }
            "growth" | "traces" => lines.push(
                line.chars()
                    .map(|c| if c.is_ascii_digit() { '#' } else { c })
                    .fold(String::new(), |mut text, c| {
                        if c != '#' || !text.ends_with('#') {
                            text.push(c);
                        }
                        text
                    }),
            ),
            _ => lines.push(line),
        }
    }
    lines.join("\n")
}
