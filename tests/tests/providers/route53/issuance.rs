//! The daemon issues through it, and waits until all of Route 53's servers have the record.

use std::sync::Arc;
use std::time::Duration;

use lab::ca::Endpoint;
use lab::daemon::built;
use lab::dns::{DnsOptions, DnsServer, Zone};
use lab::process::write_secret;

use super::{KEY, Lab, SECRET};
use crate::issuance::Issuance;

/// How much later than the server near to us the one shows a change that the CA asks. The daemon cannot see it, and
/// it is less than the provider lets pass between two questions: GetChange says so the second time.
const LAG: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_is_told_to_look_when_route_53_is_in_sync_and_what_is_not_ours_stays() {
    let lab = Lab::new().await;
    // both know the zone from the start: what a server refuses to tell does not count for the CA
    let zone = Zone::new(&lab.zone).expect("a name");
    let near = DnsServer::start(DnsOptions::new(vec![zone]))
        .await
        .expect("a port");
    let near = Arc::new(near);
    let far = near.secondary().await.expect("a port");
    far.knobs().update(|knobs| knobs.lag = LAG);
    lab.front.demand(KEY, SECRET);
    lab.front.serve_at(near.clone()).await;
    lab.moto
        .put(&lab.id, &lab.name(), "TXT", &["\"somebody's\""])
        .await;
    lab.front.show(&lab.id).await;

    let issuance = Issuance::of(
        &lab.zone,
        vec![near.addr()],
        vec![near.addr(), far.addr()],
        |home| {
            let secret = home.path("secret");
            write_secret(&secret, SECRET).expect("a file");
            format!(
                "  dns:\n    library: {}\n    options:\n      endpoint: \"{}\"\n      access-key-id: {KEY}\n      \
             secret-access-key: {{ file: {} }}\n",
                built("libdns01_route53.so").display(),
                lab.front.url(),
                secret.display()
            )
        },
    );
    let issuance = issuance.await;
    let log = issuance.run(async || lab.txt().await.len() == 1).await;

    assert_eq!(lab.txt().await, ["\"somebody's\""]);
    assert!(!log.contains(SECRET), "the secret is in the log");
    let changes = lab.front.seen_of("ChangeResourceRecordSets");
    assert_eq!(
        changes.len(),
        4,
        "two values come with one change and go with another, twice"
    );
    // moto's changes are PENDING when they are first asked for, and INSYNC the second time
    let asked = lab.front.seen_of("GetChange");
    assert_eq!(asked.len(), 4, "{asked:#?}");
    assert!(
        asked[0].path == asked[1].path && asked[2].path == asked[3].path && asked[1].path != asked[2].path
    );
    let told = issuance.ca.requests().into_iter();
    for told in told.filter(|request| request.endpoint == Endpoint::Challenge) {
        let before = asked.iter().filter(|asked| asked.at < told.at).count();
        assert!(
            before == 2 || before == 4,
            "told after {before} questions, the last of which had the answer PENDING"
        );
    }
}
