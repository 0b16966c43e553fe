//! Libraries that are no good plugins are refused in words, and described without being opened.

use std::{path::Path, time::Duration};

use dns01d::plugin::{CallError, OptionKind, Plugins, Retry};
use tokio::time::Instant;

use crate::lab::{Captured, LONG, Lab, TOKEN, ask, compile, fail, host_options};

async fn refusal(fault: &str) -> (String, CallError) {
    let directory = tempfile::tempdir().expect("a directory");
    let library = compile(directory.path(), "tables.c", &[&format!("-DFAULT={fault}")]);
    let plugins = Plugins::new(host_options()).expect("a thread");
    let error = plugins.describe(&library, None).await.expect_err("refused");
    let text = error.to_string();
    (text.replace(&format!("{}: ", library.display()), ""), error)
}

#[tokio::test]
async fn each_fault_of_a_library_is_told_apart() {
    let table = "its tables break the plugin ABI: ";
    for (fault, words) in [
        (
            "NULL_TABLE",
            "its entry returned no table: I want ABI 1.7".to_owned(),
        ),
        (
            "SMALL",
            format!("{table}dns01_plugin has struct_size 40, and ABI 1.0 needs 120"),
        ),
        ("NO_PRESENT", format!("{table}dns01_plugin.present is NULL")),
        (
            "BAD_ID",
            format!("{table}provider `Not Good\u{fffd}` has characters outside [a-z0-9_.:-]+"),
        ),
        ("TWICE", format!("{table}provider `good` appears twice")),
        (
            "LONG_NAME",
            format!("{table}dns01_plugin.name is no text of at most 256 bytes"),
        ),
        (
            "MANY",
            format!(
                "{table}the number of dns01_plugin.providers is 4294967295, and at most 4096 are accepted"
            ),
        ),
        ("NO_LIST", format!("{table}the options of provider good is NULL")),
        ("TWO_TYPES", format!("{table}option `key` has more than one type")),
        (
            "SMALL_OPTION",
            format!("{table}dns01_option_desc has struct_size 31, and ABI 1.0 needs 32"),
        ),
        ("MISALIGNED", format!("{table}the table is not aligned")),
        ("NO_NAME", format!("{table}dns01_plugin.name is NULL")),
        (
            "OPTION_TWICE",
            format!("{table}option of provider good `key` appears twice"),
        ),
        (
            "ABI_2",
            "it is made for plugin ABI 2; this dns01d speaks ABI 1: install a build of the plugin for ABI 1"
                .to_owned(),
        ),
        (
            "NO_ENTRY",
            "it exports no `dns01_plugin_v1`: not a plugin for dns01d".to_owned(),
        ),
        (
            "UNDEFINED",
            "the dynamic loader refused it: undefined symbol: no_library_has_this".to_owned(),
        ),
    ] {
        let (text, error) = refusal(fault).await;
        assert_eq!(text, words, "{fault}");
        assert_eq!(error.retry(), Retry::Never, "{fault}");
    }
}

#[tokio::test]
async fn a_wild_pointer_kills_the_host_and_not_the_daemon() {
    let (text, _) = refusal("WILD").await;
    assert_eq!(text, "the plugin process was killed by SIGSEGV");
}

#[tokio::test]
async fn a_library_that_hangs_while_it_is_described_is_killed() {
    let (text, _) = refusal("HANG").await;
    assert_eq!(
        text,
        "the plugin process did not answer within 10 s and was killed"
    );
}

#[tokio::test]
async fn a_description_is_read_once_for_each_state_of_the_file() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    let description = lab.plugins.describe(&lab.library, None).await.expect("described");
    assert_eq!(
        (description.name.as_str(), description.version.as_str()),
        ("hostile", "6.6.6")
    );
    assert_eq!(description.license.as_deref(), Some("MIT"));
    let provider = description.provider("hostile").expect("its provider");
    assert!(!provider.execs && !provider.open_config && provider.url.is_none());
    let token = provider.option("token").expect("its option");
    assert!(token.secret && !token.required && token.kind == OptionKind::Text);
    assert_eq!(
        provider.option("file").expect("its option").kind,
        OptionKind::File
    );
    assert_eq!(
        provider
            .option("greeting")
            .expect("its option")
            .default
            .as_deref(),
        Some("good day")
    );

    let (again, too) = tokio::join!(
        lab.plugins.describe(&lab.library, None),
        lab.plugins.describe(&lab.library, None)
    );
    assert_eq!(
        (again.expect("known"), too.expect("known")),
        (description.clone(), description)
    );
    log.wait_for("library mapped").await;
    assert_eq!(log.count("library mapped"), 1);

    let replaced = compile(lab.directory.path(), "hostile.c", &["-DEXECS"]);
    std::fs::rename(replaced, &lab.library).expect("our own directory");
    let description = lab.plugins.describe(&lab.library, None).await.expect("described");
    assert!(description.providers[0].execs, "a new file is asked again");
}

#[tokio::test]
async fn a_library_is_described_without_network() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    lab.plugins.describe(&lab.library, None).await.expect("described");
    log.wait_for("library mapped without network").await;
    ask(&lab.instance(), "pid").await;
    log.wait_for("library mapped with network").await;
}

#[tokio::test]
async fn defaults_reach_the_plugin_and_configured_values_replace_them() {
    for (values, expected) in [
        (vec![("token", TOKEN)], "good day"),
        (vec![("token", TOKEN), ("greeting", "hello there")], "hello there"),
    ] {
        let log = Captured::start();
        let lab = Lab::new(&[]);
        ask(&lab.instance_with(lab.options(), &values), "pid").await;
        log.wait_for(expected).await;
    }
}

#[tokio::test]
async fn a_provider_that_the_library_lacks_is_refused_with_those_it_has() {
    let lab = Lab::new(&[]);
    let mut options = lab.options();
    options.provider = Some("route53".to_owned());
    let error = fail(&lab.instance_with(options, &[]), "pid", LONG).await;
    let text = error.to_string();
    assert!(
        text.ends_with("holds no provider `route53`, only hostile"),
        "{text}"
    );
}

#[tokio::test]
async fn what_open_does_wrong_is_that_instances_failure() {
    for (way, words) in [
        ("crash", "the plugin process was killed by SIGSEGV"),
        (
            "nothing",
            "the plugin refused its options: bug in the plugin: the plugin said that it is open",
        ),
        ("hang", "the plugin process did not answer within"),
    ] {
        let lab = Lab::new(&[]);
        let begin = Instant::now();
        let instance = lab.instance_with(lab.options(), &[("token", TOKEN), ("open", way)]);
        let text = fail(&instance, "pid", Duration::from_secs(3)).await.to_string();
        assert!(text.starts_with(words), "{way}: {text}");
        assert!(begin.elapsed() < Duration::from_secs(8));
        assert!(
            matches!(fail(&instance, "pid", LONG).await, CallError::BackOff { .. }),
            "{way}"
        );
    }
}

#[tokio::test]
async fn a_missing_library_or_host_is_named() {
    let plugins = Plugins::new(host_options()).expect("a thread");
    let error = plugins
        .describe(Path::new("/nonexistent/p.so"), None)
        .await
        .expect_err("missing");
    assert_eq!(error.to_string(), "/nonexistent/p.so: there is no such file");

    let lab = Lab::with(&[], |options| options.executable = "/nonexistent/host".into());
    let error = lab
        .plugins
        .describe(&lab.library, None)
        .await
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "the plugin host /nonexistent/host cannot be started: there is no such file"
    );
}

#[tokio::test]
async fn a_host_of_another_release_is_refused_with_a_clear_word() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("host");
    let body = r#"{"protocol":2,"version":"9.9.9","new":true}"#;
    let text = format!(
        "#!/bin/sh\nprintf '\\{:o}\\0\\0\\0%s' '{body}' >&0\nsleep 5\n",
        body.len()
    );
    std::fs::write(&script, text).expect("our own directory");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("our own file");
    let lab = Lab::with(&[], |options| options.executable = script);
    let error = lab
        .plugins
        .describe(&lab.library, None)
        .await
        .expect_err("another release");
    assert_eq!(
        error,
        CallError::Protocol {
            protocol: 2,
            version: "9.9.9".to_owned()
        }
    );
    assert!(
        error.to_string().contains("install both from one package"),
        "{error}"
    );
}
