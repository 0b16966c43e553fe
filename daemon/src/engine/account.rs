//! What an operator, or a schedule, does with an account.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::{Authority, AuthorityError, Engine, account_key, authority::blocking};
use crate::{
    acme::{self, AccountKey, AccountView, Fault},
    secret::Secret,
    store::{Job, JobKind, StoreError},
};

/// Until a rollover that failed is tried again: nothing depends on it today.
const ROLLOVER_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Until a moment between orders is waited for again.
const BUSY_RETRY: SignedDuration = SignedDuration::from_mins(10);

/// What is to be done with an account.
#[derive(Clone, Debug)]
pub enum AccountTask {
    /// Show it.
    Show,
    /// Make contacts and agreement those of the configuration.
    Update,
    /// Give it another key (RFC 8555 7.3.5).
    Rollover,
    /// Close it for good (RFC 8555 7.3.6).
    Deactivate,
    /// Work with the account of this key, PEM or JWK.
    Import(Secret),
    /// Make a new one in place of one that is gone.
    Register,
}

/// An account, and what the CA says of it.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// Its address and key.
    pub account: acme::Account,
    /// As the CA shows it.
    pub view: AccountView,
    /// Since when it has its key.
    pub key_since: Option<Timestamp>,
}

impl Authority {
    /// Does it, and shows the account as it stands then.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub async fn perform(&self, task: AccountTask) -> Result<AccountState, AuthorityError> {
        let _alone = match &task {
            AccountTask::Show | AccountTask::Update => None,
            AccountTask::Rollover
            | AccountTask::Deactivate
            | AccountTask::Import(_)
            | AccountTask::Register => Some(self.between_orders().await?),
        };
        let mut slot = self.slot().await;
        let account = match task {
            AccountTask::Show => self.account_in(&mut slot).await?,
            AccountTask::Update => {
                let account = self.account_in(&mut slot).await?;
                let acme = &self.options().acme;
                account.update(&acme.contacts, acme.agree_terms).await?;
                account
            }
            AccountTask::Rollover => {
                let account = self.account_in(&mut slot).await?;
                // without an answer either key may be the account's: whoever comes next asks the CA which
                *slot = None;
                let rolled = self.roll_over(&account).await?;
                slot.insert(rolled).clone()
            }
            AccountTask::Deactivate => {
                let account = self.account_in(&mut slot).await?;
                let view = account.deactivate().await?;
                info!(ca = %self.options().acme.name, account = %account.url(), "account is closed");
                // every later use asks the CA, and hears it
                *slot = None;
                return self.state(account, view).await;
            }
            AccountTask::Import(text) => {
                let imported = self.import(&text).await?;
                slot.insert(imported).clone()
            }
            AccountTask::Register => {
                let registered = self.register_anew().await?;
                slot.insert(registered).clone()
            }
        };
        let view = account.look().await?;
        self.state(account, view).await
    }

    async fn state(&self, account: acme::Account, view: AccountView) -> Result<AccountState, AuthorityError> {
        let known = self.known().await?;
        Ok(AccountState {
            account,
            view,
            key_since: known.and_then(|known| known.key_since),
        })
    }

    /// Both keys are durable until the new one has proved itself: whenever this is cut off, one of them is the
    /// account's, and the next start finds out which.
    async fn roll_over(&self, account: &acme::Account) -> Result<acme::Account, AuthorityError> {
        let path = self.next_key_path();
        let next = match self.read_key(&path).await? {
            // of a rollover that the CA did not take
            Some(next) => next,
            None => self.make_key(path).await?,
        };
        let rolled = match account.change_key(&next).await {
            Ok(rolled) => rolled,
            // it was heard though the answer was lost
            Err(error) if matches!(&error.fault, Fault::KeyInUse { account: holder, .. } if holder == account.url().as_str()) =>
            {
                let client = account.client().clone();
                acme::Account::open(client, Arc::new(next.clone()), account.url().clone())
            }
            Err(error) => return Err(error.into()),
        };
        rolled.look().await?;
        self.adopt_key(&next, account.url()).await?;
        Ok(rolled)
    }

    /// The key that was in use stays beside the new one, in a file of its own.
    async fn import(&self, text: &Secret) -> Result<acme::Account, AuthorityError> {
        let unusable = |reason: String| {
            AuthorityError::Key(account_key::AccountKeyError::Damaged {
                path: self.key_path().to_owned(),
                reason,
            })
        };
        let key = AccountKey::import(text).map_err(|error| unusable(error.to_string()))?;
        let client = self.client().await?;
        let Some(url) = client.find_account(&key).await? else {
            let ca = &self.options().acme.name;
            return Err(unusable(format!(
                "CA `{ca}` has no account with the imported key, so it was not taken"
            )));
        };
        self.put_aside().await?;
        let pem = key.to_pem().map_err(|error| unusable(error.to_string()))?;
        let path = self.key_path().to_owned();
        blocking(move || account_key::write(&path, &pem)).await?;
        self.keep(&key, url.clone()).await?;
        info!(ca = %self.options().acme.name, account = %url, "account is imported");
        Ok(acme::Account::open(client.clone(), Arc::new(key), url))
    }

    async fn register_anew(&self) -> Result<acme::Account, AuthorityError> {
        let client = self.client().await?;
        self.put_aside().await?;
        let key = self.make_key(self.key_path().to_owned()).await?;
        self.register(client, key).await
    }

    /// An account's key is never deleted: what it signed may have to be revoked.
    async fn put_aside(&self) -> Result<(), AuthorityError> {
        let from = self.key_path().to_owned();
        let known = self.known().await?;
        let Some(known) = known else {
            return Ok(());
        };
        let short: String = known.thumbprint.chars().take(12).collect();
        let to = from.with_extension(format!("{short}.old.pem"));
        match blocking(move || account_key::replace(&from, &to)).await {
            Err(account_key::AccountKeyError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Puts the account's next rollover into the queue.
    pub(super) async fn plan_rollover(&self) -> Result<(), StoreError> {
        let Some(due) = self.rollover_due().await? else {
            return Ok(());
        };
        let (kind, subject) = (JobKind::Rollover, self.options().acme.name.to_string());
        self.store().schedule(Job { kind, subject, due }).await
    }

    /// When the account's key is old enough for another.
    pub async fn rollover_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(age) = self.options().rollover else {
            return Ok(None);
        };
        let known = self.known().await?;
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        Ok(known.map(|known| {
            let since = known.key_since.unwrap_or(Timestamp::UNIX_EPOCH);
            since.checked_add(age).unwrap_or(Timestamp::MAX)
        }))
    }
}

/// The scheduled rollover of one account; plans the next.
pub(super) async fn roll_over(engine: &Engine, authority: &Authority) -> Result<(), StoreError> {
    let ca = authority.options().acme.name.clone();
    let now = engine.clock.now();
    let next = match authority.rollover_due().await? {
        None => None,
        Some(due) if due > now => Some(due),
        Some(_) => match authority.perform(AccountTask::Rollover).await {
            Ok(_) => authority.rollover_due().await?,
            Err(AuthorityError::Busy { .. }) => now.checked_add(BUSY_RETRY).ok(),
            Err(error) => {
                warn!(%ca, %error, "account keeps its old key for now");
                now.checked_add(ROLLOVER_RETRY).ok()
            }
        },
    };
    match next {
        Some(due) => {
            let subject = ca.to_string();
            let kind = JobKind::Rollover;
            engine.store.schedule(Job { kind, subject, due }).await
        }
        None => engine.store.unschedule(JobKind::Rollover, ca.to_string()).await,
    }
}
