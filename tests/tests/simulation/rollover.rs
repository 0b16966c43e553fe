//! Another key for an account, between a CA and a disk that know nothing of each other.

use std::{collections::BTreeMap, time::Duration};

use dns01d::{
    acme::{self, AccountKey},
    engine::AccountTask,
    types::AccountUrl,
};
use lab::ca::{CaKnobs, Endpoint, Fault, FaultRule, Phase, When};

use super::{
    number_from,
    stage::{Life, Plot, Stage},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const KEY_AGE: Duration = Duration::from_secs(86_400);
/// Fewer edges than a rollover has would mean that the sweep cuts none of it.
const FEWEST_EDGES: usize = 10;

/// Every key that the account ever had here, by its thumbprint.
type Keys = BTreeMap<String, AccountKey>;

fn gather(stage: &Stage, keys: &mut Keys) {
    for pem in stage.account_files().into_values() {
        // one that a kill cut off in the middle is none
        if let Ok(key) = AccountKey::from_pem(&pem) {
            keys.insert(key.thumbprint().to_owned(), key);
        }
    }
}

async fn account(life: &Life) -> acme::Account {
    let world = life.engine.world();
    let authority = world.authorities.values().next().unwrap();
    authority.perform(AccountTask::Show).await.unwrap().account
}

/// The account of each key, as the CA has it.
async fn holders(stage: &Stage, keys: &Keys) -> BTreeMap<String, AccountUrl> {
    let peer = &stage.peers[0];
    let options = stage.acme_options(peer);
    let client = acme::Client::over(peer.wire.clone(), options, stage.clock.clone()).unwrap();
    let mut holders = BTreeMap::new();
    for (thumbprint, key) in keys {
        if let Some(url) = client.find_account(key).await.unwrap() {
            holders.insert(thumbprint.clone(), url);
        }
    }
    holders
}

async fn serial(life: &Life) -> Option<String> {
    life.row("n0").await.issued.map(|issued| issued.serial)
}

/// Cuts a rollover off at its `edge`-th edge, if it has so many, while the CA loses an answer to `lost`. Says whether
/// it was cut.
async fn cut(edge: usize, lost: Option<Endpoint>) -> bool {
    let of = format!("edge {edge}, lost {lost:?}");
    let stage = Stage::new(Plot {
        rollover: Some(KEY_AGE),
        ..Plot::plain(edge as u64, CaKnobs::default(), 1)
    });
    let mut keys = Keys::new();
    let life = stage.start().await;
    // the account is made with the first order, in the first minute
    tokio::time::sleep(KEY_AGE - MINUTE).await;
    let before = account(&life).await;
    gather(&stage, &mut keys);
    stage.peers[0].ca.knobs().update(|knobs| {
        knobs.faults = lost
            .map(|endpoint| FaultRule {
                endpoint: Some(endpoint),
                when: When::Next(1),
                phase: Phase::After,
                fault: Fault::Reset,
            })
            .into_iter()
            .collect();
    });
    stage.fuse.set(Some(edge as u64));
    let is_cut = tokio::select! {
        () = stage.fuse.blown() => true,
        () = tokio::time::sleep(3 * MINUTE) => false,
    };
    gather(&stage, &mut keys);
    let life = if is_cut {
        life.kill().await;
        stage.fuse.set(None);
        stage.peers[0].ca.knobs().update(|knobs| knobs.faults.clear());
        stage.start().await
    } else {
        stage.fuse.set(None);
        life
    };

    // the next order succeeds, with whichever key counts now
    let old_serial = serial(&life).await;
    life.engine.renew("n0").await.unwrap().unwrap();
    tokio::time::sleep(10 * MINUTE).await;
    let row = life.row("n0").await;
    assert_ne!(
        row.issued.as_ref().map(|issued| issued.serial.clone()),
        old_serial,
        "{of}: {row:?}"
    );
    gather(&stage, &mut keys);
    // by then a rollover that failed was tried again
    tokio::time::sleep(KEY_AGE + HOUR).await;
    gather(&stage, &mut keys);

    let after = account(&life).await;
    assert_eq!(after.url(), before.url(), "{of}");
    assert_ne!(
        after.key().thumbprint(),
        before.key().thumbprint(),
        "{of}: the key is another"
    );
    let counts = BTreeMap::from([(after.key().thumbprint().to_owned(), before.url().clone())]);
    assert_eq!(
        holders(&stage, &keys).await,
        counts,
        "{of}: exactly one key works"
    );
    let files = stage.account_files();
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["ca0.pem"],
        "{of}: no other key is left"
    );
    let on_disk = AccountKey::from_pem(&files["ca0.pem"]).unwrap();
    assert_eq!(on_disk.thumbprint(), after.key().thumbprint(), "{of}");
    assert_eq!(stage.peers[0].ca.counts().accounts, 1, "{of}");
    life.kill().await;
    is_cut
}

async fn sweep(lost: Option<Endpoint>) {
    let most = number_from("SIM_EDGES", 100);
    let mut edge = 1;
    while cut(edge, lost).await {
        edge += 1;
        assert!(edge <= most, "a rollover has an end");
    }
    println!("{} edges with lost answer of {lost:?}", edge - 1);
    assert!(edge > FEWEST_EDGES, "only {edge} edges");
}

#[tokio::test(start_paused = true)]
async fn a_rollover_that_is_killed_at_any_edge_leaves_one_account_with_one_key() {
    sweep(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollover_whose_answer_is_lost_and_that_is_killed_at_any_edge_leaves_one_account_with_one_key() {
    // the change itself, the question whose the key is, and the first request with it
    for lost in [Endpoint::KeyChange, Endpoint::NewAccount, Endpoint::Account] {
        sweep(Some(lost)).await;
    }
}
