//! Canaries over months: sent by themselves, in turn, and loud when a host of DNS no longer lets us in.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use dns01d::{
    clock::Clock as _,
    store::{CanaryRow, Store as _},
};
use jiff::SignedDuration;
use lab::ca::CaKnobs;

use super::stage::{Life, Plot, Stage};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn stage(certificates: usize) -> Stage {
    let knobs = CaKnobs {
        lifetime: 400 * DAY,
        ..CaKnobs::default()
    };
    let mut stage = Stage::new(Plot::plain(1, knobs, certificates));
    stage.canary = Some(WEEK);
    stage
}

async fn only(life: &Life) -> CanaryRow {
    let mut rows = life.store.canaries().await.unwrap();
    assert_eq!(rows.len(), 1, "one provider, one zone: {rows:?}");
    rows.pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_week_one_name_of_a_zone_is_tried_in_turn_also_over_restarts() {
    let stage = stage(3);
    let mut tried = BTreeSet::new();
    let mut moments = BTreeSet::new();
    for _ in 0..5 {
        let life = stage.start().await;
        tokio::time::sleep(WEEK).await;
        let (name, at) = only(&life).await.last.expect("within the first week");
        tried.insert(name);
        moments.insert(at);
        assert!(stage.txt().is_empty(), "nothing is left: {:?}", stage.txt());
        life.kill().await;
    }
    assert_eq!(tried.len(), 3, "{tried:?}");
    assert!(
        moments.len() >= 4,
        "a restart neither skips nor repeats one: {moments:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_lets_us_in_no_more_is_known_weeks_before_a_renewal() {
    let stage = stage(2);
    let life = stage.start().await;
    tokio::time::sleep(WEEK).await;
    assert_eq!(only(&life).await.failing, None);
    let renewal = life.row("n0").await.renew_at().expect("it was issued");

    stage.locked_out.store(true, Ordering::Relaxed);
    tokio::time::sleep(WEEK).await;
    let row = only(&life).await;
    let failing = row.failing.expect("it was tried within a week");
    assert!(failing.text.contains("the token has expired"), "{failing:?}");
    assert!(renewal.duration_since(failing.since) > SignedDuration::from_hours(21 * 24));
    assert_eq!(
        life.row("n0").await.failures + life.row("n1").await.failures,
        0,
        "no certificate has failed by it"
    );
    // the first time again after an hour, then once a day
    tokio::time::sleep(4 * DAY).await;
    let later = only(&life).await.failing.unwrap();
    assert_eq!(later.since, failing.since);
    assert!(
        (3..=5).contains(&(later.times - failing.times)),
        "{failing:?} {later:?}"
    );

    // what a person mended is tried at the reload
    stage.locked_out.store(false, Ordering::Relaxed);
    life.reload(&stage).await;
    tokio::time::sleep(HOUR / 60).await;
    assert_eq!(only(&life).await.failing, None);
    assert!(stage.txt().is_empty());
    life.kill().await;
}

#[tokio::test(start_paused = true)]
async fn canaries_that_are_off_are_not_sent_and_leave_nothing_known() {
    let mut stage = stage(1);
    let life = stage.start().await;
    tokio::time::sleep(WEEK).await;
    assert!(only(&life).await.last.is_some());
    life.kill().await;
    stage.canary = None;
    let life = stage.start().await;
    tokio::time::sleep(3 * WEEK).await;
    assert_eq!(life.store.canaries().await.unwrap(), []);
    life.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_edge_of_a_canary_leaves_no_record() {
    let mut left_standing = 0;
    for edge in 1..=30 {
        let stage = stage(1);
        let life = stage.start().await;
        tokio::time::sleep(HOUR).await;
        let until = only(&life).await.next.duration_since(stage.clock.now());
        tokio::time::sleep(Duration::try_from(until).unwrap_or_default() - HOUR / 3600).await;
        assert!(stage.txt().is_empty());
        stage.fuse.set(Some(edge));
        let _ = tokio::time::timeout(HOUR / 60, stage.fuse.blown()).await;
        life.kill().await;
        left_standing += usize::from(!stage.txt().is_empty());

        stage.fuse.set(None);
        let life = stage.start().await;
        tokio::time::sleep(HOUR / 60).await;
        assert_eq!(stage.txt(), [""; 0], "edge {edge}");
        life.kill().await;
    }
    assert!(
        left_standing > 3,
        "only {left_standing} kills came between publication and removal"
    );
}
