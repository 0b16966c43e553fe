//! What the operator sees of CAs and accounts.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::{
    acme::Directory,
    control::{
        AskError,
        protocol::{AccountInfo, CaInfo, CaOffers, LimitInfo},
    },
    engine::{AccountState, AccountTask, Authority, AuthorityError, Engine, World},
    schedule::Counter,
    types::CaName,
};

/// Somebody waits at a terminal: a CA that does not answer by then is shown without its offers.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Counters by names can be as many as there are names; the emptiest matter.
const MOST_LIMITS: usize = 20;

/// Every CA, or the one that is named.
pub(super) async fn cas(engine: &Engine, name: Option<&CaName>) -> Result<Vec<CaInfo>, AskError> {
    let world = engine.world();
    let now = engine.now();
    let chosen: Vec<_> = match name {
        Some(name) => vec![named(&world, name)?],
        None => world.authorities.values().map(AsRef::as_ref).collect(),
    };
    let infos = chosen
        .into_iter()
        .map(|authority| one(engine, &world, authority, now));
    join_all(infos).await.into_iter().collect()
}

async fn one(
    engine: &Engine,
    world: &World,
    authority: &Authority,
    now: Timestamp,
) -> Result<CaInfo, AskError> {
    let options = authority.options();
    let (offers, unreachable) = match timeout(PATIENCE, authority.directory()).await {
        Ok(Ok(directory)) => (Some(offers(&directory)), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, Some(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let counters = engine.counters(world, authority).await;
    let counters = counters.map_err(|error| AskError::Failed(error.to_string()))?;
    Ok(CaInfo {
        name: options.acme.name.clone(),
        directory: options.acme.directory.to_string(),
        staging: options.staging,
        trial: options.trial.clone(),
        account: authority.known_account().await,
        offers,
        unreachable,
        limits: limits(counters, now),
        breaker: options.limits.breaker,
    })
}

fn offers(directory: &Directory) -> CaOffers {
    let meta = &directory.meta;
    CaOffers {
        terms: meta.terms_of_service.clone(),
        website: meta.website.clone(),
        caa_identities: meta.caa_identities.clone(),
        external_account_required: meta.external_account_required,
        renewal_info: directory.renewal_info.is_some(),
        key_change: directory.key_change.is_some(),
        profiles: BTreeMap::clone(&meta.profiles),
    }
}

/// Those that all certificates share, and of the others those of which something is used.
fn limits(counters: Vec<(Counter, Option<Timestamp>)>, now: Timestamp) -> Vec<LimitInfo> {
    let mut limits: Vec<(bool, LimitInfo)> = counters
        .into_iter()
        .map(|(counter, full_at)| {
            let left = left(&counter, full_at, now);
            let next_at = (left == 0).then(|| counter.allowed_at(full_at, true));
            let per_account = counter.shared && counter.key.starts_with("orders ");
            let info = LimitInfo {
                left,
                next_at,
                most: counter.limit.most,
                per_seconds: counter.limit.per.as_secs().unsigned_abs(),
                what: counter.what,
            };
            (per_account, info)
        })
        .filter(|(per_account, info)| *per_account || info.left < info.most)
        .collect();
    limits.sort_by(|(first, one), (second, other)| {
        let share = |info: &LimitInfo| f64::from(info.left) / f64::from(info.most.max(1));
        second
            .cmp(first)
            .then(share(one).total_cmp(&share(other)))
            .then_with(|| one.what.cmp(&other.what))
    });
    limits.truncate(MOST_LIMITS);
    limits.into_iter().map(|(_, info)| info).collect()
}

/// How many of a counter could be used at once.
fn left(counter: &Counter, full_at: Option<Timestamp>, now: Timestamp) -> u32 {
    let missing = full_at.map_or(SignedDuration::ZERO, |full_at| full_at.duration_since(now));
    let interval = counter.limit.interval().as_secs_f64().max(f64::MIN_POSITIVE);
    let used = (missing.as_secs_f64().max(0.0) / interval).ceil();
    counter.limit.most.saturating_sub(used as u32)
}

/// Does something with the account at a CA; where only one is configured, it need not be named.
pub(super) async fn account(
    engine: &Engine,
    name: Option<&CaName>,
    task: AccountTask,
) -> Result<AccountInfo, AskError> {
    let world = engine.world();
    let authority = match name {
        Some(name) => named(&world, name)?,
        None => match world.authorities.values().collect::<Vec<_>>().as_slice() {
            [only] => *only,
            _ => return Err(AskError::WhichCa(world.authorities.keys().cloned().collect())),
        },
    };
    let ca = &authority.options().acme.name;
    let needs_one = !matches!(task, AccountTask::Import(_) | AccountTask::Register);
    if needs_one && authority.known_account().await.is_none() {
        return Err(AskError::Refused(format!(
            "there is no account at CA `{ca}` yet: it is made with the first order; `dns01d account import` brings one along"
        )));
    }
    let state = authority.perform(task).await.map_err(|error| match error {
        AuthorityError::Acme(error) => AskError::Ca(error.to_string()),
        error => AskError::Refused(error.to_string()),
    })?;
    let terms = match timeout(PATIENCE, authority.directory()).await {
        Ok(Ok(directory)) => directory.meta.terms_of_service.clone(),
        _ => None,
    };
    Ok(account_info(authority, state, terms, engine.now()))
}

fn account_info(
    authority: &Authority,
    state: AccountState,
    terms: Option<String>,
    now: Timestamp,
) -> AccountInfo {
    let options = authority.options();
    let rollover_at = state.key_since.and_then(|since| {
        let age = SignedDuration::try_from(options.rollover?).ok()?;
        since.checked_add(age).ok()
    });
    let days = |since: Timestamp| now.duration_since(since).as_hours().max(0) / 24;
    AccountInfo {
        ca: options.acme.name.clone(),
        url: state.account.url().clone(),
        status: state.view.status.to_string(),
        key_algorithm: state.account.key().algorithm(),
        thumbprint: state.account.key().thumbprint().to_owned(),
        key_age_days: state.key_since.and_then(|since| u32::try_from(days(since)).ok()),
        rollover_at,
        contacts: state.view.contacts,
        terms: terms.filter(|_| options.acme.agree_terms),
    }
}

fn named<'w>(world: &'w World, name: &CaName) -> Result<&'w Authority, AskError> {
    let found = world.authorities.get(name).map(AsRef::as_ref);
    found.ok_or_else(|| AskError::UnknownCa {
        name: name.clone(),
        known: world.authorities.keys().cloned().collect(),
    })
}
