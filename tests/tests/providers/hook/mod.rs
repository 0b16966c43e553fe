//! hook in its sandbox: programs in each convention, with `nsupdate` against BIND, and programs that misbehave.

mod acme_sh;
mod conventions;
mod stage;

use std::time::Duration;

use dns01d::plugin::{CallError, Failure, FailureClass, Instance, ProviderClient as _, Record};
use tokio::time::Instant;

use self::stage::{Stage, bind};
use crate::instance::{LONG, instance, present, record, remove};

const NAME: &str = "_acme-challenge.example.test";
/// The plugin host, and the guard that ends its programs when it is killed.
const HOST: usize = 2;

/// The failure of a record that must fail.
async fn refused(instance: &Instance, record: Record, timeout: Duration) -> Failure {
    let outcomes = instance.present(&[record], timeout).await.expect("an answer");
    outcomes
        .into_iter()
        .next()
        .expect("one outcome")
        .expect_err("a failure")
}

#[tokio::test]
async fn a_program_of_lego_writes_and_removes_each_record() {
    let (bind, key, update) = bind().await;
    let stage = Stage::new();
    let program = stage.script(
        "update",
        &format!(
            "{update}\nread -r secret\ncase $1 in\npresent) update \"$secret\" \"add $2 60 TXT $3\" ;;\ncleanup) \
             update \"$secret\" \"delete $2 TXT $3\" ;;\n*) exit 64 ;;\nesac"
        ),
    );
    let provider = stage.instance(&[("program", &program, false), ("stdin", key.secret_base64(), true)]);
    let records = [record("example.test", "apex"), record("example.test", "wildcard")];
    present(&provider, &records).await;
    assert_eq!(bind.txt(NAME).await.unwrap(), ["apex", "wildcard"]);
    remove(&provider, &records[..1]).await;
    assert_eq!(bind.txt(NAME).await.unwrap(), ["wildcard"]);
    remove(&provider, &records[1..]).await;
    assert!(bind.txt(NAME).await.unwrap().is_empty());
}

#[tokio::test]
async fn hooks_of_certbot_get_its_variables_and_the_cleanup_what_the_auth_hook_printed() {
    let (bind, key, update) = bind().await;
    let stage = Stage::new();
    let auth = stage.script(
        "auth",
        &format!(
            "{update}\nread -r secret\nupdate \"$secret\" \"add _acme-challenge.$CERTBOT_DOMAIN 60 TXT \
             $CERTBOT_VALIDATION\"\necho \"  id of $CERTBOT_VALIDATION, $CERTBOT_REMAINING_CHALLENGES to come of \
             $CERTBOT_ALL_DOMAINS\"\n[ -z \"${{CERTBOT_TOKEN+set}}${{CERTBOT_AUTH_OUTPUT+set}}\" ]"
        ),
    );
    let cleanup = stage.script(
        "cleanup",
        &format!(
            "{update}\nread -r secret\ncase $CERTBOT_AUTH_OUTPUT in \"id of $CERTBOT_VALIDATION, \"*) ;; *) echo \"got \
             $CERTBOT_AUTH_OUTPUT\"; exit 1 ;; esac\nupdate \"$secret\" \"delete _acme-challenge.$CERTBOT_DOMAIN TXT \
             $CERTBOT_VALIDATION\""
        ),
    );
    let provider = stage.instance(&[
        ("convention", "certbot-hook", false),
        ("auth-hook", &auth, false),
        ("cleanup-hook", &cleanup, false),
        ("stdin", key.secret_base64(), true),
    ]);
    let mut records = [record("example.test", "first"), record("example.test", "second")];
    let done = present(&provider, &records).await;
    assert_eq!(bind.txt(NAME).await.unwrap(), ["first", "second"]);
    assert_eq!(
        [done[0].handle.as_str(), done[1].handle.as_str()],
        [
            "id of first, 1 to come of example.test,example.test",
            "id of second, 0 to come of example.test,example.test"
        ]
    );
    for (record, done) in records.iter_mut().zip(done) {
        record.handle = done.handle;
    }
    remove(&provider, &records).await;
    assert!(bind.txt(NAME).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_hook_of_certbot_is_told_where_a_cname_leads() {
    let stage = Stage::new();
    let auth = stage.script("auth", "echo \"$CERTBOT_DOMAIN\" >&2; exit 1");
    let provider = stage.instance(&[
        ("convention", "certbot-hook", false),
        ("auth-hook", &auth, false),
        ("cleanup-hook", &auth, false),
    ]);
    let mut led = record("example.test", "v");
    led.fqdn = "_acme-challenge.zone-for-challenges.test".to_owned();
    let failure = refused(&provider, led.clone(), LONG).await;
    assert!(
        failure.message.ends_with(": zone-for-challenges.test"),
        "{failure}"
    );
    led.fqdn = "elsewhere.test".to_owned();
    let failure = refused(&provider, led, LONG).await;
    assert_eq!(failure.class, FailureClass::Config);
    assert!(failure.message.contains("use lego-exec"), "{failure}");
}

#[tokio::test]
async fn programs_get_the_arguments_of_lego_and_in_raw_mode_token_and_key_authorization() {
    let stage = Stage::new();
    let program = stage.script("tell", "printf '<%s>' \"$@\" >&2; exit 75");
    let mut one = record("example.test", "value");
    one.token = "t0ken".to_owned();
    one.key_authorization = "t0ken.thumbprint".to_owned();

    let plain = stage.instance(&[
        ("program", &program, false),
        ("arguments", "--view", false),
        ("arguments", "two words", false),
    ]);
    let failure = refused(&plain, one.clone(), LONG).await;
    let expected = "<--view><two words><present><_acme-challenge.example.test.><value>";
    assert!(failure.message.ends_with(expected), "{failure}");
    assert_eq!(
        (failure.class, failure.native_code),
        (FailureClass::Transient, Some(75))
    );

    let raw = stage.instance(&[
        ("program", &program, false),
        ("convention", "lego-exec-raw", false),
    ]);
    let failure = refused(&raw, one.clone(), LONG).await;
    let expected = "<present><--><example.test><t0ken><t0ken.thumbprint>";
    assert!(failure.message.ends_with(expected), "{failure}");
    let info = raw.info(LONG).await.expect("an open instance");
    assert!(info.needs_key_auth && info.stateless_remove);

    one.fqdn = "_acme-challenge.elsewhere.test".to_owned();
    let failure = refused(&raw, one, LONG).await;
    assert_eq!(failure.class, FailureClass::Config);
    assert!(failure.message.contains("by CNAME"), "{failure}");
}

#[tokio::test]
async fn a_credential_on_standard_input_shows_nowhere_and_listed_variables_reach_the_program() {
    let stage = Stage::new();
    let program = stage.script(
        "wait",
        "read -r secret\nsleep 1.4841\n[ \"$secret\" = 'hunter2 and more' ] && [ \"$LISTED\" = yes ] && [ \"$PATH\" = /usr/bin ]",
    );
    let provider = stage.instance_with(
        &[("program", &program, false), ("stdin", "hunter2 and more", true)],
        |options| {
            let listed = [("LISTED", "yes"), ("PATH", "/usr/bin")];
            options.environment = listed.map(|(name, value)| (name.into(), value.into())).into();
        },
    );
    let records = [record("example.test", "v")];
    let look = async {
        for _ in 0..1_000 {
            if stage.running("sleep 1.4841") > 0 {
                return stage.assert_hidden("hunter2");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the program was not seen");
    };
    let run = async {
        let outcomes = provider.present(&records, LONG).await.expect("an answer");
        outcomes[0].as_ref().expect("success");
    };
    tokio::join!(look, run);
}

#[tokio::test]
async fn without_consent_no_program_runs() {
    let stage = Stage::new();
    let program = stage.script("update", "exit 0");
    let provider = instance("hook", &[("program", &program, false)]);
    let error = provider
        .present(&[record("example.test", "v")], LONG)
        .await
        .expect_err("refused");
    assert!(matches!(error, CallError::Exec { .. }), "{error}");
    assert!(error.to_string().contains("`allow-exec: true`"), "{error}");
}

#[tokio::test]
async fn a_program_that_hangs_is_stopped_with_all_that_it_started() {
    let stage = Stage::new();
    let program = stage.script(
        "hang",
        "trap '' TERM\nsleep 4801 &\nsh -c 'sleep 4802 & sleep 4803' &\necho waiting for the zone\nsleep 4804",
    );
    let provider = stage.instance(&[("program", &program, false)]);
    // so that the time of the call is that of the program
    provider.info(LONG).await.expect("an open instance");
    let began = Instant::now();
    let failure = refused(&provider, record("example.test", "v"), Duration::from_secs(1)).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(failure.class, FailureClass::Cancelled);
    for word in [
        "hang present had not ended",
        "waiting for the zone",
        "`call-timeout`",
    ] {
        assert!(failure.message.contains(word), "{failure}");
    }
    assert_eq!(stage.running("sleep 48"), 0);
    assert_eq!(stage.processes().len(), HOST, "only the plugin host is left");
}

#[tokio::test]
async fn a_program_that_multiplies_is_limited_and_stopped() {
    let stage = Stage::new();
    let program = stage.script("bomb", "b() { b | b & sleep 4831; }\nb &\nexec sleep 4831");
    let provider = stage.instance(&[("program", &program, false)]);
    provider.info(LONG).await.expect("an open instance");
    let failure = refused(&provider, record("example.test", "v"), Duration::from_secs(2)).await;
    assert_eq!(failure.class, FailureClass::Cancelled, "{failure}");
    for _ in 0..50 {
        if stage.processes().len() == HOST {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.processes().len(), HOST, "only the plugin host is left");
    // and there is room for others again
    let program = stage.script("fine", "exit 0");
    let provider = stage.instance(&[("program", &program, false)]);
    present(&provider, &[record("example.test", "v")]).await;
}

#[tokio::test]
async fn a_cancelled_call_lets_a_program_end_by_itself() {
    let stage = Stage::new();
    let program = stage.script("tidy", "trap 'echo put away; exit 0' TERM\nsleep 4811 &\nwait");
    let provider = stage.instance(&[("program", &program, false)]);
    provider.info(LONG).await.expect("an open instance");
    let began = Instant::now();
    let failure = refused(&provider, record("example.test", "v"), Duration::from_millis(700)).await;
    assert!(failure.message.contains("put away"), "{failure}");
    assert!(
        began.elapsed() < Duration::from_millis(1_600),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_the_call() {
    let stage = Stage::new();
    let program = stage.script("leave", "sleep 4821 >/dev/null 2>&1 &\nexit 0");
    let provider = stage.instance(&[("program", &program, false)]);
    present(&provider, &[record("example.test", "v")]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stage.running("sleep 4821"), 0);
}

#[tokio::test]
async fn a_failing_program_is_quoted_and_its_exit_status_says_who_must_act() {
    let stage = Stage::new();
    let program = stage.script("fail", "echo trying; echo 'the zone is locked' >&2; exit \"$3\"");
    let provider = stage.instance(&[("program", &program, false)]);
    for (status, class) in [
        (1, FailureClass::Transient),
        (75, FailureClass::Transient),
        (77, FailureClass::Auth),
        (78, FailureClass::Config),
        (127, FailureClass::Config),
    ] {
        let failure = refused(&provider, record("example.test", &status.to_string()), LONG).await;
        assert_eq!(
            (failure.class, failure.native_code),
            (class, Some(status)),
            "{failure}"
        );
        assert!(
            failure.message.contains(&format!("exited with status {status}")),
            "{failure}"
        );
        assert!(failure.message.contains("the zone is locked"), "{failure}");
    }
    // one record's failure is not that of the next
    let records = [record("example.test", "1"), record("example.test", "0")];
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    assert!(outcomes[0].is_err() && outcomes[1].is_ok(), "{outcomes:?}");
}

#[tokio::test]
async fn ten_megabytes_of_output_harm_nothing() {
    let stage = Stage::new();
    let program = stage.script(
        "shout",
        "yes 'a line that nobody will read' | head -c 10000000; head -c 10000000 /dev/zero | tr '\\0' x >&2; echo; echo \
         the end >&2; exit \"$3\"",
    );
    let provider = stage.instance(&[("program", &program, false)]);
    present(&provider, &[record("example.test", "0")]).await;
    let failure = refused(&provider, record("example.test", "1"), LONG).await;
    assert!(failure.message.ends_with("the end"), "{failure}");
}

#[tokio::test]
async fn a_program_that_cannot_run_is_a_fault_of_the_configuration() {
    let stage = Stage::new();
    let plain = stage.file("plain", "#!/bin/sh\n", 0o644);
    let nowhere = stage.path("nowhere").display().to_string();
    let strange = stage.file("strange", "#!/opt/no/interpreter\n", 0o755);
    for (program, word) in [
        (&plain, "its mode"),
        (&nowhere, "no such file"),
        (&strange, "interpreter"),
    ] {
        let provider = stage.instance(&[("program", program, false)]);
        let failure = refused(&provider, record("example.test", "v"), LONG).await;
        assert_eq!(failure.class, FailureClass::Config, "{failure}");
        assert!(failure.message.contains(word), "{failure}");
    }
    let provider = stage.instance(&[("program", &nowhere, false)]);
    let outcomes = provider.check(&[record("example.test", "v")], LONG).await;
    let failure = outcomes.expect("an answer").remove(0).expect_err("a failure");
    assert_eq!(failure.class, FailureClass::Config, "{failure}");
}

/// Shells, Python and curl work; nothing but the listed files is read, and nothing is written.
#[tokio::test]
async fn programs_run_inside_the_walls_of_the_plugin() {
    let stage = Stage::new();
    let secret = stage.file("listed", "from the listed file\n", 0o644);
    let hidden = stage.file("hidden", "from the hidden file\n", 0o644);
    let here = stage.path("").display().to_string();
    let program = stage.script(
        "walls",
        &format!(
            "for place in {here} /tmp /var/tmp /dev/shm /run /root .; do\n  if (: >\"$place/dns01-escape\") 2>/dev/null; then echo \
             \"wrote to $place\" >&2; exit 1; fi\ndone\nif cat {hidden} 2>/dev/null; then exit 2; fi\nkill -0 \
             {} 2>/dev/null && exit 3\npython3 -c 'import ssl, socket; print(\"python\", len(ssl.create_default_context().get_ca_certs()) >= \
             0)' || exit 4\ncurl --version >/dev/null || exit 5\n[ \"$(pwd)\" = / ] || exit 6\nread -r line && exit 7\nenv >&2\ncat \
             {secret} >&2\nexit 9",
            std::process::id()
        ),
    );
    // a world-writable place would show a hole that the modes of files hide
    std::fs::set_permissions(&here, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let provider = stage.instance(&[("program", &program, false), ("files", &secret, false)]);
    let failure = refused(&provider, record("example.test", "v"), LONG).await;
    assert_eq!(failure.native_code, Some(9), "{failure}");
    assert!(failure.message.ends_with("from the listed file"), "{failure}");
    for variable in ["PATH=/usr/local/sbin:", "PWD=/"] {
        assert!(failure.message.contains(variable), "{failure}");
    }
    for foreign in ["HOME=", "CARGO", "LANG="] {
        assert!(!failure.message.contains(foreign), "{failure}");
    }
}
