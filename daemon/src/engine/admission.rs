//! Which CA is asked for an order, and whether now: what the CA would refuse, and what would be a flood, is not
//! asked for.

use jiff::{SignedDuration, Timestamp};

use super::{Authority, Certificate, Engine, World, reserved::Reservation};
use crate::{
    schedule::{
        ASKED_FOR, Cause, ChargedBy, Counter, Permit, Scope, breaker_allows_at, choose_ca, counters,
        most_in_a_day, permit,
    },
    store::{CertificateRow, Charge, Hold, Issued, StoreError},
    types::CaName,
};

/// The breaker's memory, with room for clocks that were set back.
const BREAKER_LOOKS_BACK: SignedDuration = SignedDuration::from_hours(48);
/// With less than a tenth of its life left a certificate is urgent: reserves are for it, and no CA has its patience.
const URGENT_DIVISOR: i32 = 10;
/// A hold that leaves this many times its length before the certificate's end is waited for; otherwise another CA is asked.
const HOLDS_THAT_FIT: i32 = 4;

/// Until it is known what became of orders that were first.
const OTHERS: SignedDuration = SignedDuration::from_mins(1);

/// Leave to ask a CA for an order.
#[derive(Debug)]
pub(super) struct Pass {
    /// Which one.
    pub(super) ca: CaName,
    /// The certificate that the new one follows, where the CA knows it (RFC 9773 5).
    pub(super) replaces: Option<String>,
    /// The CA lets the order pass its limits: a renewal inside the window that it suggested.
    pub(super) exempt: bool,
    /// What the order costs.
    pub(super) charges: Vec<Charge>,
    /// Holds the order's place among others.
    pub(super) _reservation: Reservation,
}

/// What is to be done about an order that is due.
#[derive(Debug)]
pub(super) enum Admission {
    /// Ask.
    Go(Pass),
    /// Wait.
    Hold(Hold),
}

/// True when the certificate on disk is near its end, or past it.
pub(super) fn is_urgent(row: Option<&CertificateRow>, now: Timestamp) -> bool {
    let issued = row.and_then(|row| row.issued.as_ref());
    issued.is_some_and(|issued| {
        let life = issued.not_after.duration_since(issued.not_before);
        issued.not_after.duration_since(now) < life / URGENT_DIVISOR
    })
}

/// The CA that may be asked now; of several the first that lets us, if the preferred one holds the order up for
/// longer than the certificate can wait.
pub(super) async fn admit(
    engine: &Engine,
    world: &World,
    certificate: &Certificate,
    row: &CertificateRow,
) -> Result<Admission, StoreError> {
    let now = engine.clock.now();
    let urgent = is_urgent(Some(row), now);
    let chosen = choose_ca(&certificate.cas, &row.troubles, urgent, now);
    let others = certificate.cas.iter().filter(|ca| Some(*ca) != chosen);
    let mut first_hold = None;
    for ca in chosen.into_iter().chain(others) {
        let Some(authority) = world.authorities.get(ca) else {
            continue;
        };
        match ask_one(engine, authority, certificate, row, urgent).await? {
            Admission::Go(pass) => return Ok(Admission::Go(pass)),
            Admission::Hold(hold) => {
                let fits = fits(&hold, row, now);
                let hold = first_hold.get_or_insert(hold);
                if fits {
                    return Ok(Admission::Hold(hold.clone()));
                }
            }
        }
    }
    Ok(Admission::Hold(first_hold.unwrap_or_else(|| Hold {
        until: now,
        because: "none of its CAs is configured".into(),
    })))
}

/// A renewal may wait as long as there is time; a first certificate has no time at all.
fn fits(hold: &Hold, row: &CertificateRow, now: Timestamp) -> bool {
    let wait = hold.until.duration_since(now);
    let issued = row.issued.as_ref();
    issued.is_some_and(|issued| issued.not_after.duration_since(now) > wait.saturating_mul(HOLDS_THAT_FIT))
}

async fn ask_one(
    engine: &Engine,
    authority: &Authority,
    certificate: &Certificate,
    row: &CertificateRow,
    urgent: bool,
) -> Result<Admission, StoreError> {
    let now = engine.clock.now();
    let ca = &authority.options().acme.name;
    let replaces = row
        .issued
        .as_ref()
        .filter(|issued| may_be_replaced(issued, ca, certificate));
    let exempt = replaces.is_some() && is_inside_the_window(row, now);
    if let Some(hold) = breaker(engine, authority, certificate, row, now).await? {
        return Ok(Admission::Hold(hold));
    }
    let counters = if exempt {
        Vec::new()
    } else {
        counters_of(authority, certificate)
    };
    match permitted(engine, &counters, urgent, now).await? {
        Ok(reservation) => Ok(Admission::Go(Pass {
            ca: ca.clone(),
            replaces: replaces.and_then(|issued| issued.cert_id.clone()),
            exempt,
            charges: charges(&counters, ChargedBy::Order),
            _reservation: reservation,
        })),
        Err(hold) => Ok(Admission::Hold(Hold {
            because: format!("CA `{ca}`: {}", hold.because),
            ..hold
        })),
    }
}

/// Whether the counters, as they stand, let one more order through; if so its place is reserved.
pub(super) async fn permitted(
    engine: &Engine,
    counters: &[Counter],
    urgent: bool,
    now: Timestamp,
) -> Result<Result<Reservation, Hold>, StoreError> {
    if counters.is_empty() {
        return Ok(Ok(engine.reserved.take(&[])));
    }
    // one at a time; and first what is under way, then what is charged: who goes from one to the other meanwhile is
    // seen twice, never not at all
    let _one = engine.admitting.lock().await;
    let under_way = engine.reserved.of(counters);
    let keys = counters.iter().map(|counter| counter.key.clone()).collect();
    let charged = engine.store.budgets(keys).await?;
    let believed = |(counter, full_at): (&Counter, Option<Timestamp>)| counter.believed(full_at, now);
    let charged: Vec<_> = counters.iter().zip(charged).map(believed).collect();
    let full_at = counters
        .iter()
        .zip(&charged)
        .zip(under_way)
        .map(|((counter, full_at), count)| {
            let more = |full_at, _| Some(counter.charged(full_at, now));
            (counter.clone(), (0..count).fold(*full_at, more))
        });
    let used_up = |permit| match permit {
        Permit::Now => None,
        Permit::NotBefore { at, because } => Some(Hold {
            until: at,
            because: format!("{because}, and all of them are used"),
        }),
    };
    let standing: Vec<_> = counters.iter().cloned().zip(charged.iter().copied()).collect();
    if let Some(hold) = used_up(permit(&standing, urgent, now)) {
        return Ok(Err(hold));
    }
    let with_others: Vec<_> = full_at.collect();
    match used_up(permit(&with_others, urgent, now)) {
        None => Ok(Ok(engine.reserved.take(counters))),
        // they may fail, and leave something
        Some(hold) => Ok(Err(Hold {
            until: now.checked_add(OTHERS).unwrap_or(Timestamp::MAX),
            because: format!("{} by orders that are under way", hold.because),
        })),
    }
}

/// All that the CA counts of an order for this certificate.
pub(super) fn counters_of(authority: &Authority, certificate: &Certificate) -> Vec<Counter> {
    let options = authority.options();
    let scope = Scope {
        directory: options.acme.directory.as_str(),
        // one account for each CA of the configuration, whose counters outlive a rollover
        account: options.acme.name.as_str(),
    };
    counters(&options.limits, scope, &certificate.identifiers)
}

/// What one event costs.
pub(super) fn charges(counters: &[Counter], event: ChargedBy) -> Vec<Charge> {
    let charged = counters.iter().filter(|counter| counter.charged_by == event);
    charged
        .map(|counter| Charge {
            key: counter.key.clone(),
            interval: counter.limit.interval(),
        })
        .collect()
}

async fn breaker(
    engine: &Engine,
    authority: &Authority,
    certificate: &Certificate,
    row: &CertificateRow,
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    let options = authority.options();
    if !options.limits.breaker {
        return Ok(None);
    }
    let since = now.checked_sub(BREAKER_LOOKS_BACK).unwrap_or(Timestamp::MIN);
    let begun = engine
        .store
        .begun(certificate.name.clone(), options.acme.name.clone(), since)
        .await?;
    let asked_for = row.cause.is_asked_for();
    let begun: Vec<Timestamp> = begun
        .into_iter()
        .filter(|begun| begun.cause.is_asked_for() == asked_for)
        .map(|begun| begun.at)
        // what is to come was noted by a clock that was ahead
        .filter(|at| *at <= now)
        .collect();
    let life = row
        .issued
        .as_ref()
        .map(|issued| (issued.not_before, issued.not_after));
    let until = breaker_allows_at(&begun, life, asked_for);
    if until <= now {
        return Ok(None);
    }
    let because = match row.cause {
        Cause::Planned => format!(
            "it was issued {} times in a day already, where {} are planned at most: something is wrong at CA `{}`, or here",
            begun.len(),
            most_in_a_day(life),
            options.acme.name
        ),
        Cause::Changed | Cause::Operator | Cause::Revocation => format!(
            "it was replaced on request {} times in a day already, and {ASKED_FOR} are allowed",
            begun.len()
        ),
    };
    Ok(Some(Hold { until, because }))
}

/// RFC 9773 5: the same CA, and at least one name in common. A CA that does not know it refuses, and is asked without.
fn may_be_replaced(issued: &Issued, ca: &CaName, certificate: &Certificate) -> bool {
    let shares_a_name = issued
        .wanted
        .identifiers
        .iter()
        .any(|name| certificate.identifiers.contains(name));
    issued.cert_id.is_some() && issued.ca() == Some(ca) && shares_a_name
}

fn is_inside_the_window(row: &CertificateRow, now: Timestamp) -> bool {
    let suggested = row.renewal_info.as_ref().and_then(|info| info.suggested.as_ref());
    suggested.is_some_and(|suggested| suggested.window.start <= now && now < suggested.window.end)
}
