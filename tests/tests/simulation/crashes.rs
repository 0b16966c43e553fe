//! A daemon that is killed again and again, at any await.

use std::time::Duration;

use dns01d::{clock::Clock as _, random::Random as _, schedule::Limits};
use jiff::SignedDuration;
use lab::ca::{CaKnobs, NameProblem, NameStage, ProblemType};

use super::{
    number_from,
    stage::{Plot, Stage, ZONE},
    virtual_clock::Seeded,
};

const DAY: Duration = Duration::from_secs(86_400);
const CRASHES: usize = 100;

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

/// Kills the daemon at edges that the dice name, each time after so much work at most.
async fn crash(stage: &Stage, dice: &Seeded, edges: u64, patience: Duration) {
    stage.fuse.set(Some(1 + dice.below(edges)));
    let life = stage.start().await;
    // one that has nothing to do is killed where it sleeps
    let _ = tokio::time::timeout(patience, stage.fuse.blown()).await;
    life.kill().await;
    stage.fuse.set(None);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_crashes_make_no_second_order_certificate_or_account() {
    const CERTIFICATES: usize = 20;
    // Boulder gives a pending order again
    let knobs = CaKnobs {
        reuse_orders: true,
        ..CaKnobs::default()
    };
    let stage = Stage::new(Plot::plain(7, knobs, CERTIFICATES));
    let dice = Seeded::new(7);
    for _ in 0..CRASHES {
        crash(&stage, &dice, 60, Duration::from_secs(3600)).await;
    }
    let life = stage.start().await;
    tokio::time::sleep(DAY).await;
    let counts = stage.peers[0].ca.counts();
    assert_eq!(counts.accounts, 1);
    assert_eq!(counts.orders, CERTIFICATES);
    assert_eq!(counts.certificates, CERTIFICATES);
    let left: Vec<_> = stage
        .dns
        .records()
        .into_iter()
        .filter(|record| record.record_type == "TXT")
        .collect();
    assert_eq!(left, [], "every record is removed");
    for number in 0..CERTIFICATES {
        assert!(stage.live_chain(&format!("n{number}")).is_some());
    }
    life.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_crashes_add_no_attempt_to_those_that_the_back_off_allows() {
    let name = format!("n0.{ZONE}");
    let refusal = NameProblem {
        name: name.clone(),
        at: NameStage::Validation,
        problem: ProblemType::Unauthorized,
        detail: "no such record".into(),
    };
    let knobs = CaKnobs {
        reuse_orders: true,
        name_problems: vec![refusal],
        ..CaKnobs::default()
    };
    let plot = Plot {
        limits: Limits::LETS_ENCRYPT,
        ..Plot::plain(8, knobs, 1)
    };
    let stage = Stage::new(plot);
    let dice = Seeded::new(8);
    for _ in 0..CRASHES {
        // a day, or so much less that the back-off is far from over
        let patience = Duration::from_secs(60 + dice.below(4000));
        crash(&stage, &dice, 120, patience).await;
    }
    let failed: Vec<_> = stage.peers[0]
        .ca
        .validations()
        .into_iter()
        .map(|seen| seen.at)
        .collect();
    let gaps: Vec<i64> = failed
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs())
        .collect();
    println!(
        "{CRASHES} crashes, {} attempts with these seconds between them: {gaps:?}",
        failed.len()
    );
    assert!(failed.len() >= 4, "it is tried again after crashes as well");
    let hour = SignedDuration::from_hours(1);
    for first in &failed {
        let within = failed
            .iter()
            .filter(|at| *at >= first && at.duration_since(*first) < hour)
            .count();
        assert!(within <= 5);
    }
    // 1, 10, 100 minutes, then daily
    for (gap, least) in gaps
        .iter()
        .zip([60, 600, 6000].into_iter().chain(std::iter::repeat(86_400)))
    {
        assert!(*gap >= least, "{gaps:?}");
    }
}
