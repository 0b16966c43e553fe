//! What a CA asks for by Retry-After outlives the daemon that heard it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use lab::ca::{CaKnobs, Endpoint, Fault, FaultRule, Phase, RetryAfter, When};
use parking_lot::Mutex;

use super::{
    certificates_seen::CertificatesSeen,
    stage::{Plot, Stage, ZONE},
    wire::CaWire,
};

const HOUR: Duration = Duration::from_secs(3600);
/// What the CA asks for.
const ASKED: u64 = 600;

/// A look at an order, and whether it was told to wait.
#[derive(Debug)]
struct Look {
    at: Timestamp,
    waits: bool,
}

fn looks(wire: &CaWire) -> Arc<Mutex<Vec<Look>>> {
    let looks: Arc<Mutex<Vec<Look>>> = Arc::default();
    let sink = looks.clone();
    wire.watch(move |seen| {
        if seen.path.starts_with("/order/") || seen.path.starts_with("/finalize/") {
            sink.lock().push(Look {
                at: seen.sent_at,
                waits: seen.headers.contains_key("retry-after"),
            });
        }
    });
    looks
}

/// A daemon that is killed every so often, and never looks before the CA wants it.
async fn killed_every(pause: Duration, knobs: CaKnobs) {
    let stage = Stage::new(Plot::plain(12, knobs, 1));
    let looks = looks(&stage.peers[0].wire);
    let mut kills = 0;
    let life = loop {
        let life = stage.start().await;
        tokio::time::sleep(pause).await;
        if life.row("n0").await.issued.is_some() {
            break life;
        }
        life.kill().await;
        kills += 1;
        assert!(kills < 200, "{:?}", looks.lock());
    };
    life.kill().await;
    let looks = looks.lock();
    assert!(kills > 10, "it was killed while it waited: {kills}");
    let waits = looks.iter().filter(|look| look.waits).count();
    assert!(waits >= 2, "{looks:?}");
    for pair in looks.windows(2).filter(|pair| pair[0].waits) {
        let gap = pair[1].at.duration_since(pair[0].at);
        assert!(gap.as_secs() >= ASKED as i64, "{pair:?} of {looks:?}");
    }
    assert_eq!(stage.peers[0].ca.counts().certificates, 1);
    assert!(stage.live_chain("n0").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_processing_is_not_looked_at_early_by_a_daemon_that_was_killed() {
    let knobs = CaKnobs {
        processing: Some(HOUR / 2),
        order_retry_after: RetryAfter::Seconds(ASKED),
        ..CaKnobs::default()
    };
    killed_every(Duration::from_secs(47), knobs).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_look_was_refused_is_not_looked_at_early_by_a_daemon_that_was_killed() {
    let knobs = CaKnobs {
        faults: vec![FaultRule {
            endpoint: Some(Endpoint::Order),
            when: When::Next(3),
            phase: Phase::Before,
            fault: Fault::RateLimited(RetryAfter::Seconds(ASKED)),
        }],
        ..CaKnobs::default()
    };
    killed_every(Duration::from_secs(47), knobs).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_ca_said_of_a_renewal_is_kept_while_another_ca_is_slow_to_answer() {
    let number = |number: usize| {
        let name = format!("n{number}");
        (name.clone(), vec![format!("{name}.{ZONE}")], vec![number])
    };
    let stage = Stage::new(Plot {
        cas: vec![CaKnobs::default(); 2],
        certificates: (0..2).map(number).collect(),
        ..Plot::plain(13, CaKnobs::default(), 0)
    });
    let seen = CertificatesSeen::on(&stage.peers[1].wire);
    stage.live(HOUR).await;
    stage.peers[0].ca.knobs().update(|knobs| {
        knobs.faults = vec![FaultRule {
            endpoint: Some(Endpoint::RenewalInfo),
            when: When::Always,
            phase: Phase::Before,
            fault: Fault::Delay(3600.0),
        }];
    });
    // both are due when the next daemon starts
    tokio::time::sleep(7 * HOUR).await;
    let before = seen.lock().polls;
    stage.live(Duration::from_secs(10)).await;
    assert_eq!(seen.lock().polls, before + 1);
    stage.live(HOUR).await;
    let seen = seen.lock();
    assert_eq!(seen.early_polls, [""; 0]);
    assert_eq!(seen.polls, before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_ca_with_many_certificates_keeps_no_other_from_being_asked() {
    const MANY: usize = 300;
    let number = |number: usize| {
        let name = format!("n{number}");
        let ca = usize::from(number == MANY);
        (name.clone(), vec![format!("{name}.{ZONE}")], vec![ca])
    };
    let knobs = CaKnobs {
        renewal_retry_after: RetryAfter::Seconds(ASKED),
        ..CaKnobs::default()
    };
    let stage = Stage::new(Plot {
        cas: vec![knobs.clone(), knobs],
        certificates: (0..=MANY).map(number).collect(),
        ..Plot::plain(14, CaKnobs::default(), 0)
    });
    let seen = CertificatesSeen::on(&stage.peers[1].wire);
    let life = stage.start().await;
    tokio::time::sleep(HOUR).await;
    stage.peers[0].ca.knobs().update(|knobs| {
        knobs.faults = vec![FaultRule {
            endpoint: Some(Endpoint::RenewalInfo),
            when: When::Always,
            phase: Phase::Before,
            fault: Fault::Delay(3600.0),
        }];
    });
    let before = seen.lock().polls;
    tokio::time::sleep(2 * HOUR).await;
    let polls = seen.lock().polls - before;
    assert!((10..=12).contains(&polls), "{polls} of 12 questions in two hours");
    life.kill().await;
}
