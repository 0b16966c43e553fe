//! How much is asked of a CA, also of one that refuses its own nonces.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lab::ca::CaKnobs;

use super::stage::{Plot, Stage, ZONE};

const HOUR: Duration = Duration::from_secs(3600);

/// Counts requests, those for renewal information not among them.
fn count(stage: &Stage) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    stage.peers[0].wire.watch(move |seen| {
        if !seen.path.starts_with("/renewal-info/") {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    count
}

#[tokio::test(start_paused = true)]
async fn two_hundred_certificates_come_though_many_nonces_are_rejected() {
    const CERTIFICATES: usize = 200;
    for share in [0.2, 0.6] {
        let knobs = CaKnobs {
            nonce_reject: share,
            ..CaKnobs::default()
        };
        let stage = Stage::new(Plot::plain(5, knobs, CERTIFICATES));
        let requests = count(&stage);
        let life = stage.start().await;
        tokio::time::sleep(HOUR).await;
        let counts = stage.peers[0].ca.counts();
        let each = requests.load(Ordering::Relaxed) as f64 / CERTIFICATES as f64;
        println!(
            "{:.0} % of nonces rejected: {each:.1} requests for each of {} certificates",
            share * 100.0,
            counts.certificates
        );
        assert_eq!(counts.certificates, CERTIFICATES);
        assert_eq!(counts.orders, CERTIFICATES, "none was ordered twice");
        for number in 0..CERTIFICATES {
            let row = life.row(&format!("n{number}")).await;
            assert!(
                row.issued.is_some() && row.failures == 0,
                "n{number}: {:?}",
                row.last_error
            );
        }
        life.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_and_its_apex_take_ten_requests_of_a_warm_account() {
    let plot = Plot {
        certificates: vec![(
            "n0".into(),
            vec![format!("w.{ZONE}"), format!("*.w.{ZONE}")],
            vec![0],
        )],
        ..Plot::plain(6, CaKnobs::default(), 0)
    };
    let stage = Stage::new(plot);
    let life = stage.start().await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.peers[0].ca.counts().certificates, 1);
    let requests = count(&stage);
    life.engine.renew("n0").await.unwrap().unwrap();
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.peers[0].ca.counts().certificates, 2);
    let requests = requests.load(Ordering::Relaxed);
    println!("{requests} requests for a wildcard and its apex");
    assert!(requests <= 10);
    life.kill().await;
}
