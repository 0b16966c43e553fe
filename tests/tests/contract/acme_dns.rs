//! acme-dns at the double that serves joohoi's client too. Its account is reached by the CNAME of one name, so that
//! the kit publishes there alone.

use std::collections::BTreeMap;

use lab::{acme_dns::Double, daemon::built, dns::Zone};

use crate::lab::{Run, ZONE, kit, write_private};

const NAME: &str = "www.example.test";
/// The fewest that the kit takes: an account takes two updates per second.
const ROUNDS: &str = "20";

/// An account is of one name.
const NEEDS_OTHER_NAMES: [&str; 3] = ["apex", "long-label", "subzone"];
/// A name holds two values, fewer than a batch and than calls at once.
const NEEDS_MORE_VALUES: [&str; 2] = ["full-batch", "overlap"];
/// There is no removal: nothing has to be gone, and no handle leads to it.
const NEEDS_REMOVAL: [&str; 2] = ["clean", "new-process"];
/// The server takes dns-01 values alone.
const NEEDS_LONG_VALUES: &str = "long-value";

#[tokio::test(flavor = "multi_thread")]
async fn acme_dns_passes_every_check_that_applies_to_it() {
    let double = Double::start("auth.example.test", Vec::new()).await.unwrap();
    let account = double.register();
    let zone = Zone::new(ZONE).unwrap();
    let alias = format!("_acme-challenge.{NAME}");
    double
        .dns()
        .put_zone(zone.with_cname(&alias, &account.fulldomain).unwrap());

    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options.yaml");
    let accounts = directory.path().join("accounts.json");
    let by_domain = BTreeMap::from([(NAME, &account)]);
    write_private(&accounts, &serde_json::to_string(&by_domain).unwrap());
    write_private(
        &options,
        &format!(
            "server: {}\naccounts: {{ file: {} }}\n",
            double.url(),
            accounts.display()
        ),
    );
    let mut command = kit(&built("libdns01_acme_dns.so"));
    command
        .args([
            "--zone",
            ZONE,
            "--name",
            NAME,
            "--keeps-values",
            "--rounds",
            ROUNDS,
        ])
        .args([
            "--visible-within",
            "2",
            "--server",
            &double.dns().addr().to_string(),
        ])
        .arg("--options")
        .arg(&options);
    let run = Run::of(&mut command);
    let mut not_applicable = [
        &NEEDS_OTHER_NAMES[..],
        &NEEDS_MORE_VALUES,
        &NEEDS_REMOVAL,
        &[NEEDS_LONG_VALUES],
    ]
    .concat();
    not_applicable.sort_unstable();
    run.passed_but_for(&not_applicable);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());
    assert_eq!(double.accounts(), 1);
}
