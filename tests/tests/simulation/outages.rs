//! CAs that are away for days, machines that sleep, clocks that are wrong.

use std::{sync::atomic::Ordering, time::Duration};

use dns01d::{clock::Clock as _, random::Random as _, schedule::Limits};
use jiff::SignedDuration;
use lab::ca::{CaKnobs, RetryAfter};

use super::{
    certificates_seen::CertificatesSeen,
    stage::{Plot, Stage, ZONE},
    virtual_clock::Seeded,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Certificates of 45 days at one CA, of 160 hours at another.
fn plot(seed: u64) -> Plot {
    let knobs = |lifetime| CaKnobs {
        lifetime,
        renewal_retry_after: RetryAfter::Seconds(86_400),
        ..CaKnobs::default()
    };
    let certificate = |number: usize| {
        let name = format!("n{number}");
        (name.clone(), vec![format!("{name}.{ZONE}")], vec![number % 2])
    };
    Plot {
        seed,
        cas: vec![knobs(45 * DAY), knobs(160 * HOUR)],
        certificates: (0..4).map(certificate).collect(),
        limits: Limits::NONE,
        rollover: None,
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_expires_in_a_thousand_days_with_cas_that_are_away_for_days() {
    let mut outages = 0;
    for seed in 1..=5 {
        let stage = Stage::new(plot(seed));
        let seen = [0, 1].map(|ca| CertificatesSeen::on(&stage.peers[ca].wire));
        let dice = Seeded::new(seed + 100);
        let life = stage.start().await;
        tokio::time::sleep(DAY).await;
        let end = stage.clock.now() + SignedDuration::from_hours(199 * 24);
        while stage.clock.now() < end {
            // long enough for every certificate to be renewed between two of them
            tokio::time::sleep(5 * DAY + Duration::from_secs(dice.below(10 * 86_400))).await;
            let long = dice.below(3) == 0;
            let (away, time) = match long {
                true => (&stage.peers[..1], 7 * DAY),
                false => (&stage.peers[..], 48 * HOUR),
            };
            away.iter()
                .for_each(|peer| peer.wire.away.store(true, Ordering::Relaxed));
            tokio::time::sleep(time).await;
            away.iter()
                .for_each(|peer| peer.wire.away.store(false, Ordering::Relaxed));
            outages += 1;
        }
        for seen in seen {
            let seen = seen.lock();
            assert_eq!(seen.sets(), 2, "each has a certificate");
            assert_eq!(seen.expired(stage.clock.now()), [""; 0], "seed {seed}");
            assert_eq!(seen.early_polls, [""; 0], "seed {seed}");
        }
        life.kill().await;
    }
    println!("{outages} outages in 1000 days");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_slept_through_comes_within_a_minute() {
    let stage = Stage::new(Plot::plain(1, CaKnobs::default(), 1));
    let seen = CertificatesSeen::on(&stage.peers[0].wire);
    let life = stage.start().await;
    tokio::time::sleep(DAY).await;
    // timers stand still meanwhile, as in a machine that sleeps
    let slept = SignedDuration::from_hours(70 * 24);
    stage.clock.step(slept);
    stage.ca_clock.step(slept);
    let woken = stage.clock.now();
    tokio::time::sleep(HOUR).await;
    let orders = seen.lock().orders.clone();
    assert_eq!(orders.len(), 2);
    let late = orders[1].at.duration_since(woken);
    assert!(late <= SignedDuration::from_secs(60), "{late:#}");
    life.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ten_years_off_costs_an_order_at_most_and_no_certificate() {
    for years in [10, -10] {
        let stage = Stage::new(Plot::plain(1, CaKnobs::default(), 1));
        let seen = CertificatesSeen::on(&stage.peers[0].wire);
        let life = stage.start().await;
        tokio::time::sleep(5 * DAY).await;
        assert_eq!(seen.lock().orders.len(), 1);
        let off = SignedDuration::from_hours(years * 365 * 24);
        stage.clock.step(off);
        tokio::time::sleep(DAY / 2).await;
        stage.clock.step(-off);
        tokio::time::sleep(DAY / 2).await;
        let orders = seen.lock().orders.len();
        assert!(orders <= 2, "{years} years off: {orders} orders");
        let row = life.row("n0").await;
        let issued = row.issued.expect("it is still known");
        assert!(issued.not_after > stage.clock.now());
        assert!(stage.live_chain("n0").is_some(), "and still on disk");
        // whatever was planned while the clock was wrong
        tokio::time::sleep(200 * DAY).await;
        let row = life.row("n0").await;
        let issued = row.issued.as_ref().expect("it is still known");
        let now = stage.clock.now();
        assert!(issued.not_after > now, "{years} years off, and then: {row:?}");
        assert_eq!(seen.lock().expired(now), [""; 0], "{years} years off, and then");
        life.kill().await;
    }
}
