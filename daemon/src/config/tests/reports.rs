//! The report is the product: what people read is held in snapshots.

use super::*;

#[test]
fn all_faults_of_shape_and_meaning_come_in_one_report() {
    let site = Site::new();
    let report = site.report(
        r#"state-directory: var/lib/dns01d
log: { level: inof, colour: true }
control:
  socket: /run/dns01d/control.sock
  grop: adm
dns:
  resolvers: [192.0.2.1, resolver.example.org]
  query-timeout: 5
  zones:
    "*.internal.example.test": { authorities: ["ns1.example.test:x"] }
cas:
  letsencrypt:
    directory: http://acme-v02.api.letsencrypt.org/directory
    agree_terms: true
    contacts: [ops@example.org, "everybody"]
  other:
    directory: https://ca.example.org/directory
    agree-terms: yes
providers:
  internal-dns:
    library: ./rfc2136
    zones: [internal.example.test]
    memory: 64
    sha256: abc
certificates:
  Internal:
    names: ["*.internal.example.test", 5, internal..example.test, example.org]
    ca: letsencrypt
    key: ecdsa-256
    output: { directory: /etc/ssl/internal, key-mode: 0644, mode: 0644 }
    hook: { command: [], timeout: 1 minute }
  other:
    names: [other.internal.example.test]
    ca: letsencript
    output: { directory: /etc/ssl/internal/other }
engine: { concurrency: 0 }
canary: { interval: 10m }
"#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn what_contradicts_itself_is_shown_with_both_places() {
    let site = Site::new();
    site.write(
        "d/a.yaml",
        "certificates:\n  one: { names: [two.example.test] }\n",
    );
    site.write(
        "d/b.yaml",
        "log: { level: info }\ncas:\n  lab: { agree-terms: true }\n",
    );
    let report = site.report(
        r#"include: ["d/*.yaml", d/a.yaml, missing.yaml, "*/a.yaml"]
cas:
  lab: { directory: "https://127.0.0.1:14000/dir", agree-terms: true }
  lab: { directory: "https://127.0.0.1:14001/dir" }
providers:
  a: { library: rfc2136 }
  b: { library: rfc2136 }
  c: { library: rfc2136, zones: [example.test, example.test., sub.example.test] }
  d: { library: rfc2136, zones: [SUB.example.test, "*.example.test"] }
certificates:
  one: { names: [one.example.test] }
  same: { names: [one.example.test], output: { directory: /var/lib/dns01d/certificates/one/ } }
  state: { names: [state.example.test, "*.example.test", STATE.example.test], output: { directory: /var/lib } }
"#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn what_is_not_on_this_machine_is_named() {
    let site = Site::new();
    site.write("empty.pem", "no certificate\n");
    let report = site.report_here(
        r#"control: { socket: HERE/control.sock, group: no-such-group }
plugins: { host: HERE/no-such-host, directories: [HERE/plugins, /usr/lib/no-such-directory] }
cas:
  lab: { directory: "https://127.0.0.1:14000/dir", agree-terms: true, ca-file: HERE/empty.pem }
  other: { directory: "https://127.0.0.1:14000/dir", agree-terms: true, ca-file: HERE/no-such-file }
defaults: { ca: lab, output: { owner: no-such-user } }
providers:
  a: { library: rfc2136, options: { tsig-secret: { file: HERE/no-such-secret } } }
  b: { library: HERE/rfc2136.so, zones: [b.test] }
  c: { library: HERE, zones: [c.test] }
certificates:
  one: { names: [one.example.test], hook: { command: [no-such-program-of-dns01d] } }
  two: { names: [two.example.test], hook: { command: ["systemctl reload nginx"] } }
  three: { names: [three.example.test], hook: { command: [bin/reload] } }
"#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn yaml_that_a_configuration_does_without_is_refused_by_its_name() {
    let site = Site::new();
    let mut reports = String::new();
    for text in [
        "certificates:\n  a: &a { names: [a.test] }\n  b: *a\n",
        "certificates:\n  a: { <<: { names: [a.test] } }\n",
        "log: !custom { level: info }\n",
        "log: {}\n---\nlog: {}\n",
        "certificates:\n  a:\n    names: [*.example.test]\n",
        "certificates:\n  a:\n    names: [\"a.test\"\n  b: {}\n",
        "? [a]\n: b\n",
        "- a\n- list\n",
        "just text",
        &format!("log: {}{}", "[".repeat(40), "]".repeat(40)),
    ] {
        reports.push_str(&site.report(text));
        reports.push_str("--------\n");
    }
    insta::assert_snapshot!(reports);
}

#[test]
fn a_file_that_cannot_be_used_is_one_fault() {
    let site = Site::new();
    let mut reports = String::new();
    let mut add = |path: &std::path::Path| {
        reports.push_str(&site.plain(&load(path).expect_err("a fault").to_string()));
    };
    add(&site.path("no-such-file.yaml"));
    add(site.0.path());
    let large = site.write("large.yaml", &"# a comment\n".repeat(100_000));
    add(&large);
    let binary = site.path("binary.yaml");
    fs::write(&binary, b"log: \xff").expect("a file");
    add(&binary);
    let open = site.write("open.yaml", "log: {}\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).expect("a mode");
    let report = load_with(&open, &NoDescriptions, Presence::Assumed).expect_err("a fault");
    reports.push_str(&site.plain(&report.to_string()));
    insta::assert_snapshot!(reports);
}

#[test]
fn the_report_for_programs_has_every_place() {
    let site = Site::new();
    let faults = site
        .load("log: { levle: info }\ncas:\n  a: {}\n  a: {}\n")
        .expect_err("faults");
    let text = serde_json::to_string_pretty(&report::json(&faults)).expect("JSON");
    insta::assert_snapshot!(site.plain(&text));
}

#[test]
fn a_flood_of_faults_is_cut_and_a_fault_of_the_whole_too() {
    let site = Site::new();
    let many: String = (0..500).map(|number| format!("key{number}: 1\n")).collect();
    let faults = site.load(&many).expect_err("faults");
    assert_eq!(faults.errors(), 101);
    assert!(
        faults.to_string().contains("there may be further faults"),
        "{faults}"
    );
}
