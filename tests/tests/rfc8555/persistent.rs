//! dns-persist-01 (draft-ietf-acme-dns-persist): one record that stays.

use std::time::Duration;

use lab::{
    ca::{CaKnobs, ChallengeType},
    dns::Zone,
};

use super::stage::{Stage, ZONE, internal};

async fn stage() -> Stage {
    let mut stage = Stage::with(CaKnobs {
        challenges: vec![ChallengeType::DnsPersist01],
        ..CaKnobs::default()
    })
    .await;
    let mut certificate = internal();
    certificate.lines = vec!["challenges: [dns-persist-01]".into()];
    stage.setup.certificates = vec![certificate];
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_record_is_published_once_and_renewals_touch_no_dns() {
    let stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let standing = stage.txt();
    assert_eq!(
        standing.len(),
        1,
        "the wildcard and its apex share it: {standing:?}"
    );
    assert!(
        standing[0].contains("policy=wildcard") && standing[0].contains("accounturi="),
        "{standing:?}"
    );
    let updates = stage.dns.updates().len();
    assert_eq!(updates, 1);
    for _ in 0..2 {
        let renewed = home.command(&["renew", "internal", "--wait"]);
        assert!(renewed.status.success(), "{renewed:?}");
    }
    assert_eq!(
        stage.dns.updates().len(),
        updates,
        "no renewal needs the DNS provider"
    );
    assert_eq!(stage.ca.counts().certificates, 3);
    // a restart takes nothing away
    drop(daemon);
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.txt(), standing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_works_without_a_provider_and_the_record_goes_with_its_certificate() {
    let mut stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    // the credential is taken away
    std::fs::write(
        home.path("tsig.secret"),
        "d3Jvbmctc2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRz",
    )
    .unwrap();
    assert!(home.command(&["reload"]).status.success());
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    assert_eq!(stage.txt().len(), 1);

    stage.setup.certificates.clear();
    home.configure(&stage.setup).unwrap();
    assert!(home.command(&["reload"]).status.success());
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_the_exact_record_is_printed_for_a_person() {
    let stage = stage().await;
    let home = stage.home();
    let providers = std::fs::read_to_string(home.config()).unwrap();
    // the provider serves another zone
    let elsewhere = providers.replace("    options:\n", "    zones: [elsewhere.test]\n    options:\n");
    std::fs::write(home.config(), elsewhere).unwrap();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            certificate["state"] == "failing"
        })
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    let (_, rest) = text.split_once("IN TXT \"").unwrap_or_else(|| panic!("{text}"));
    let (value, _) = rest.split_once('"').unwrap();
    assert!(text.contains(&format!("_validation-persist.{ZONE}.")), "{text}");
    // the person does it
    let zone = Zone::new(ZONE).unwrap();
    let owner = format!("_validation-persist.{ZONE}");
    stage.dns.put_zone(zone.with_txt(&owner, value).unwrap());
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    assert_eq!(stage.txt().len(), 1, "what a person wrote stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_record_that_has_ended_is_none() {
    let stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let standing = stage.txt();
    // somebody wrote another one in its place, long ago
    let owner = format!("_validation-persist.{ZONE}");
    let ended = format!("{}; persistUntil=1700000000", standing[0]);
    stage.dns.set_txt(&owner, &ended, true).unwrap();
    stage.dns.set_txt(&owner, &standing[0], false).unwrap();
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    assert!(stage.txt().contains(&standing[0]), "{:?}", stage.txt());
    assert_eq!(stage.ca.counts().certificates, 2);
}

/// The daily look at standing records, now: at the next start.
fn look_is_due(home: &lab::daemon::Home) {
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let changed = database.execute("UPDATE job SET due = 0 WHERE kind = 'standing'", []);
    assert_eq!(changed.unwrap(), 1, "a look is planned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_record_that_somebody_removed_is_written_again_before_a_renewal_needs_it() {
    let stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    drop(daemon);
    let standing = stage.txt();
    let owner = format!("_validation-persist.{ZONE}");
    stage.dns.set_txt(&owner, &standing[0], false).unwrap();
    look_is_due(&home);
    let _daemon = home.start().await.unwrap();
    stage.until_txt(|shown| *shown == *standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_record_ends_when_the_operator_says_and_is_replaced_before_it_does() {
    let mut stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    drop(daemon);
    let endless = stage.txt();
    assert!(!endless[0].contains("persistUntil"), "{endless:?}");

    // an end is wanted now
    let lines = &mut stage.setup.certificates[0].lines;
    lines.push("standing-lifetime: 180d".into());
    home.configure(&stage.setup).unwrap();
    look_is_due(&home);
    let daemon = home.start().await.unwrap();
    stage.until_txt(|shown| shown.len() == 2).await;
    assert!(
        stage.txt().contains(&endless[0]),
        "the old one stands until the new one is seen"
    );
    drop(daemon);
    look_is_due(&home);
    let daemon = home.start().await.unwrap();
    stage.until_txt(|shown| shown.len() == 1).await;
    let ending = stage.txt();
    let (_, until) = ending[0].split_once("; persistUntil=").unwrap();
    let now = std::fs::metadata(home.database()).unwrap().modified().unwrap();
    let until = std::time::UNIX_EPOCH + Duration::from_secs(until.parse().unwrap());
    let left = until.duration_since(now).unwrap();
    assert!(
        left.abs_diff(Duration::from_secs(180 * 86_400)) < Duration::from_secs(60),
        "{ending:?}"
    );
    assert!(ending[0].starts_with(&endless[0]), "{ending:?}");

    // nothing is written for a renewal, nor at a look while it is good for long
    let updates = stage.dns.updates().len();
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    drop(daemon);
    look_is_due(&home);
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((stage.txt(), stage.dns.updates().len()), (ending, updates));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_could_not_be_written_is_written_by_the_next_look_and_no_third_is_made() {
    let mut stage = stage().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    drop(daemon);
    let endless = stage.txt();

    // it is in the journal, and the server takes nothing: as if the daemon had been killed between the two
    let lines = &mut stage.setup.certificates[0].lines;
    lines.push("standing-lifetime: 180d".into());
    home.configure(&stage.setup).unwrap();
    let secret = std::fs::read(home.path("tsig.secret")).unwrap();
    std::fs::write(
        home.path("tsig.secret"),
        "d3Jvbmctc2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRz",
    )
    .unwrap();
    look_is_due(&home);
    let daemon = home.start().await.unwrap();
    let journal = || {
        let database = rusqlite::Connection::open(home.database()).unwrap();
        let rows = "SELECT value FROM record WHERE standing > 0 AND NOT removing ORDER BY id";
        let mut rows = database.prepare(rows).unwrap();
        let values = rows.query_map([], |row| row.get(0)).unwrap();
        values.map(Result::unwrap).collect::<Vec<String>>()
    };
    for _ in 0..200 {
        if daemon.program.log().contains("the next standing record of") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(daemon);
    let planned = journal();
    assert_eq!((planned.len(), stage.txt()), (2, endless.clone()));

    std::fs::write(home.path("tsig.secret"), secret).unwrap();
    look_is_due(&home);
    let daemon = home.start().await.unwrap();
    stage.until_txt(|shown| shown.len() == 2).await;
    drop(daemon);
    look_is_due(&home);
    let _daemon = home.start().await.unwrap();
    stage.until_txt(|shown| *shown == planned[1..]).await;
    assert_eq!(journal(), planned[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_record_goes_when_no_challenge_of_its_certificate_needs_it() {
    let mut stage = stage().await;
    stage
        .ca
        .knobs()
        .update(|knobs| knobs.challenges = vec![ChallengeType::DnsPersist01, ChallengeType::Dns01]);
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    drop(daemon);
    assert_eq!(stage.txt().len(), 1);
    stage.setup.certificates[0].lines = vec!["challenges: [dns-01]".into()];
    home.configure(&stage.setup).unwrap();
    look_is_due(&home);
    let _daemon = home.start().await.unwrap();
    stage.until_clean().await;
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    stage.until_clean().await;
}
