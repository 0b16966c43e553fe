//! `dns01d check --online` and the canaries that the daemon sends by itself. The report is the product: each is a
//! snapshot, with times, ports and paths replaced and wrapped lines joined.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{
    ca::CaKnobs,
    daemon::{CertificateSetup, Daemon, Home, built},
    dns::{DnsFault, DnsOptions, DnsServer, TsigKey, UpdateFault, Zone},
};
use rustix::process::Signal;
use serde_json::Value;

use super::stage::{Stage, ZONE};

/// A CA, two servers of the zone, and one certificate.
struct Site {
    stage: Stage,
    second: DnsServer,
    home: Home,
}

impl Site {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other certificates or lines.
    async fn with(change: impl FnOnce(&mut Stage)) -> Self {
        let mut stage = Stage::new().await;
        let second = stage.dns.secondary().await.unwrap();
        stage.setup.authorities.push(second.addr());
        // CAs climb to the top in search of CAA records
        stage.dns.put_zone(Zone::new("test").unwrap());
        change(&mut stage);
        let home = stage.home();
        // as the unit does: root alone does not know whose it will be
        fs::create_dir(home.state()).unwrap();
        fs::set_permissions(home.state(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let site = Site { stage, second, home };
        site.edit("\ndns:\n", "\ndns:\n  propagation-timeout: 4s\n");
        let top = format!(
            "\n  zones:\n    test: {{ authorities: [\"{}\"] }}\n",
            site.stage.dns.addr()
        );
        site.edit("\n  zones:\n", &top);
        site
    }

    /// Replaces a part of the configuration.
    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.home.config()).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.home.config(), text.replace(from, to)).unwrap();
    }

    /// The providers of the configuration, as `name: zones` with one key for all.
    fn providers(&self, providers: &[(&str, &str)]) {
        let key = self.stage.setup.key.as_ref().unwrap();
        let mut lines = String::new();
        for (name, zones) in providers {
            let _ = writeln!(
                lines,
                "  {name}:\n    library: {}\n    zones: [{zones}]\n    options: {{ server: \"{}\", tsig-key: {}, tsig-algorithm: {}, tsig-secret: {{ file: {} }} }}",
                built("libdns01_rfc2136.so").display(),
                self.stage.dns.addr(),
                key.name(),
                key.algorithm(),
                self.home.path("tsig.secret").display(),
            );
        }
        self.home.replace_providers(&lines).unwrap();
    }

    /// What a look says, and its exit status.
    fn look(&self, names: &[&str]) -> (String, Option<i32>) {
        let output = self.home.command(&[&["check", "--online"], names].concat());
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        let key = self.stage.setup.key.as_ref().unwrap();
        assert!(!said.contains(key.secret_base64()), "{said}");
        (self.plain(&said), output.status.code())
    }

    fn findings(&self, names: &[&str]) -> Vec<Value> {
        let output = self
            .home
            .command(&[&["check", "--online", "--json"], names].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Without what differs from run to run.
    fn plain(&self, said: &str) -> String {
        let mut text = unwrapped(said);
        let library = built("libdns01_rfc2136.so");
        for (what, name) in [
            (self.home.path("").display().to_string(), "HOME/"),
            (library.display().to_string(), "LIBRARY"),
            (self.stage.dns.addr().to_string(), "SERVER1"),
            (self.second.addr().to_string(), "SERVER2"),
            (format!("-p {}", self.stage.dns.addr().port()), "-p PORT1"),
            (format!("-p {}", self.second.addr().port()), "-p PORT2"),
            (self.stage.ca.directory_url(), "DIRECTORY"),
        ] {
            text = text.replace(&what, name);
        }
        values_hidden(&times_hidden(&text))
    }

    /// The command line with this configuration, silent.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("dns01d"));
        command.arg("--config").arg(self.home.config());
        command.arg("--socket").arg(self.home.socket());
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    async fn start(&self) -> Daemon<'_> {
        self.home.start().await.unwrap()
    }

    /// A daemon that has issued, so that only canaries are published from then on.
    async fn issued(&self) -> Daemon<'_> {
        let daemon = self.start().await;
        daemon.until_deployed("internal").await;
        self.stage.until_clean().await;
        daemon
    }

    /// The next start of a daemon finds all canaries due.
    fn make_due(&self) {
        let database = rusqlite::Connection::open(self.home.database()).unwrap();
        let changed = database.execute("UPDATE canary SET next = 0", []).unwrap();
        assert_eq!(changed, 1, "one way is known");
    }
}

/// With the lines that were cut for a terminal as they were.
fn unwrapped(said: &str) -> String {
    let mut text = String::new();
    for line in said.lines() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        let begins = indent < 4 || words.starts_with("- ") || words.starts_with("what to do");
        if begins || words.is_empty() || indent == 4 && line.contains("what to do") {
            text.push('\n');
            text.push_str(line);
        } else {
            text.push(' ');
            text.push_str(words);
        }
    }
    text.trim_start_matches('\n').to_owned() + "\n"
}

/// `12.3 s` as `T s`, with what is before it for alignment.
fn times_hidden(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" s") {
        let (before, after) = rest.split_at(at);
        let number = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if before.len() - number.len() >= 3 && before[number.len()..].contains('.') {
            out.push_str(number.trim_end_matches(' '));
            out.push_str(" T");
        } else {
            out.push_str(before);
        }
        out.push_str(" s");
        rest = &after[2..];
    }
    out + rest
}

/// A canary's value, 43 characters, as `VALUE`.
fn values_hidden(text: &str) -> String {
    let is_value = |word: &str| {
        word.len() == 43
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    words
        .map(|word| match word.char_indices().last() {
            Some((end, _)) if is_value(&word[..end]) => format!("VALUE{}", &word[end..]),
            _ => word.to_owned(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_with_a_daemon_and_without_one_and_nothing_is_spent() {
    let site = Site::new().await;
    let (alone, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{alone}");
    insta::assert_snapshot!(alone);
    assert_eq!(site.stage.ca.counts().accounts, 0);
    assert_eq!(site.stage.ca.counts().orders, 0);
    assert_eq!(
        alone.matches(" TXT ").count(),
        1,
        "wildcard and apex share one canary"
    );
    assert!(site.stage.txt().is_empty());

    let daemon = site.issued().await;
    let (with, code) = site.look(&["internal"]);
    assert_eq!(code, Some(0), "{with}");
    assert_eq!(
        with,
        alone.replace("; there is no account yet, the first order makes one", "")
    );
    assert_eq!(site.stage.ca.counts().orders, 1);
    assert!(site.stage.txt().is_empty());
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_what_nobody_has() {
    let site = Site::with(|stage| {
        stage.setup.certificates = vec![CertificateSetup::new(
            "internal",
            &["*.internal.example.test", "www.internal.example.test"],
        )];
    })
    .await;
    let (said, code) = site.look(&["*.internal.example.test"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("internal  would be issued as far as 1 of its 2 names tell"),
        "{said}"
    );
    assert!(!said.contains("www"), "{said}");
    for with_daemon in [false, true] {
        let daemon = with_daemon.then(|| site.home.launch(&[]).unwrap());
        if let Some(daemon) = &daemon {
            daemon.until_deployed("internal").await;
        }
        let (said, code) = site.look(&["other.internal.example.test"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("no certificate is called `other.internal.example.test`"),
            "{said}"
        );
    }
    let usage = site.home.command(&["check", "internal"]);
    assert_eq!(usage.status.code(), Some(2), "a name asks for --online");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_server_does_not_know_is_told_with_what_to_do() {
    let site = Site::new().await;
    let other = TsigKey::generate("daemon-key").unwrap();
    fs::write(site.home.path("tsig.secret"), other.secret_base64()).unwrap();
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(!said.contains(other.secret_base64()), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lags_is_named_and_waited_for() {
    let site = Site::new().await;
    site.second
        .knobs()
        .update(|knobs| knobs.lag = Duration::from_secs(2));
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lame_server_is_named_with_the_question_to_ask_it() {
    let site = Site::new().await;
    site.second
        .knobs()
        .update(|knobs| knobs.query_fault = Some(DnsFault::Refused));
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(1), "{said}");
    insta::assert_snapshot!(said);
    assert!(site.stage.txt().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_with_two_faces_is_shown_from_all_sides_and_warned_of_unless_it_is_meant() {
    let site = Site::new().await;
    // outside, the zone belongs to somebody else
    let above = Zone::new("test").and_then(|zone| zone.with_ns(ZONE, "ns.elsewhere.test"));
    let outside = DnsServer::start(DnsOptions::new(vec![above.unwrap()]))
        .await
        .unwrap();
    let own = site.stage.dns.addr();
    let test = |server| format!("    test: {{ authorities: [\"{server}\"] }}\n");
    site.edit(&test(own), &test(outside.addr()));
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{said}");
    insta::assert_snapshot!("two_faces_that_are_meant", part(&said, "zone "));

    // the resolver alone leads inside: nobody says that this is meant
    let chosen = format!(
        "    {ZONE}: {{ authorities: [\"{own}\", \"{}\"] }}\n",
        site.second.addr()
    );
    site.edit(
        &chosen,
        &format!("    {ZONE}: {{ visibility: {{ wait: 1s }} }}\n"),
    );
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{said}");
    insta::assert_snapshot!("two_faces_that_nobody_speaks_of", part(&said, "zone "));
    assert!(
        said.contains("would be issued, and something should be looked at"),
        "{said}"
    );
}

/// One part of a report, by how its heading begins.
fn part<'a>(said: &'a str, heading: &str) -> &'a str {
    let parts = said.split("\n\n");
    let mut found = parts.filter(|part| part.starts_with(heading));
    found.next().unwrap_or_else(|| panic!("no {heading} in {said}"))
}

/// `web` is proved by a CNAME into a zone of its own.
async fn with_alias() -> Site {
    let site = Site::with(|stage| {
        let names = ["www.internal.example.test"];
        stage.setup.certificates = vec![CertificateSetup::new("web", &names)];
        let address = stage.dns.addr();
        stage.setup.zone = format!("auth.test: {{ authorities: [\"{address}\"] }}\n    {ZONE}");
    })
    .await;
    let alias = Zone::new(ZONE).and_then(|zone| {
        zone.with_cname(
            "_acme-challenge.www.internal.example.test",
            "_acme-challenge.www.auth.test",
        )
    });
    site.stage.dns.put_zone(alias.unwrap());
    site.stage.dns.put_zone(Zone::new("auth.test").unwrap());
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_into_another_zone_is_followed_to_its_provider() {
    let site = with_alias().await;
    site.providers(&[("main", ZONE), ("validation", "auth.test")]);
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_where_the_operator_wants_none_is_named_with_where_it_leads() {
    let site = with_alias().await;
    site.providers(&[("main", ZONE), ("validation", "auth.test")]);
    let of_zone = |more: &str| format!("    {ZONE}: {{ {more}authorities:");
    site.edit(&of_zone(""), &of_zone("aliases: refuse, "));
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(1), "{said}");
    insta::assert_snapshot!(said);
    assert!(site.stage.txt().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_no_provider_serves_is_told_with_the_line_to_add() {
    let site = with_alias().await;
    site.providers(&[("main", ZONE)]);
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(1), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_could_not_be_written_and_a_ca_that_is_away_are_told() {
    let site = Site::with(|stage| {
        let mut stranger = CertificateSetup::new("stranger", &["www.internal.example.test"]);
        stranger.lines = vec!["output: { directory: OUTPUT/stranger }".into()];
        stage.setup.certificates.push(stranger);
        stage.setup.more_cas =
            "  away: { directory: \"https://127.0.0.1:1/directory\", agree-terms: true }\n".into();
    })
    .await;
    site.edit("OUTPUT", site.home.path("output").to_str().unwrap());
    site.edit("  stranger:\n", "  stranger:\n    ca: lab\n");
    site.edit("  internal:\n", "  internal:\n    ca: [away, lab]\n");
    let directory = site.home.path("output/stranger");
    fs::create_dir_all(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(65534), None).expect("the tests run as root");
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(1), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_at_the_same_name_is_not_disturbed() {
    let site = Site::new().await;
    let daemon = site.issued().await;
    site.stage.ca.knobs().update(|knobs: &mut CaKnobs| {
        knobs.validation_delay = Duration::from_secs(2);
    });
    let renewed = site.home.command(&["renew", "internal"]);
    assert!(renewed.status.success());
    daemon
        .until("internal", Duration::from_secs(20), |_| {
            daemon.program.log().matches("told to look").count() > 1
        })
        .await;
    let standing = site.stage.txt();
    assert!(!standing.is_empty(), "the order's own");
    let (said, code) = site.look(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(site.stage.txt(), standing, "only the canary went");
    daemon
        .until("internal", Duration::from_secs(30), |it| it["generation"] == 2)
        .await;
    assert_eq!(site.stage.ca.counts().certificates, 2);
    site.stage.until_clean().await;
}

/// The canary's record stands while the second server lags.
async fn until_standing(site: &Site) {
    for _ in 0..400 {
        if !site.stage.txt().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no canary was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_a_daemon_that_was_killed_is_removed_by_the_next() {
    let site = Site::new().await;
    let daemon = site.issued().await;
    site.second
        .knobs()
        .update(|knobs| knobs.lag = Duration::from_secs(30));
    let mut looking = site.command(&["check", "--online"]).spawn().unwrap();
    until_standing(&site).await;
    // SIGKILL
    drop(daemon);
    looking.wait().unwrap();
    assert_eq!(site.stage.txt().len(), 1, "nobody was left to remove it");
    let daemon = site.start().await;
    site.stage.until_clean().await;
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_is_interrupted_takes_its_canary_back() {
    let site = Site::new().await;
    site.second
        .knobs()
        .update(|knobs| knobs.lag = Duration::from_secs(30));
    for with_daemon in [false, true] {
        let daemon = match with_daemon {
            true => {
                site.second.knobs().update(|knobs| knobs.lag = Duration::ZERO);
                let daemon = site.issued().await;
                site.second
                    .knobs()
                    .update(|knobs| knobs.lag = Duration::from_secs(30));
                Some(daemon)
            }
            false => None,
        };
        let mut looking = site.command(&["check", "--online"]).spawn().unwrap();
        until_standing(&site).await;
        let pid = rustix::process::Pid::from_raw(looking.id() as i32).unwrap();
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        let ended = looking.wait().unwrap();
        assert!(!ended.success());
        site.stage.until_clean().await;
        drop(daemon);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_by_itself_is_warned_of_shown_and_said_to_be_well_again() {
    let site = Site::new().await;
    let mut daemon = site.issued().await;
    let canaries = |daemon: &Daemon<'_>| daemon.status().unwrap_or_default()["canaries"].clone();
    // the way is learnt soon after the start
    until(|| canaries(&daemon)[0]["zone"] == ZONE).await;
    daemon.signal(Signal::TERM);
    daemon.program.ended(Duration::from_secs(30)).await.unwrap();
    drop(daemon);

    site.make_due();
    site.stage
        .dns
        .knobs()
        .update(|knobs| knobs.update_fault = Some(UpdateFault::Refused));
    let daemon = site.start().await;
    until(|| canaries(&daemon)[0]["failing"]["times"] == 1).await;
    let log = daemon.program.log();
    assert!(
        log.contains("canary failed: certificates there cannot be renewed as it stands"),
        "{log}"
    );
    let text = |arguments: &[&str]| {
        let output = site.home.command(arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let status = text(&["status"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        status.contains(&format!(
            "canary {ZONE}: renewals through provider dns in zone {ZONE} would fail"
        )),
        "{status}"
    );
    let why = text(&["why", "internal"])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        why.contains(&format!(
            "Canaries for {ZONE} through provider `dns` in zone {ZONE} fail since"
        )),
        "{why}"
    );
    assert_eq!(
        daemon.certificate("internal").unwrap()["state"],
        "valid",
        "no certificate failed"
    );

    site.stage.dns.knobs().update(|knobs| knobs.update_fault = None);
    let (said, code) = site.look(&["internal"]);
    assert_eq!(code, Some(0), "{said}");
    until(|| canaries(&daemon)[0]["failing"].is_null()).await;
    let log = daemon.program.log();
    assert_eq!(log.matches("canary is well again").count(), 1, "{log}");
    assert!(text(&["next"]).contains(&format!("send a canary through dns into {ZONE}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_every_step_as_data() {
    let site = Site::new().await;
    let lines = site.findings(&[]);
    let steps: Vec<&str> = lines
        .iter()
        .filter(|line| line["finding"]["part"]["name"] == ZONE)
        .map(|line| line["finding"]["subject"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["place", "published", "seen", "removed", "gone"]);
    let last = lines.last().unwrap();
    let prospect = &last["done"]["certificates"][0];
    assert_eq!(
        (&prospect["certificate"], &prospect["verdict"]),
        (&"internal".into(), &"fine".into()),
        "{last:#}"
    );
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come true");
}
