use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    challenge,
    deployment::HookOptions,
    dns::{Authority, ZoneOptions},
    engine::{Certificate, KeySource},
    outputs,
    pki::{ChainPreference, KeyType},
    telemetry::{LogFormat, LogLevel},
    types::ChallengeMethod,
};

const WHOLE: &str = r#"
state-directory: /srv/dns01d
include: [certificates.d/*.yaml]
log: { level: debug, format: json }
control: { socket: /run/dns01d/c.sock, group: adm }
plugins: { directories: [/opt/plugins], host: /opt/host, sandbox: best-effort, idle: 10s }
dns:
  resolvers: [192.0.2.1, "[2001:db8::1]:5353"]
  query-timeout: 2s
  propagation-timeout: 90s
  name-server-port: 5353
  zones: { Internal.Example.Test: { authorities: ["127.0.0.1:5353", ns1.example.test] } }
cas:
  lab: { directory: "https://localhost:14000/dir", agree-terms: true, contacts: [ops@example.org], request-timeout: 5s }
providers:
  internal-dns:
    library: rfc2136
    provider: rfc2136
    zones: [internal.example.test]
    options: { server: "192.0.2.53:53" }
    environment: { LANG: C }
    sha256: "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
    memory: 1GiB
    allow-exec: true
    call-interval: 250ms
    concurrent-calls: 2
    batch-window: 2s
    rotates: true
  rest: { library: /opt/rest.so }
defaults: { key: rsa-2048, output: { group: ssl-cert, key-mode: "0640" }, hook: { command: [/bin/true] } }
certificates:
  internal:
    names: ["*.internal.example.test", internal.example.test]
    output: { owner: 33 }
  bücher:
    names: [bücher.example]
engine: { concurrency: 8 }
canary: { interval: 12h }
shutdown: { drain: 5s }
"#;

#[test]
fn everything_that_is_written_reaches_its_part() {
    let site = Site::new();
    site.write(
        "certificates.d/one.yaml",
        "certificates:\n  one:\n    names: [one.example.test]\n    key: ed25519\n    output: { directory: /etc/ssl/one/, key-mode: \"0600\" }\n    hook: { command: [systemctl, reload, nginx], timeout: 2m }\n",
    );
    site.write("certificates.d/two.yml", "not: read\n");
    let config = site
        .load(&WHOLE.replace("  bücher:", "  buecher:"))
        .unwrap_or_else(|faults| panic!("{faults}"));

    assert!(config.warnings.is_empty());
    assert_eq!(config.state_directory, PathBuf::from("/srv/dns01d"));
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.control.group.as_deref(), Some("adm"));
    assert_eq!(config.plugin_host.sandbox, plugin::Sandbox::BestEffort);
    assert_eq!(config.plugin_host.idle, Duration::from_secs(10));
    assert_eq!(config.engine.concurrency, 8);
    assert_eq!(config.engine.canary, Some(Duration::from_secs(12 * 3600)));
    assert_eq!(config.drain, Duration::from_secs(5));
    let zone = ZoneOptions {
        authorities: vec![
            Authority::Address("127.0.0.1:5353".parse().expect("an address")),
            Authority::Host("ns1.example.test".parse().expect("a name"), 53),
        ],
        ..ZoneOptions::default()
    };
    assert_eq!(
        config.dns.zones,
        BTreeMap::from([("internal.example.test".parse().expect("a name"), zone)])
    );
    assert_eq!(config.dns.name_server_port, 5353);
    assert_eq!(config.dns.resolvers[1].to_string(), "[2001:db8::1]:5353");
    assert_eq!(config.cas[0].acme.contacts, ["mailto:ops@example.org"]);

    let first = &config.providers[0].options;
    assert_eq!(first.library, PathBuf::from("/opt/plugins/libdns01_rfc2136.so"));
    assert_eq!(first.sha256.map(|pin| (pin[1], pin[31])), Some((1, 0x1f)));
    assert_eq!(first.memory, 1 << 30);
    assert!(first.allow_exec && first.rotates);
    assert_eq!(
        (first.call_interval, first.concurrent_calls),
        (Duration::from_millis(250), 2)
    );
    assert_eq!(config.providers[0].batch_window, Duration::from_secs(2));
    assert_eq!(config.providers[1].batch_window, challenge::DEFAULT_BATCH_WINDOW);
    assert_eq!(config.providers[1].options.library, PathBuf::from("/opt/rest.so"));
    assert_eq!(config.routes.len(), 2);
    assert!(
        config
            .routes
            .iter()
            .any(|route| route.suffix.is_none() && route.instance.as_str() == "rest")
    );

    let names: Vec<_> = config
        .certificates
        .iter()
        .map(|certificate| certificate.name.as_str())
        .collect();
    assert_eq!(names, ["buecher", "internal", "one"]);
    assert_eq!(
        config.certificates[2],
        Certificate {
            name: "one".parse().expect("a name"),
            identifiers: vec!["one.example.test".parse().expect("a name")],
            cas: vec!["lab".parse().expect("a name")],
            profiles: BTreeMap::new(),
            key: KeySource::Generate(KeyType::Ed25519),
            challenges: vec![ChallengeMethod::Dns01],
            chain: ChainPreference::Default,
            lifetime: None,
            standing_lifetime: None,
            output: outputs::Options {
                directory: "/etc/ssl/one".into(),
                owner: None,
                group: Some("ssl-cert".into()),
                with_key: true,
                key_mode: 0o600,
                mode: outputs::DEFAULT_MODE,
            },
            hook: Some(HookOptions {
                command: vec!["systemctl".into(), "reload".into(), "nginx".into()],
                timeout: Duration::from_secs(120),
            }),
        }
    );
    let internal = &config.certificates[1];
    assert_eq!(
        internal.output.directory,
        PathBuf::from("/srv/dns01d/certificates/internal")
    );
    assert_eq!(internal.output.owner.as_deref(), Some("33"));
    assert_eq!(internal.key, KeySource::Generate(KeyType::Rsa2048));
    assert_eq!(internal.hook.as_ref().map(|hook| hook.command.len()), Some(1));
}

#[test]
fn the_summary_shows_who_proves_what_and_international_names_both_ways() {
    let site = Site::new();
    let config = site
        .load(&WHOLE.replace("  bücher:", "  buecher:"))
        .unwrap_or_else(|faults| panic!("{faults}"));
    insta::assert_snapshot!(summary::text(&config));
    let json = summary::json(&config);
    assert_eq!(
        json["certificates"][0]["names"][0]["name"],
        "xn--bcher-kva.example"
    );
    assert_eq!(json["certificates"][0]["names"][0]["unicode"], "bücher.example");
    assert_eq!(json["certificates"][0]["names"][0]["provider"], "rest");
}

#[test]
fn what_works_and_should_be_known_is_a_warning() {
    let site = Site::new();
    let config = site
        .load(&with(
            "certificates:\n  a: { names: [\"*.a.test\", x.a.test] }\n  b: { names: [x.a.test, \"*.a.test\"] }\n  c: { names: [\"*.c.test\", c.test] }\n",
        ))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        whats(&config.warnings),
        [
            "certificates.a.names[1]: `x.a.test` is covered by `*.a.test` already",
            "certificates.b: `b` has the same names, kind of key and CA as another certificate",
            "certificates.b.names[0]: `x.a.test` is covered by `*.a.test` already",
        ]
    );
}

#[test]
fn links_cannot_hide_that_two_outputs_are_one() {
    let site = Site::new();
    fs::create_dir(site.path("real")).expect("a directory");
    std::os::unix::fs::symlink(site.path("real"), site.path("link")).expect("a link");
    site.write("libdns01_x.so", "");
    let report = site.report_here(
        "state-directory: HERE/state
plugins: { host: /bin/sh, directories: [HERE] }
cas: { lab: { directory: \"https://127.0.0.1/dir\", agree-terms: true } }
providers: { dns: { library: x } }
certificates:
  a: { names: [a.test], output: { directory: HERE/real/a } }
  b: { names: [b.test], output: { directory: HERE/link/../link/a } }
",
    );
    assert!(report.contains("is used twice"), "{report}");
    assert!(report.ends_with("1 error\n"), "{report}");
}

#[test]
fn a_broken_included_file_causes_no_faults_elsewhere() {
    let site = Site::new();
    site.write("cas.yaml", "cas: [\n");
    let faults = site
        .load("include: [cas.yaml]\ncertificates:\n  a: { names: [a.test], ca: lab }\n")
        .expect_err("a fault");
    assert_eq!(faults.errors(), 1, "{faults}");
}

#[test]
fn a_refused_value_is_not_also_missing() {
    let site = Site::new();
    let faults = site
        .load("cas:\n  lab: { directory: 1, agree-terms: 2 }\nproviders:\n  dns: 5\ncertificates:\n  a: { names: b, ca: lab }\n  c: { names: [1] }\n")
        .expect_err("faults");
    assert_eq!(faults.errors(), 5, "{faults}");
}

#[test]
fn ten_thousand_certificates_in_files_are_read_in_a_moment() {
    let site = Site::new();
    for file in 0..10 {
        let lines: String = (0..1000)
            .map(|number| {
                format!(
                    "  c{file}-{number}: {{ names: [\"*.{number}.{file}.test\", {number}.{file}.test] }}\n"
                )
            })
            .collect();
        site.write(&format!("d/{file}.yaml"), &format!("certificates:\n{lines}"));
    }
    let started = tokio::time::Instant::now();
    let config = site
        .load(&with("include: [\"d/*.yaml\"]\n"))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.certificates.len(), 10_000);
    // seconds in an unoptimised build on a busy machine; quadratic work would take minutes
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn commands_find_the_socket_also_beside_faults() {
    let site = Site::new();
    let path = site.write("dns01d.yaml", "control: { socket: /run/x.sock }\nfault: 1\n");
    assert_eq!(socket(&path), Some("/run/x.sock".into()));
    assert_eq!(socket(&site.write("none.yaml", "log: {}\n")), None);
    assert_eq!(socket(&site.path("no-such-file.yaml")), None);
}

#[test]
fn canaries_are_sent_unless_they_are_off() {
    let site = Site::new();
    let canary = |text: &str| site.load(&with(text)).map(|config| config.engine.canary);
    assert_eq!(canary("").expect("good"), Some(engine::DEFAULT_CANARY));
    assert_eq!(canary("canary: {}").expect("good"), Some(engine::DEFAULT_CANARY));
    assert_eq!(canary("canary: off").expect("good"), None);
    for wrong in [
        "canary: never",
        "canary: false",
        "canary: { interval: 59m }",
        "canary: { every: 7d }",
        "canary: [7d]",
    ] {
        let faults = canary(wrong).expect_err(wrong).to_string();
        assert!(faults.contains("dns01d.yaml:5:"), "{wrong}: {faults}");
    }
}

#[test]
fn a_name_must_leave_room_for_the_challenge_before_it() {
    let site = Site::new();
    let long = |length: usize| {
        let labels = format!("{}.", "x".repeat(57)).repeat(4);
        format!("{}.{labels}a", "y".repeat(length - labels.len() - 2))
    };
    let certificate = |name: &str| with(&format!("certificates:\n  a: {{ names: [{name}] }}\n"));
    let (fits, too_long) = (long(237), long(238));
    assert_eq!((fits.len(), too_long.len()), (237, 238));
    site.load(&certificate(&fits)).expect("a configuration");
    let faults = site.load(&certificate(&too_long)).expect_err("no room");
    assert_eq!(
        whats(&faults),
        [format!(
            "certificates.a.names[0]: `_acme-challenge.{too_long}` is longer than a DNS name can be"
        )]
    );
}
