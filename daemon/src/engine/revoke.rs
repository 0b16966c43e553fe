//! Revokes certificates: another one first where that is wanted, then the CA, then its list.

use tracing::{info, warn};

use super::{Authority, Certificate, Engine, Outcome, Stage, World, authority::blocking, issue::Say};
use crate::{
    acme::AccountKey,
    deployment,
    outputs::Outputs,
    pki::{Chain, Listed, PrivateKey, PublicKey},
    revocation::{self, Action, Event, RevocationReason, State},
    schedule::{Cause, Horizon, next_attempt},
    secret::Secret,
    store::{Change, Issued, NewRevocation, Revocation, StoreError},
    types::{CertificateName, Fault, FaultClass},
};

/// What an operator wants revoked.
#[derive(Clone, Debug)]
pub struct RevocationWish {
    /// Which certificate.
    pub certificate: Revocable,
    /// Why.
    pub reason: RevocationReason,
    /// Another one is to be live first.
    pub replace: bool,
    /// The certificate's own key, where the account is gone; PEM.
    pub key: Option<Secret>,
}

/// A certificate as people name it.
#[derive(Clone, Debug)]
pub enum Revocable {
    /// Its name in the configuration, or its serial number in hexadecimal.
    Named(String),
    /// Itself, PEM.
    Pem(String),
}

/// Why nothing is revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// No such certificate.
    #[error(
        "`{0}` is neither a certificate's name nor the serial number of one on disk: `dns01d status` lists them; a file in PEM form is taken as well"
    )]
    Unknown(String),
    /// There is none yet.
    #[error("there is no certificate `{0}` on disk yet, so there is nothing to revoke")]
    NotIssued(CertificateName),
    /// A file that is none.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// A key of something else.
    #[error("the key is not the certificate's, or cannot be read: {0}")]
    WrongKey(String),
    /// A new certificate would have the key that is compromised.
    #[error(
        "certificate `{0}` is made from a request whose key never comes here, and that key would be certified again: make a new request with a new key first, then say --no-replace"
    )]
    SameKey(CertificateName),
    /// Nobody to replace it.
    #[error("it is not a certificate of this configuration, so none can take its place: say --no-replace")]
    NotOurs,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was found for a wish.
struct Found {
    certificate: Option<Certificate>,
    chain: Chain,
}

impl Engine {
    /// Begins a revocation; it goes on by itself, also after a restart. Says its number, and under which name its
    /// progress is told.
    ///
    /// # Errors
    /// [`RevokeError`]; nothing has begun then.
    pub async fn revoke(&self, wish: RevocationWish) -> Result<(i64, CertificateName), RevokeError> {
        let world = self.world();
        let Found { certificate, chain } = find(&world, &wish.certificate).await?;
        let serial = chain.serial().to_string();
        if let Some(key) = &wish.key {
            own_key(key, &chain)?;
        }
        let row = match &certificate {
            Some(certificate) => self.store.certificate(certificate.name.clone()).await?,
            None => None,
        };
        let issued = row
            .and_then(|row| row.issued)
            .filter(|issued| issued.serial == serial);
        let compromised = wish.reason == RevocationReason::KeyCompromise;
        // one that was replaced before needs no other
        let replace = wish.replace && (issued.is_some() || certificate.is_none());
        if replace {
            match &certificate {
                None => return Err(RevokeError::NotOurs),
                Some(certificate) if compromised && certificate.key.kind().is_none() => {
                    return Err(RevokeError::SameKey(certificate.name.clone()));
                }
                Some(_) => {}
            }
        }
        let from = issued.as_ref().and_then(|issued| issued.ca().cloned());
        let cas = match (from, &certificate) {
            (Some(ca), _) => vec![ca],
            (None, Some(certificate)) => certificate.cas.clone(),
            (None, None) => world.authorities.keys().cloned().collect(),
        };
        let name = certificate.as_ref().map(|certificate| certificate.name.clone());
        let new = NewRevocation {
            certificate: name.clone(),
            cas,
            serial: serial.clone(),
            chain: chain.fullchain_pem().to_owned(),
            reason: wish.reason,
            key: wish.key,
            state: match replace {
                true => State::Replacing,
                false => State::Revoking {
                    failures: 0,
                    error: None,
                },
            },
            block: compromised
                .then(|| chain.public_key().as_ref().map(hex))
                .flatten(),
        };
        let now = self.clock.now();
        let id = self.store.begin_revocation(new, now).await?;
        info!(cert = name.as_ref().map(CertificateName::as_str), serial, reason = %wish.reason, replace, "revocation begins");
        match (&name, issued) {
            (Some(name), _) if replace => self.store.ask(name.clone(), Cause::Revocation, now).await?,
            // nobody wants it any more: it is not renewed before somebody says so
            (Some(name), Some(issued)) => {
                let mut change = Change::of(name.clone(), now);
                change.issued = Some(Issued {
                    revoked: true,
                    ..issued
                });
                change.renewal_info = Some(None);
                change.next_attempt = Some(None);
                self.store.apply(change).await?;
            }
            _ => {}
        }
        self.wake();
        Ok((id, told_as(name.as_ref(), &serial)))
    }
}

/// Under which name the progress of a revocation is told: of a stranger's certificate, its serial number.
fn told_as(name: Option<&CertificateName>, serial: &str) -> CertificateName {
    let short: String = serial.chars().filter(char::is_ascii_hexdigit).take(64).collect();
    let by_serial = || short.to_ascii_lowercase().parse().ok();
    name.cloned()
        .or_else(by_serial)
        .unwrap_or_else(|| "unknown".parse().expect("a name"))
}

async fn find(world: &World, wanted: &Revocable) -> Result<Found, RevokeError> {
    let certificates: Vec<Certificate> = world.certificates.values().cloned().collect();
    let wanted = wanted.clone();
    blocking(move || match wanted {
        Revocable::Named(text) => {
            if let Some(certificate) = certificates.iter().find(|one| one.name.as_str() == text) {
                let outputs = Outputs::new(certificate.output.clone());
                let live = outputs.live().ok().flatten();
                let live = live.ok_or_else(|| RevokeError::NotIssued(certificate.name.clone()))?;
                return Ok(Found {
                    certificate: Some(certificate.clone()),
                    chain: live.chain,
                });
            }
            let serial = text.to_ascii_lowercase().replace(':', "");
            by_serial(certificates, &serial).ok_or(RevokeError::Unknown(text))
        }
        Revocable::Pem(text) => {
            let chain = Chain::parse(&text).map_err(|error| RevokeError::Unreadable(error.to_string()))?;
            let serial = chain.serial().to_string();
            let ours = by_serial(certificates, &serial)
                .filter(|found| found.chain.fingerprint() == chain.fingerprint());
            Ok(ours.unwrap_or(Found {
                certificate: None,
                chain,
            }))
        }
    })
    .await
}

/// Among all generations on disk.
fn by_serial(certificates: Vec<Certificate>, serial: &str) -> Option<Found> {
    let bare = |text: &str| text.trim_start_matches('0').to_owned();
    certificates.into_iter().find_map(|certificate| {
        let outputs = Outputs::new(certificate.output.clone());
        let chain = outputs
            .chains()
            .into_iter()
            .find(|chain| bare(&chain.serial().to_string()) == bare(serial))?;
        Some(Found {
            certificate: Some(certificate),
            chain,
        })
    })
}

fn own_key(key: &Secret, chain: &Chain) -> Result<PrivateKey, RevokeError> {
    let key = PrivateKey::from_pem(key).map_err(|error| RevokeError::WrongKey(error.to_string()))?;
    match chain.is_for(&key.public()) {
        true => Ok(key),
        false => Err(RevokeError::WrongKey("it belongs to another certificate".into())),
    }
}

pub(super) fn hex(key: &PublicKey) -> String {
    key.sha256().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Takes a revocation as far as it goes now.
///
/// # Errors
/// When the store does not answer; the job is then due again.
pub(super) async fn run(engine: &Engine, world: &World, id: i64) -> Result<(), StoreError> {
    let Some(revocation) = engine.store.revocation(id).await? else {
        return engine
            .store
            .unschedule(crate::store::JobKind::Revoke, id.to_string())
            .await;
    };
    let asked = &revocation.asked;
    let name = told_as(asked.certificate.as_ref(), &asked.serial);
    let say = Say {
        engine,
        certificate: &name,
    };
    let mut state = asked.state.clone();
    let mut event = Event::Woken;
    loop {
        let (next, action) = revocation::step(state, event, engine.clock.now());
        state = next;
        let due = match action {
            Action::WakeAt(moment) => Some(moment),
            Action::Nothing => None,
            // it is due until the next state is known
            Action::LookAtReplacement | Action::Revoke | Action::Confirm => Some(engine.clock.now()),
        };
        engine.store.keep_revocation(id, state.clone(), due).await?;
        event = match action {
            Action::LookAtReplacement => match is_replaced(engine, world, &revocation).await? {
                true => {
                    say.step(Stage::Revoke, "another certificate is live in its place".into());
                    Event::Replaced
                }
                false => Event::NotReplaced,
            },
            Action::Revoke => ask(engine, world, &revocation, &state).await,
            Action::Confirm => confirm(world, &revocation).await,
            Action::WakeAt(_) | Action::Nothing => {
                tell(&say, &revocation, &state);
                return Ok(());
            }
        };
        if event == Event::Taken {
            let text = format!("CA revoked {} ({})", asked.serial, asked.reason);
            say.step(Stage::Revoke, text);
        }
    }
}

fn tell(say: &Say<'_>, revocation: &Revocation, state: &State) {
    let serial = &revocation.asked.serial;
    match state {
        State::Replacing => say.send(
            Stage::Revoke,
            format!("{serial} is revoked when another certificate is live"),
            None,
        ),
        State::Revoking {
            error: Some(error), ..
        } => {
            warn!(cert = %say.certificate, serial, error, "certificate is not revoked yet; it is tried again");
            say.send(Stage::Revoke, error.clone(), Some(Outcome::Failed));
        }
        State::Revoking { error: None, .. } => {}
        // its first look is enough for whoever waits; the later ones are in `status`
        State::Confirming { looks, .. } => {
            if *looks == 1 {
                let text = "the CA has done it; its list does not show it yet".to_owned();
                say.send(Stage::Revoke, text, Some(Outcome::Succeeded));
            }
        }
        State::Revoked { confirmed, .. } => {
            let by = confirmed
                .as_deref()
                .unwrap_or("nothing confirms it: the CA publishes no list, or has not for a day");
            info!(cert = %say.certificate, serial, confirmed = by, "revocation has ended");
            say.send(
                Stage::Revoke,
                "the revocation has ended".to_owned(),
                Some(Outcome::Succeeded),
            );
        }
        State::Refused { error, .. } => {
            warn!(cert = %say.certificate, serial, error, "CA does not revoke the certificate");
            say.send(Stage::Revoke, error.clone(), Some(Outcome::Failed));
        }
    }
}

/// Another certificate, on another key, is live, and its hook has succeeded.
async fn is_replaced(engine: &Engine, world: &World, revocation: &Revocation) -> Result<bool, StoreError> {
    let Some(name) = &revocation.asked.certificate else {
        return Ok(true);
    };
    let (Some(row), Some(certificate)) = (
        engine.store.certificate(name.clone()).await?,
        world.certificates.get(name),
    ) else {
        // it left the configuration: nothing will replace it
        return Ok(true);
    };
    let newer = row
        .issued
        .as_ref()
        .is_some_and(|issued| issued.serial != revocation.asked.serial);
    if !newer || !matches!(row.deployment, Some(deployment::State::Deployed { .. })) {
        return Ok(false);
    }
    let outputs = Outputs::new(certificate.output.clone());
    let live = blocking(move || outputs.live()).await;
    let old = Chain::parse(&revocation.asked.chain).ok();
    Ok(match (live, old) {
        (Ok(Some(live)), Some(old)) => {
            live.chain.serial().to_string() != revocation.asked.serial
                && live.chain.public_key() != old.public_key()
        }
        _ => false,
    })
}

/// Asks each CA in turn, by account or by the certificate's key.
async fn ask(engine: &Engine, world: &World, revocation: &Revocation, state: &State) -> Event {
    let asked = &revocation.asked;
    let chain = match Chain::parse(&asked.chain) {
        Ok(chain) => chain,
        Err(error) => {
            return Event::Refused {
                error: error.to_string(),
            };
        }
    };
    let mut last = Event::Refused {
        error: "none of its CAs is configured any more".into(),
    };
    for ca in &asked.cas {
        let Some(authority) = world.authorities.get(ca) else {
            continue;
        };
        let error = match ask_one(world, authority, asked, &chain).await {
            Ok(()) => return Event::Taken,
            Err(fault) => fault,
        };
        let patient = error.class != FaultClass::Operator && error.class != FaultClass::Refused;
        let failures = match state {
            State::Revoking { failures, .. } => *failures,
            _ => 0,
        };
        last = match patient {
            true => Event::Failed {
                retry_at: next_attempt(
                    engine.clock.now(),
                    &error,
                    failures + 1,
                    Horizon::None,
                    engine.random.u64(),
                ),
                error: format!("CA `{ca}`: {}", error.text),
            },
            false => Event::Refused {
                error: format!("CA `{ca}`: {}", error.text),
            },
        };
    }
    last
}

async fn ask_one(
    world: &World,
    authority: &Authority,
    asked: &NewRevocation,
    chain: &Chain,
) -> Result<(), Fault> {
    if let Some(key) = &asked.key {
        return by_key(authority, key, chain, asked.reason).await;
    }
    let error = match authority.existing_account().await {
        Ok(account) => match account.revoke(chain.der(), asked.reason).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_already_revoked() => return Ok(()),
            Err(error) => Fault::from(&error),
        },
        Err(error) => error.fault(),
    };
    // the account is gone, or is not the one that ordered it: the certificate's own key may do it
    let patient = matches!(error.class, FaultClass::Transient | FaultClass::Limited);
    let key = match (patient, &asked.certificate) {
        (false, Some(name)) => key_on_disk(world, name, chain).await,
        _ => None,
    };
    match key {
        Some(key) => by_key(authority, &key, chain, asked.reason).await,
        None => Err(error),
    }
}

async fn by_key(
    authority: &Authority,
    key: &Secret,
    chain: &Chain,
    reason: RevocationReason,
) -> Result<(), Fault> {
    let operator = |text: String| Fault::new(FaultClass::Operator, text);
    let key = own_key(key, chain).map_err(|error| operator(error.to_string()))?;
    let key = AccountKey::of_certificate(&key).map_err(|error| operator(error.to_string()))?;
    let client = authority.client().await.map_err(|error| error.fault())?;
    match client.revoke_with_key(&key, chain.der(), reason).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_already_revoked() => Ok(()),
        Err(error) => Err(Fault::from(&error)),
    }
}

/// The key of the generation that holds the certificate.
async fn key_on_disk(world: &World, name: &CertificateName, chain: &Chain) -> Option<Secret> {
    let outputs = Outputs::new(world.certificates.get(name)?.output.clone());
    let fingerprint = *chain.fingerprint();
    blocking(move || outputs.key_of(&fingerprint)).await
}

/// The CA's list, at the address in the certificate; else what its renewal information says.
async fn confirm(world: &World, revocation: &Revocation) -> Event {
    let asked = &revocation.asked;
    let Ok(chain) = Chain::parse(&asked.chain) else {
        return Event::NotListed;
    };
    for ca in &asked.cas {
        let Some(authority) = world.authorities.get(ca) else {
            continue;
        };
        let Ok(client) = authority.client().await else {
            continue;
        };
        for address in chain.crl_addresses() {
            match client.crl(&address).await.map(|crl| chain.listed_in(&crl)) {
                Ok(Ok(Listed::Revoked { at })) => {
                    let since = at.map(|at| format!(" since {at:.0}")).unwrap_or_default();
                    let confirmed = format!("the CA's list at {address} has it{since}");
                    return Event::Listed { confirmed };
                }
                Ok(Ok(Listed::No)) => {}
                Ok(Err(error)) => {
                    warn!(serial = asked.serial, address, %error, "list of revoked certificates is of no use")
                }
                Err(error) => {
                    info!(serial = asked.serial, %error, "list of revoked certificates was not had")
                }
            }
        }
    }
    Event::NotListed
}
