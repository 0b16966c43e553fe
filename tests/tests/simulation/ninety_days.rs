//! Ninety days of many certificates at a CA with renewal information.

use std::{collections::HashMap, time::Duration};

use dns01d::clock::Clock as _;
use jiff::{SignedDuration, Timestamp};
use lab::ca::{CaKnobs, RetryAfter};

use super::{
    behaviours::most_within,
    certificates_seen::{CertificatesSeen, Window},
    number_from,
    stage::{Plot, Stage},
    still_runtime,
};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn rfc9773_every_order_of_ninety_days_comes_inside_its_window_and_no_poll_early() {
    still_runtime().block_on(ninety_days());
}

async fn ninety_days() {
    let certificates = number_from("SIM_CERTIFICATES", 200);
    // those of Let's Encrypt in 2028
    let knobs = CaKnobs {
        lifetime: 45 * DAY,
        // counts as a day
        renewal_retry_after: RetryAfter::Seconds(2 * 86_400),
        ..CaKnobs::default()
    };
    let stage = Stage::new(Plot::plain(1, knobs, certificates));
    let seen = CertificatesSeen::on(&stage.peers[0].wire);
    stage.live(90 * DAY).await;

    let seen = seen.lock();
    assert_eq!(seen.sets(), certificates, "each has a certificate");
    assert_eq!(seen.expired(stage.clock.now()), [""; 0]);
    assert_eq!(seen.early_polls, [""; 0]);
    assert_eq!(seen.idle_polls, [""; 0]);
    let renewals: Vec<_> = seen
        .orders
        .iter()
        .filter(|order| order.window.is_some())
        .collect();
    assert!(
        renewals.len() >= 2 * certificates,
        "each is renewed at two thirds of 45 days"
    );
    assert!(renewals.iter().all(|order| order.names_its_predecessor));
    let windows: Vec<Window> = renewals.iter().filter_map(|order| order.window).collect();
    let is_inside = |window: &&Window| (0.0..1.0).contains(&window.position);
    let outside = windows.iter().filter(|window| !is_inside(window)).count();
    // of the windows that the last day cuts, only those are known in which the order came early
    let whole = windows.iter().filter(|window| window.end <= stage.clock.now());
    let positions: Vec<f64> = whole.map(|window| window.position).collect();
    let p = kolmogorov_smirnov(&positions);
    let mut asked: HashMap<_, Vec<Timestamp>> = HashMap::new();
    for csr in stage.peers[0].ca.csrs_taken() {
        asked.entry(csr.names).or_default().push(csr.at);
    }
    let in_a_day = asked
        .values()
        .map(|moments| most_within(moments, SignedDuration::from_hours(24)));
    let in_a_day = in_a_day.max().unwrap_or(0);
    println!(
        "{certificates} certificates, {} orders, {} polls; {outside} of {} renewals outside their windows, \
         {} early polls, p = {p:.3}, at most {in_a_day} orders of a certificate in a day",
        seen.orders.len(),
        seen.polls,
        renewals.len(),
        seen.early_polls.len(),
    );
    assert_eq!(outside, 0);
    assert_eq!(in_a_day, 1);
    assert!(p > 0.01, "the moments are not spread evenly: p = {p}");
}

/// The chance that evenly spread numbers between 0 and 1 look at least as uneven as these (Stephens' approximation).
fn kolmogorov_smirnov(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let distance = sorted
        .iter()
        .enumerate()
        .map(|(index, sample)| (sample - index as f64 / count).max((index + 1) as f64 / count - sample))
        .fold(0.0, f64::max);
    let lambda = (count.sqrt() + 0.12 + 0.11 / count.sqrt()) * distance;
    let terms = (1..=100).map(|k| {
        let k = f64::from(k);
        let sign = if k % 2.0 == 0.0 { -1.0 } else { 1.0 };
        sign * (-2.0 * k * k * lambda * lambda).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

#[test]
fn uneven_moments_are_told_from_even_ones() {
    let even: Vec<f64> = (0..1000)
        .map(|n| (f64::from(n) * 0.618_033_988_749) % 1.0)
        .collect();
    assert!(kolmogorov_smirnov(&even) > 0.5);
    let early: Vec<f64> = even.iter().map(|moment| moment * moment).collect();
    assert!(kolmogorov_smirnov(&early) < 1e-6);
    let late: Vec<f64> = even.iter().map(|moment| 0.08 + 0.92 * moment).collect();
    assert!(kolmogorov_smirnov(&late) < 0.01);
}
