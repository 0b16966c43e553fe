//! CAs that behave in any way for days, and well in the end.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use dns01d::{
    clock::Clock as _,
    deployment,
    random::Random,
    schedule::{Limits, most_in_a_day},
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use lab::ca::{
    AcmeCa, CaKnobs, CertificateFault, Endpoint, Fault, FaultRule, NameProblem, NameStage, Phase,
    ProblemType, RenewalAnswers, ReplacesAnswers, RetryAfter, When, Window,
};
use parking_lot::Mutex;

use super::{
    certificates_seen::CertificatesSeen,
    number_from,
    stage::{Plot, Stage, ZONE},
    still_runtime,
    virtual_clock::Seeded,
    wire::{CaWire, Seen},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Behaviours, each of a CA with one certificate, that one daemon has to do with.
const AT_ONCE: usize = 25;
/// How long they go on, and how many moods each has meanwhile.
const BAD_DAYS: u32 = 5;
const MOODS: u32 = 6;
/// The longest wait that a CA's word is good for is a week, and a tenth is added.
const GOOD_DAYS: u32 = 9;
const LIFETIMES: [Duration; 4] = [
    Duration::from_secs(24 * 3600),
    Duration::from_secs(160 * 3600),
    Duration::from_secs(45 * 86_400),
    Duration::from_secs(90 * 86_400),
];

#[test]
fn no_behaviour_of_a_ca_leads_to_a_flood_an_early_request_or_an_end() {
    let cases = number_from("SIM_CASES", 50);
    // to go on where a larger run was ended by a fault
    let first = number_from("SIM_SEED", 1).saturating_sub(1);
    let next = AtomicUsize::new(first);
    // each batch is a world of its own
    let work = || {
        let mut worst = Worst::default();
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            let left = cases.saturating_sub(batch * AT_ONCE);
            if left == 0 {
                return worst;
            }
            let of_batch = run(batch as u64 + 1, AT_ONCE.min(left), &mut worst);
            still_runtime().block_on(of_batch);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let worst = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended.fold(Worst::default(), |worst, other| match other {
            Ok(other) => worst.or(other),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    });
    println!("{} behaviours: {worst:?}", cases.saturating_sub(first * AT_ONCE));
}

/// The most that was seen of anything.
#[derive(Debug, Default)]
struct Worst {
    certificates: usize,
    asked_in_a_day: usize,
    failures_in_an_hour: usize,
    requests: u64,
}

impl Worst {
    fn or(self, other: Worst) -> Worst {
        Worst {
            certificates: self.certificates.max(other.certificates),
            asked_in_a_day: self.asked_in_a_day.max(other.asked_in_a_day),
            failures_in_an_hour: self.failures_in_an_hour.max(other.failures_in_an_hour),
            requests: self.requests.max(other.requests),
        }
    }
}

async fn run(seed: u64, behaviours: usize, worst: &mut Worst) {
    let lifetime = |number: usize| LIFETIMES[number % LIFETIMES.len()];
    let plot = Plot {
        seed,
        cas: (0..behaviours)
            .map(|number| CaKnobs {
                lifetime: lifetime(number),
                ..CaKnobs::default()
            })
            .collect(),
        certificates: (0..behaviours)
            .map(|number| {
                (
                    format!("n{number}"),
                    vec![format!("n{number}.{ZONE}")],
                    vec![number],
                )
            })
            .collect(),
        limits: Limits::NONE,
        rollover: None,
    };
    let stage = Stage::new(plot);
    let seen: Vec<_> = stage
        .peers
        .iter()
        .map(|peer| CertificatesSeen::on(&peer.wire))
        .collect();
    let manners: Vec<_> = stage.peers.iter().map(|peer| Manners::on(&peer.wire)).collect();
    let dice = Seeded::new(seed.wrapping_mul(77));
    // some begin badly
    for (number, peer) in stage
        .peers
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 2 == 0)
    {
        turn(&dice, &peer.ca, number, lifetime(number));
    }
    let mut life = stage.start().await;
    let turns = behaviours as u32 * MOODS;
    for _ in 0..turns {
        let pause = BAD_DAYS * DAY / turns;
        tokio::time::sleep(pause.mul_f64(0.5 + dice.below(1000) as f64 / 1000.0)).await;
        let number = dice.below(behaviours as u64) as usize;
        let peer = &stage.peers[number];
        peer.wire.away.store(dice.below(8) == 0, Ordering::Relaxed);
        turn(&dice, &peer.ca, number, lifetime(number));
        // killed about twice a day
        if dice.below(u64::from(turns / (2 * BAD_DAYS))) == 0 {
            life.kill().await;
            manners.iter().for_each(|manners| manners.lock().forget());
            life = stage.start().await;
        }
    }
    for (number, peer) in stage.peers.iter().enumerate() {
        peer.wire.away.store(false, Ordering::Relaxed);
        peer.ca.knobs().update(|knobs| {
            *knobs = CaKnobs {
                lifetime: lifetime(number),
                ..CaKnobs::default()
            };
        });
    }
    tokio::time::sleep(GOOD_DAYS * DAY).await;

    for (number, peer) in stage.peers.iter().enumerate() {
        let of = format!("seed {seed}, n{number}");
        let row = life.row(&format!("n{number}")).await;
        let issued = row
            .issued
            .clone()
            .unwrap_or_else(|| panic!("{of}: no certificate: {row:?}"));
        assert!(issued.not_after > stage.clock.now(), "{of}: expired: {row:?}");
        assert!(
            matches!(row.deployment, Some(deployment::State::Deployed { .. })),
            "{of}: {row:?}"
        );

        let manners = manners[number].lock();
        assert_eq!(manners.early, [""; 0], "{of}");
        let day = SignedDuration::from_hours(24);
        let bounds = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + lifetime(number));
        let asked: Vec<Timestamp> = peer.ca.csrs_taken().into_iter().map(|taken| taken.at).collect();
        let asked_in_a_day = most_within(&asked, day);
        assert!(
            asked_in_a_day <= most_in_a_day(Some(bounds)) as usize,
            "{of}: {asked_in_a_day} certificates in a day: {asked:?}"
        );
        let failed = peer
            .ca
            .validations()
            .into_iter()
            .filter(|seen| seen.failure.is_some());
        let failed = most_within(
            &failed.map(|seen| seen.at).collect::<Vec<_>>(),
            SignedDuration::from_hours(1),
        );
        assert!(failed <= 5, "{of}: {failed} failed authorizations in an hour");
        let seen = seen[number].lock();
        assert_eq!(seen.early_polls, [""; 0], "{of}");
        assert_eq!(seen.idle_polls, [""; 0], "{of}");

        worst.certificates = worst.certificates.max(peer.ca.counts().certificates);
        worst.asked_in_a_day = worst.asked_in_a_day.max(asked_in_a_day);
        worst.failures_in_an_hour = worst.failures_in_an_hour.max(failed);
        worst.requests = worst.requests.max(peer.ca.requests_by_endpoint().values().sum());
    }
    life.kill().await;
}

/// The most moments that any such stretch of time holds.
pub fn most_within(moments: &[Timestamp], stretch: SignedDuration) -> usize {
    let within = |first: &Timestamp| {
        let inside = |at: &&Timestamp| *at >= first && at.duration_since(*first) < stretch;
        moments.iter().filter(inside).count()
    };
    moments.iter().map(within).max().unwrap_or(0)
}

/// How a client behaves towards one CA, by its requests.
#[derive(Debug, Default)]
struct Manners {
    early: Vec<String>,
    /// Nothing at all is to be asked before.
    all_wait: Option<Told>,
    /// Nor anything of orders.
    orders_wait: Option<Told>,
    /// Nor anything of orders, by an answer to a look at one.
    looks_wait: Option<Told>,
    /// Nor these.
    order_waits: HashMap<String, Told>,
}

/// Until when to wait, and by which answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    until: Timestamp,
    /// What was sent before this came could not know.
    answered_as: u64,
    by: String,
    /// So short that a client that is started again need not know of it.
    is_short: bool,
}

/// Of what was told before and what is told at a moment; one that goes on is known since it began.
fn longer(before: Option<Told>, now: Option<Told>, at: Timestamp) -> Option<Told> {
    let known = before.as_ref().filter(|before| before.until > at);
    let known = known.map_or(u64::MAX, |before| before.answered_as);
    let longer = before.max(now);
    longer.map(|told| Told {
        answered_as: told.answered_as.min(known),
        ..told
    })
}

/// 503 closes a client for an hour at most, and a week is the longest wait that is believed.
const LONGEST_CLOSURE: Duration = HOUR;
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);
const SHORT_WAIT: Duration = Duration::from_secs(5);

impl Manners {
    fn on(wire: &CaWire) -> Arc<Mutex<Self>> {
        let manners = Arc::new(Mutex::new(Manners::default()));
        let sink = manners.clone();
        wire.watch(move |seen| sink.lock().hear(seen));
        manners
    }

    /// What a client that is started again cannot know.
    fn forget(&mut self) {
        let is_known = |told: &Told| !told.is_short;
        self.all_wait = None;
        self.looks_wait = self.looks_wait.take().filter(is_known);
        self.order_waits.retain(|_, told| is_known(told));
    }

    fn hear(&mut self, seen: &Seen<'_>) {
        let at = seen.sent_at;
        let is_about_orders = [
            "/new-order",
            "/order/",
            "/authz/",
            "/challenge/",
            "/finalize/",
            "/cert/",
        ]
        .iter()
        .any(|path| seen.path.starts_with(path));
        let waits = [
            self.all_wait.as_ref(),
            self.orders_wait.as_ref().filter(|_| is_about_orders),
            self.looks_wait.as_ref().filter(|_| is_about_orders),
            self.order_waits.get(seen.path),
        ];
        let is_told = |told: &&Told| told.answered_as < seen.sent_as && at < told.until;
        if let Some(Told { until, by, .. }) = waits.into_iter().flatten().filter(is_told).max() {
            let asked = seen.path;
            self.early
                .push(format!("{asked} at {at}, where {until} was told by {by}"));
        }
        let Some(wait) = retry_after(seen) else { return };
        let is_look = seen.path.starts_with("/order/") || seen.path.starts_with("/authz/");
        let told = |longest| {
            Some(Told {
                until: seen.at + wait.min(longest),
                answered_as: seen.answered_as,
                by: format!("{} for {} at {}", seen.status, seen.path, seen.at),
                is_short: wait < SHORT_WAIT,
            })
        };
        if seen.status == 503 {
            self.all_wait = longer(self.all_wait.take(), told(LONGEST_CLOSURE), seen.at);
        }
        let until = told(LONGEST_WAIT);
        match seen.status {
            429 | 500.. if is_look => self.looks_wait = longer(self.looks_wait.take(), until, seen.at),
            429 | 500.. if is_about_orders => {
                self.orders_wait = longer(self.orders_wait.take(), until, seen.at)
            }
            200 => {
                // RFC 8555 7.4: the answer to the CSR is the order
                let order = seen.path.replacen("/finalize/", "/order/", 1);
                if order.starts_with("/order/") {
                    self.order_waits.extend(until.map(|until| (order, until)));
                }
            }
            _ => {}
        }
    }
}

/// In either form; a date has whole seconds, so one less.
fn retry_after(seen: &Seen<'_>) -> Option<Duration> {
    let text = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    let until = PARSER.parse_timestamp(value).ok()?;
    Duration::try_from(until.duration_since(seen.at))
        .ok()?
        .checked_sub(Duration::from_secs(1))
}

/// Gives a CA another mood.
fn turn(dice: &dyn Random, ca: &AcmeCa, number: usize, lifetime: Duration) {
    let one_in = |many: u64| dice.below(many) == 0;
    let knobs = CaKnobs {
        lifetime,
        nonce_reject: if one_in(3) { 0.3 } else { 0.0 },
        faults: (0..dice.below(4)).map(|_| rule(dice)).collect(),
        name_problems: match one_in(4) {
            true => vec![NameProblem {
                name: format!("n{number}.{ZONE}"),
                at: *pick(
                    dice,
                    &[NameStage::NewOrder, NameStage::Validation, NameStage::Finalize],
                ),
                problem: *pick(
                    dice,
                    &[
                        ProblemType::Unauthorized,
                        ProblemType::Dns,
                        ProblemType::Caa,
                        ProblemType::RejectedIdentifier,
                        ProblemType::ServerInternal,
                    ],
                ),
                detail: "the simulation does not like it".into(),
            }],
            false => Vec::new(),
        },
        processing: one_in(3).then(|| Duration::from_secs(*pick(dice, &[1, 60, 3600, 5 * 3600, 30 * 3600]))),
        validation_delay: Duration::from_secs(*pick(dice, &[0, 0, 0, 5, 600])),
        backdate: *pick(
            dice,
            &[
                Duration::ZERO,
                Duration::ZERO,
                HOUR,
                lifetime / 2,
                lifetime - HOUR / 2,
            ],
        ),
        high_serials: one_in(2),
        reuse_orders: one_in(2),
        reuse_authorizations: one_in(2),
        order_lifetime: *pick(dice, &[HOUR, 8 * HOUR, 7 * DAY]),
        order_retry_after: answer_later(dice),
        authorization_retry_after: answer_later(dice),
        replaces: *pick(
            dice,
            &[
                ReplacesAnswers::Checked,
                ReplacesAnswers::Checked,
                ReplacesAnswers::AlreadyReplaced,
                ReplacesAnswers::Refused,
            ],
        ),
        renewal_info: *pick(
            dice,
            &[
                RenewalAnswers::Offered,
                RenewalAnswers::Offered,
                RenewalAnswers::Absent,
                RenewalAnswers::NotFound,
                RenewalAnswers::InternalError,
                RenewalAnswers::Inverted,
                RenewalAnswers::AlwaysOpen,
                RenewalAnswers::Garbage,
            ],
        ),
        renewal_retry_after: RetryAfter::Seconds(*pick(dice, &[0, 600, 21_600, 315_360_000])),
        certificate_fault: one_in(5).then(|| {
            *pick(
                dice,
                &[
                    CertificateFault::WrongKey,
                    CertificateFault::NameMissing,
                    CertificateFault::Expired,
                    CertificateFault::NotYetValid,
                    CertificateFault::NoIntermediate,
                    CertificateFault::WrongIntermediate,
                ],
            )
        }),
        ..CaKnobs::default()
    };
    ca.knobs().update(|before| *before = knobs);
    if one_in(4) {
        // windows in the past, as for a certificate that is to go at once
        let end = ca.now() - HOUR;
        for certificate in ca.certificates() {
            let window = Window {
                start: end - HOUR,
                end,
                explanation_url: None,
            };
            ca.set_renewal_info(&certificate.serial, window).unwrap();
        }
    }
}

fn rule(dice: &dyn Random) -> FaultRule {
    let later = answer_later(dice);
    FaultRule {
        endpoint: *pick(
            dice,
            &[
                None,
                Some(Endpoint::Directory),
                Some(Endpoint::NewNonce),
                Some(Endpoint::NewAccount),
                Some(Endpoint::NewOrder),
                Some(Endpoint::Order),
                Some(Endpoint::Authorization),
                Some(Endpoint::Challenge),
                Some(Endpoint::Finalize),
                Some(Endpoint::Certificate),
                Some(Endpoint::RenewalInfo),
            ],
        ),
        when: *pick(
            dice,
            &[
                When::Always,
                When::Share(0.3),
                When::Share(0.7),
                When::Next(1),
                When::Next(5),
            ],
        ),
        phase: *pick(dice, &[Phase::Before, Phase::After]),
        fault: *pick(
            dice,
            &[
                Fault::Delay(3.0),
                Fault::Delay(90.0),
                Fault::Status(404),
                Fault::Status(403),
                Fault::Status(500),
                Fault::Status(502),
                Fault::RateLimited(later),
                Fault::Unavailable(later),
                Fault::RateLimited(later),
                Fault::Unavailable(later),
                Fault::InternalError,
                Fault::Reset,
                Fault::TruncateBody,
                Fault::Paused,
                Fault::Redirect(307),
                Fault::Html,
                Fault::NoNonce,
                Fault::DeepJson(500),
            ],
        ),
    }
}

fn answer_later(dice: &dyn Random) -> RetryAfter {
    *pick(
        dice,
        &[
            RetryAfter::Absent,
            RetryAfter::Seconds(0),
            RetryAfter::Seconds(30),
            RetryAfter::Seconds(600),
            RetryAfter::Seconds(7200),
            RetryAfter::DateIn(90),
            RetryAfter::DateIn(5400),
            RetryAfter::Seconds(315_360_000),
        ],
    )
}

fn pick<'a, T>(dice: &dyn Random, from: &'a [T]) -> &'a T {
    &from[dice.below(from.len() as u64) as usize]
}
