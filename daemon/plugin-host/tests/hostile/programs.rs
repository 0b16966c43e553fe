//! Plugins that run programs, with and without the operator's consent.

use std::{fs, time::Duration};

use dns01d::plugin::{CallError, Instance};

use crate::lab::{Captured, LONG, Lab, TOKEN, ask, fail};

fn consenting(lab: &Lab) -> Instance {
    let mut options = lab.options();
    options.allow_exec = true;
    lab.instance_with(options, &[("token", TOKEN)])
}

/// Command lines of all processes of this machine.
fn running(needle: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).replace('\0', " ").trim() == needle)
        .count()
}

#[tokio::test]
async fn a_provider_that_runs_programs_needs_consent() {
    let lab = Lab::new(&["-DEXECS"]);
    let error = fail(&lab.instance(), "pid", LONG).await;
    assert_eq!(
        error,
        CallError::Exec {
            provider: "hostile".to_owned()
        }
    );
}

#[tokio::test]
async fn consent_alone_does_not_let_a_plugin_run_programs() {
    let lab = Lab::new(&[]);
    assert_eq!(ask(&consenting(&lab), "fork-bomb").await, "0");
}

#[tokio::test]
async fn programs_run_inside_the_same_walls() {
    let log = Captured::start();
    let lab = Lab::new(&["-DEXECS"]);
    assert_eq!(
        ask(&consenting(&lab), "program").await,
        "9",
        "it ran, and could not write"
    );
    log.wait_for("from the program").await;
}

#[tokio::test]
async fn programs_end_with_the_plugin_that_started_them() {
    let lab = Lab::new(&["-DEXECS"]);
    let error = fail(&consenting(&lab), "program-hang", Duration::from_secs(1)).await;
    assert_eq!(
        error.to_string(),
        "the plugin process did not answer within 1 s and was killed"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(running("sleep 4711"), 0);
}
