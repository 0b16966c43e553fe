//! `dns01d provider`: from the libraries themselves, and with the daemon's own state, whether it runs or not.

use std::{
    fs,
    process::{Command, Output},
};

use lab::{
    acme_dns::Double,
    ca::{AcmeCa, CaOptions},
    daemon::{CertificateSetup, Home, Setup, built},
    dns::Zone,
};
use rustix::process::Signal;
use serde_json::Value;

use super::{c_plugin::compile, stage::Stage};

const NAME: &str = "www.internal.example.test";
const SECRET: &str = "correct-horse-battery";

/// A configuration with an instance `accounts` beside the `dns` of rfc2136.
async fn site() -> (Stage, Home) {
    let mut stage = Stage::new().await;
    stage.setup.certificates.clear();
    let home = stage.home();
    let library = compile(
        home.config().parent().unwrap(),
        "accounts",
        include_str!("plugins/accounts.c"),
    );
    let secret = home.path("password");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "providers:\n  accounts:\n    library: {}\n    zones: [auth.test]\n    options: {{ password: {{ file: {} }} }}\n",
        library.display(),
        secret.display()
    );
    fs::write(home.path("accounts.yaml"), text).unwrap();
    stage.setup.extra = "include: [accounts.yaml]\n".into();
    home.configure(&stage.setup).unwrap();
    make_state_directory(&home);
    (stage, home)
}

/// As the unit does: root alone does not know whose it will be.
fn make_state_directory(home: &Home) {
    fs::create_dir(home.state()).unwrap();
    fs::set_permissions(home.state(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

fn text(output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let said = said.concat();
    assert!(!said.contains(SECRET), "{said}");
    said
}

fn succeeds(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    text(&output)
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let output = home.command(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_setup_keeps_is_found_with_a_daemon_and_without_one() {
    let (_stage, home) = site().await;
    let setup = |home: &Home| succeeds(home, &["provider", "setup", "accounts", NAME]);

    let said = setup(&home);
    assert!(
        said.contains(&format!("new account; add\n  _acme-challenge.{NAME}. CNAME ")),
        "{said}"
    );
    assert!(
        said.contains(&format!("_acme-challenge.{NAME} in zone internal.example.test")),
        "{said}"
    );
    assert!(setup(&home).contains("known account"), "kept without a daemon");

    let mut daemon = home.start().await.unwrap();
    assert!(setup(&home).contains("known account"), "found by the daemon");
    let other = json(
        &home,
        &[
            "provider",
            "setup",
            "--json",
            "accounts",
            "*.internal.example.test",
            "internal.example.test",
        ],
    );
    let outcomes = other["outcomes"].as_array().unwrap();
    assert_eq!(
        outcomes.len(),
        1,
        "the wildcard is proved at the same name: {other:#}"
    );
    assert_eq!(
        outcomes[0]["challenge_name"],
        "_acme-challenge.internal.example.test"
    );
    assert!(
        outcomes[0]["text"].as_str().unwrap().contains("new account"),
        "{other:#}"
    );
    assert!(outcomes[0]["failure"].is_null());

    daemon.signal(Signal::TERM);
    daemon
        .program
        .ended(std::time::Duration::from_secs(30))
        .await
        .unwrap();
    let said = succeeds(&home, &["provider", "setup", "accounts", "internal.example.test"]);
    assert!(said.contains("known account"), "kept by the daemon: {said}");
    let log = daemon.program.log();
    assert!(!log.contains(SECRET));
    assert!(log.contains("an operator has a provider look at names"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_one_name_is_said_beside_what_went_well() {
    let (_stage, home) = site().await;
    let _daemon = home.start().await.unwrap();
    let output = home.command(&[
        "provider",
        "setup",
        "accounts",
        NAME,
        "locked.internal.example.test",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert!(said.contains(&format!("{NAME}  done")), "{said}");
    assert!(said.contains("locked.internal.example.test  failed"), "{said}");
    assert!(
        said.contains("credentials refused: the account of locked"),
        "{said}"
    );

    let output = home.command(&["provider", "setup", "dns", NAME]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("not supported"), "{}", text(&output));
    let output = home.command(&["provider", "setup", "nosuch", NAME]);
    assert!(
        text(&output).contains("no provider instance `nosuch`"),
        "{}",
        text(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_of_credentials_and_of_names_and_changes_nothing() {
    let (stage, home) = site().await;
    let check = |arguments: &[&str]| succeeds(&home, &[&["provider", "check"], arguments].concat());
    let without = check(&["accounts", NAME]);
    let daemon = home.start().await.unwrap();
    assert_eq!(
        check(&["accounts", NAME]),
        without,
        "with a daemon and without one"
    );
    assert!(without.contains(&format!("{NAME}  good")), "{without}");
    assert!(without.contains("is in internal.example.test"), "{without}");
    assert_eq!(
        check(&["accounts"]),
        "credentials  good\n  the password is good\n"
    );

    let said = check(&["dns", "internal.example.test"]);
    assert!(said.contains("key daemon-key may remove TXT"), "{said}");
    assert!(stage.txt().is_empty());
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_another_process_or_user_has_is_left_alone() {
    let (_stage, home) = site().await;
    let refused = |home: &Home| {
        let mut command = Command::new(built("dns01d"));
        command.arg("--config").arg(home.config());
        // not the socket of the daemon that runs
        command.arg("--socket").arg(home.path("elsewhere.sock"));
        command.args(["provider", "setup", "accounts", NAME]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    let daemon = home.start().await.unwrap();
    let said = refused(&home);
    let holder = format!("process number {}", daemon.program.id());
    assert!(said.contains(&holder), "{said}");
    drop(daemon);

    let database = home.state().join("state.db");
    let whole = fs::read(&database).unwrap();
    fs::write(&database, "damaged").unwrap();
    let said = refused(&home);
    assert!(said.contains("the file is damaged"), "{said}");
    assert_eq!(
        fs::read(&database).unwrap(),
        b"damaged",
        "only the daemon puts it aside"
    );
    fs::write(&database, whole).unwrap();

    fs::rename(home.state(), home.path("away")).unwrap();
    let said = refused(&home);
    assert!(said.contains("install -d -m 0700 -o USER"), "{said}");
    assert!(!home.state().exists());
    fs::rename(home.path("away"), home.state()).unwrap();

    std::os::unix::fs::chown(home.state(), Some(65534), None).expect("the tests run as root");
    let said = refused(&home);
    assert!(said.contains("belongs to uid 65534"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_every_library_with_its_instances_or_the_reason() {
    let (_stage, home) = site().await;
    let plugins = home.path("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::copy(built("libdns01_rfc2136.so"), plugins.join("libdns01_rfc2136.so")).unwrap();
    fs::write(plugins.join("libdns01_broken.so"), "no library").unwrap();
    let host = built("dns01-plugin-host");
    let places = [
        "--plugin-dir",
        plugins.to_str().unwrap(),
        "--plugin-host",
        host.to_str().unwrap(),
    ];

    let listed = json(&home, &[&["provider", "list", "--json"], &places[..]].concat());
    let libraries = listed["libraries"].as_array().unwrap();
    let library = |end: &str| {
        let found = libraries
            .iter()
            .find(|one| one["path"].as_str().unwrap().ends_with(end));
        found.unwrap_or_else(|| panic!("no {end}: {listed:#}"))
    };
    assert_eq!(
        library("/accounts.so")["providers"][0]["instances"][0],
        "accounts"
    );
    assert_eq!(library("plugins/libdns01_rfc2136.so")["name"], "rfc2136");
    assert_eq!(
        library("plugins/libdns01_rfc2136.so")["instances"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        library(built("libdns01_rfc2136.so").to_str().unwrap())["providers"][0]["instances"][0],
        "dns",
        "named by the configuration: {listed:#}"
    );
    let broken = library("/libdns01_broken.so");
    assert!(
        broken["fault"]["text"]
            .as_str()
            .unwrap()
            .contains("not a shared library")
    );
    assert!(listed["configuration_faulty"] == false);

    // half a configuration is enough
    fs::write(
        home.path("accounts.yaml"),
        "providers:\n  accounts: { library: nosuch }\n",
    )
    .unwrap();
    let said = succeeds(&home, &[&["provider", "list"], &places[..]].concat());
    assert!(said.contains("; used by dns"), "{said}");
    assert!(said.contains("the configuration has faults"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_shown_with_its_library_and_what_it_says_when_open() {
    let (_stage, home) = site().await;
    let said = succeeds(&home, &["provider", "show", "accounts"]);
    for part in [
        "Accounts of names",
        "https://accounts.example.test",
        "MIT",
        "required secret text",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let shown = json(&home, &["provider", "show", "--json", "dns"]);
    assert_eq!(shown["instance"]["info"]["max_batch"], 100, "{shown:#}");
    assert_eq!(shown["instances"][0], "dns");
    let sum = Command::new("sha256sum")
        .arg(built("libdns01_rfc2136.so"))
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(shown["library"]["sha256"], sum.split_whitespace().next().unwrap());

    let path = built("libdns01_rfc2136.so");
    let by_path = json(&home, &["provider", "show", "--json", path.to_str().unwrap()]);
    assert_eq!(by_path["id"], "rfc2136");
    assert!(by_path["instance"].is_null());
    let output = home.command(&["provider", "show", "nosuch"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("no provider, library or provider instance `nosuch`"));
}

/// What an operator of acme-dns does: set up, add the CNAME that was printed, start the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_setup_made_proves_the_name_in_the_daemon() {
    const SERVICE: &str = "auth.example.test";
    let zone = "example.test";
    let double = Double::start(SERVICE, vec![Zone::new(zone).unwrap()])
        .await
        .unwrap();
    let dns = double.dns().addr();
    let ca = AcmeCa::start(CaOptions::new(vec![dns])).await.unwrap();
    let home = Home::new(&Setup {
        directory_url: ca.directory_url(),
        ca_pem: ca.https_root_pem().to_owned(),
        update_server: dns,
        key: None,
        zone: zone.to_owned(),
        authorities: vec![dns],
        certificates: vec![CertificateSetup::new("web", &[zone, "*.example.test"])],
        more_cas: String::new(),
        ca_lines: vec![lab::daemon::NO_BREAKER.into()],
        extra: "include: [acme-dns.yaml]\n".into(),
    })
    .unwrap();
    make_state_directory(&home);
    let included = format!(
        "dns: {{ zones: {{ {SERVICE}: {{ authorities: [\"{dns}\"] }} }} }}\n\
         providers:\n  accounts: {{ library: acme-dns, zones: [{SERVICE}], options: {{ server: \"{}\" }} }}\n",
        double.url()
    );
    fs::write(home.path("acme-dns.yaml"), included).unwrap();

    let prepared = json(
        &home,
        &["provider", "setup", "--json", "accounts", "*.example.test"],
    );
    let text = prepared["outcomes"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{prepared:#}"));
    let (_, target) = text.rsplit_once(". CNAME ").unwrap_or_else(|| panic!("{text}"));
    let target = target.trim_end_matches('.');
    let alias = Zone::new(zone).and_then(|zone| zone.with_cname("_acme-challenge.example.test", target));
    double.dns().put_zone(alias.unwrap());

    let daemon = home.start().await.unwrap();
    daemon.until_deployed("web").await;
    assert_eq!((double.accounts(), double.updates().len()), (1, 2));
    let said = succeeds(&home, &["provider", "setup", "accounts", zone]);
    assert!(said.contains(&format!("leads to {target}")), "{said}");
    assert_eq!(double.accounts(), 1, "the daemon has it");
}
