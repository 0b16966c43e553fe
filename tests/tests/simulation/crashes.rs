//! A daemon that is killed between any two of its acts.

use std::time::Duration;

use dns01d::clock::Clock as _;
use lab::ca::CaKnobs;

use super::{
    number_from,
    stage::{Plot, Stage},
};

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_killed_at_any_edge_ends_with_one_certificate_and_one_account() {
    // every edge of an issuance; the runs after the last edge are not cut at all
    for edge in 1..=number_from("SIM_EDGES", 60) {
        let stage = Stage::new(Plot::plain(edge as u64, CaKnobs::default(), 1));
        stage.fuse.set(Some(edge as u64));
        let cut = stage.start().await;
        tokio::select! {
            () = stage.fuse.blown() => {}
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
        }
        cut.kill().await;

        stage.fuse.set(None);
        let life = stage.start().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let row = life.row("n0").await;
        let issued = row
            .issued
            .unwrap_or_else(|| panic!("edge {edge}: no certificate"));
        assert!(issued.not_after > stage.clock.now(), "edge {edge}");
        let counts = stage.peers[0].ca.counts();
        assert_eq!(
            (counts.accounts, counts.certificates),
            (1, 1),
            "edge {edge}: {counts:?}"
        );
        let left = stage.dns.records();
        assert!(
            left.iter().all(|record| record.record_type != "TXT"),
            "edge {edge}: {left:?}"
        );
        life.kill().await;
    }
}
