//! What programs are told is what lego and certbot tell them: both run the same recorder, and so do we.

use std::{fs, path::Path, process::Command};

use dns01d::plugin::{Instance, ProviderClient as _, Record};
use lab::{
    ca::{AcmeCa, CaOptions},
    dns::{DnsOptions, DnsServer, Zone},
};

use super::stage::Stage;
use crate::instance::{LONG, record};

const ZONE: &str = "internal.example.test";

/// A CA that will refuse, for a recorder publishes nothing: it has been run twice all the same.
async fn refusing_ca(stage: &Stage) -> (AcmeCa, DnsServer, String) {
    let dns = DnsServer::start(DnsOptions::new(vec![Zone::new(ZONE).unwrap()]))
        .await
        .unwrap();
    let ca = AcmeCa::start(CaOptions::new(vec![dns.addr()])).await.unwrap();
    let root = stage.file("https-root.pem", ca.https_root_pem(), 0o644);
    (ca, dns, root)
}

/// A script that keeps what `tell` prints in the file `RECORD`, and without it prints it and fails.
fn recorder(stage: &Stage, tell: &str) -> String {
    stage.script(
        "recorder",
        &format!(
            "line=$({tell})\nif [ \"$RECORD\" ]; then echo \"$line\" >>\"$RECORD\"; echo id 42; else echo \"$line\" >&2; exit \
             75; fi"
        ),
    )
}

/// Runs a client that will get no certificate; what its hooks were told.
async fn recorded(mut client: Command, record: &Path) -> Vec<String> {
    client.env("RECORD", record);
    let program = client.get_program().to_string_lossy().into_owned();
    let output = tokio::task::spawn_blocking(move || client.output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error}; `./dev setup` installs it"));
    let lines = fs::read_to_string(record).unwrap_or_else(|error| {
        panic!(
            "{program} ran no hook ({error}): {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    lines.lines().map(str::to_owned).collect()
}

/// What our programs were told for each of the records: the recorder fails with it.
async fn told(instance: &Instance, records: &[Record], remove: bool) -> Vec<String> {
    let outcomes = match remove {
        true => instance.remove(records, LONG).await,
        false => instance.present(records, LONG).await,
    };
    let failures = outcomes.expect("an answer").into_iter();
    failures
        .map(|outcome| {
            let failure = outcome.expect_err("the recorder fails");
            let (_, line) = failure.message.split_once("(EX_TEMPFAIL): ").expect("a line");
            line.to_owned()
        })
        .collect()
}

/// The arguments of a line `<a><b>`.
fn arguments(line: &str) -> Vec<&str> {
    let inner = line.strip_prefix('<').and_then(|line| line.strip_suffix('>'));
    inner.expect(line).split("><").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_arguments_are_those_of_lego() {
    for mode in ["", "RAW"] {
        let stage = Stage::new();
        let (ca, dns, root) = refusing_ca(&stage).await;
        let program = recorder(&stage, "printf '<%s>' \"$@\"");
        let resolver = dns.addr().to_string();
        let mut lego = Command::new("lego");
        lego.env("LEGO_CA_CERTIFICATES", root)
            .env("EXEC_PATH", &program)
            .env("EXEC_MODE", mode)
            .args([
                "--accept-tos",
                "--email",
                "operator@example.test",
                "--dns",
                "exec",
            ])
            .args(["--dns.disable-cp", "--dns.resolvers", &resolver])
            .args(["--server", &ca.directory_url(), "--path"])
            .arg(stage.path("lego"))
            .args(["--domains", &format!("*.{ZONE}"), "run"]);
        let theirs = recorded(lego, &stage.path("record")).await;
        assert_eq!(theirs.len(), 2, "{theirs:?}");

        let words = arguments(&theirs[0]);
        let mut one = record(ZONE, "");
        let convention = match mode {
            "" => {
                one.value = words[2].to_owned();
                "lego-exec"
            }
            _ => {
                one.token = words[3].to_owned();
                one.key_authorization = words[4].to_owned();
                one.value = "of the token".to_owned();
                "lego-exec-raw"
            }
        };
        let ours = stage.instance(&[("program", &program, false), ("convention", convention, false)]);
        let records = [one];
        assert_eq!(told(&ours, &records, false).await, theirs[..1]);
        assert_eq!(told(&ours, &records, true).await, theirs[1..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_are_those_of_certbot() {
    let stage = Stage::new();
    let (ca, _dns, root) = refusing_ca(&stage).await;
    let hook = recorder(&stage, "env | grep ^CERTBOT_ | sort | tr '\\n' ' '");
    let mut certbot = Command::new("certbot");
    certbot
        .arg("certonly")
        .env("REQUESTS_CA_BUNDLE", root)
        .args(["--non-interactive", "--server", &ca.directory_url()])
        .args(["--agree-tos", "--email", "operator@example.test"])
        .args(["--manual", "--preferred-challenges", "dns"])
        .args(["--manual-auth-hook", &hook, "--manual-cleanup-hook", &hook])
        .args(["-d", &format!("*.{ZONE}"), "-d", ZONE]);
    for kind in ["config", "work", "logs"] {
        certbot.arg(format!("--{kind}-dir")).arg(stage.path(kind));
    }
    let theirs = recorded(certbot, &stage.path("record")).await;
    assert_eq!(
        theirs.len(),
        4,
        "two hooks for each of two challenges: {theirs:?}"
    );

    let mut records: Vec<Record> = theirs[..2]
        .iter()
        .map(|line| {
            let (_, rest) = line.split_once("CERTBOT_VALIDATION=").expect(line);
            record(ZONE, rest.split(' ').next().expect("a value"))
        })
        .collect();
    let ours = stage.instance(&[
        ("convention", "certbot-hook", false),
        ("auth-hook", &hook, false),
        ("cleanup-hook", &hook, false),
    ]);
    let trimmed: Vec<&str> = theirs.iter().map(|line| line.trim()).collect();
    assert_eq!(told(&ours, &records, false).await, trimmed[..2]);
    for record in &mut records {
        record.handle = "id 42".to_owned();
    }
    assert_eq!(told(&ours, &records, true).await, trimmed[2..]);
}
