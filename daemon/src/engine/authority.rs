use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::spawn_blocking,
};
use tracing::{info, warn};

use super::{
    AuthorityOptions,
    account_key::{self, AccountKeyError},
};
use crate::{
    acme::{self, AccountKey, Client, Wire},
    clock::Clock,
    secret_source::SecretError,
    store::{self, Store, StoreError},
    types::{AccountUrl, AuthorizationUrl, CaName, Fault, FaultClass},
};

/// A CA with the daemon's account there, made when it is first needed.
#[derive(Debug)]
pub struct Authority {
    options: AuthorityOptions,
    key_path: PathBuf,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Instead of the network.
    wire: Option<Arc<dyn Wire>>,
    client: OnceCell<Client>,
    account: Mutex<Option<acme::Account>>,
    /// Orders hold it for reading: key authorizations depend on the account's key (RFC 8555 8.1), so it changes only
    /// between orders.
    orders: RwLock<()>,
}

/// Longest wait for orders that are under way; meanwhile no other begins.
const ORDERS_END: Duration = Duration::from_secs(60);

/// Why there is no account to work with.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The CA's options are of no use, for example an unreadable `ca-file`.
    #[error("CA `{ca}`: {source}")]
    Setup {
        /// Which one.
        ca: CaName,
        /// Why.
        source: acme::SetupError,
    },
    /// The key of the external account cannot be read.
    #[error("external account of CA `{ca}`: {source}")]
    ExternalAccount {
        /// Which CA.
        ca: CaName,
        /// Why.
        source: SecretError,
    },
    /// The CA could not be asked, or refused.
    #[error(transparent)]
    Acme(#[from] acme::Error),
    /// The CA closed the account, or has never heard of it. No other is made by itself.
    #[error(
        "CA `{ca}` does not know the account {account} any more, so nothing is ordered there: if it was closed for good, `dns01d account {ca} register` makes a new one, and `dns01d account {ca} import FILE` takes another that you have"
    )]
    Gone {
        /// Which CA.
        ca: CaName,
        /// The account.
        account: AccountUrl,
    },
    /// Its key cannot change now.
    #[error(
        "orders at CA `{ca}` are under way, and would be lost with another account key: try again in a few minutes"
    )]
    Busy {
        /// Which CA.
        ca: CaName,
    },
    /// There never was one.
    #[error("there is no account at CA `{ca}`")]
    None {
        /// Which CA.
        ca: CaName,
    },
    /// The account's key.
    #[error(transparent)]
    Key(#[from] AccountKeyError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthorityError {
    /// For the schedule.
    pub fn fault(&self) -> Fault {
        match self {
            AuthorityError::Acme(error) => Fault::from(error),
            AuthorityError::Key(_)
            | AuthorityError::Gone { .. }
            | AuthorityError::None { .. }
            | AuthorityError::Setup { .. }
            | AuthorityError::ExternalAccount { .. } => Fault::new(FaultClass::Operator, self.to_string()),
            AuthorityError::Store(_) | AuthorityError::Busy { .. } => {
                Fault::new(FaultClass::Transient, self.to_string())
            }
        }
    }
}

impl Authority {
    /// Asks nothing yet. The account's key lies at `key_path`.
    pub fn new(
        options: AuthorityOptions,
        key_path: PathBuf,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Authority {
            options,
            key_path,
            store,
            clock,
            wire: None,
            client: OnceCell::new(),
            account: Mutex::default(),
            orders: RwLock::default(),
        }
    }

    /// The same over another wire than the network: the seam for tests.
    pub fn over(self, wire: Arc<dyn Wire>) -> Self {
        Authority {
            wire: Some(wire),
            ..self
        }
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// What it was made from.
    pub fn options(&self) -> &AuthorityOptions {
        &self.options
    }

    /// The account, found or registered on the first call.
    pub(super) async fn account(&self) -> Result<acme::Account, AuthorityError> {
        // one caller registers, the others wait for it
        let mut slot = self.slot().await;
        self.account_in(&mut slot).await
    }

    /// The account that there is: none is registered for what only an old one may do.
    ///
    /// # Errors
    /// As [`Authority::account`], and when there is no account.
    pub(super) async fn existing_account(&self) -> Result<acme::Account, AuthorityError> {
        if self.known().await?.is_none() {
            return Err(AuthorityError::None {
                ca: self.options.acme.name.clone(),
            });
        }
        self.account().await
    }

    /// The account keeps its key while this is held.
    pub(super) async fn ordering(&self) -> RwLockReadGuard<'_, ()> {
        self.orders.read().await
    }

    /// No order is under way while this is held.
    ///
    /// # Errors
    /// [`AuthorityError::Busy`] when orders do not end for a while.
    pub(super) async fn between_orders(&self) -> Result<RwLockWriteGuard<'_, ()>, AuthorityError> {
        let waited = tokio::time::timeout(ORDERS_END, self.orders.write()).await;
        waited.map_err(|_| AuthorityError::Busy {
            ca: self.options.acme.name.clone(),
        })
    }

    /// Nobody gets the account while this is held.
    pub(super) async fn slot(&self) -> MutexGuard<'_, Option<acme::Account>> {
        self.account.lock().await
    }

    pub(super) async fn account_in(
        &self,
        slot: &mut Option<acme::Account>,
    ) -> Result<acme::Account, AuthorityError> {
        if let Some(account) = slot {
            return Ok(account.clone());
        }
        let account = self.find_or_register().await?;
        Ok(slot.insert(account).clone())
    }

    async fn find_or_register(&self) -> Result<acme::Account, AuthorityError> {
        let client = self.client().await?;
        let known = self.known().await?;
        let key = self.key(known.as_ref()).await?;
        let Some(known) = known else {
            return self.register(client, key).await;
        };
        if let Some(next) = self.read_key(&self.next_key_path()).await? {
            // a rollover was begun: the CA knows whether it came that far
            if client.find_account(&next).await?.as_ref() == Some(&known.url) {
                self.adopt_key(&next, &known.url).await?;
                return Ok(acme::Account::open(client.clone(), Arc::new(next), known.url));
            }
        }
        if known.thumbprint != key.thumbprint() {
            // put there by a person, or by a rollover that was killed after its last step but one
            match client.find_account(&key).await? {
                Some(url) => self.keep(&key, url.clone()).await?,
                None => {
                    let ca = self.options.acme.name.clone();
                    let account = known.url;
                    return Err(AuthorityError::Gone { ca, account });
                }
            }
        }
        Ok(acme::Account::open(client.clone(), Arc::new(key), known.url))
    }

    /// `key` is durable: a kill from here on finds the same account again (RFC 8555 7.3.1).
    pub(super) async fn register(
        &self,
        client: &Client,
        key: AccountKey,
    ) -> Result<acme::Account, AuthorityError> {
        let external = self.external_account().await?;
        let url = client.new_account(&key, external.as_ref()).await?;
        info!(ca = %self.options.acme.name, account = %url, "account registered");
        self.keep(&key, url.clone()).await?;
        Ok(acme::Account::open(client.clone(), Arc::new(key), url))
    }

    /// What the store knows of the account.
    pub(super) async fn known(&self) -> Result<Option<store::Account>, StoreError> {
        let acme = &self.options.acme;
        self.store
            .account(acme.name.clone(), acme.directory.to_string())
            .await
    }

    pub(super) async fn keep(&self, key: &AccountKey, url: AccountUrl) -> Result<(), StoreError> {
        let acme = &self.options.acme;
        let known = self.known().await?;
        let thumbprint = key.thumbprint().to_owned();
        let since = known
            .filter(|known| known.thumbprint == thumbprint)
            .and_then(|known| known.key_since);
        let account = store::Account {
            url,
            key_since: since.or_else(|| Some(self.clock.now())),
            thumbprint,
        };
        self.store
            .keep_account(acme.name.clone(), acme.directory.to_string(), account)
            .await?;
        self.plan_rollover().await
    }

    /// Makes the key of a rollover the account's: the CA has taken it.
    pub(super) async fn adopt_key(&self, next: &AccountKey, url: &AccountUrl) -> Result<(), AuthorityError> {
        let (from, to) = (self.next_key_path(), self.key_path.clone());
        blocking(move || account_key::replace(&from, &to)).await?;
        self.keep(next, url.clone()).await?;
        info!(ca = %self.options.acme.name, account = %url, thumbprint = next.thumbprint(), "account has its new key");
        Ok(())
    }

    /// Where the key of a rollover is until the CA is known to have taken it.
    pub(super) fn next_key_path(&self) -> PathBuf {
        self.key_path.with_extension("next.pem")
    }

    pub(super) fn key_path(&self) -> &std::path::Path {
        &self.key_path
    }

    pub(super) async fn read_key(
        &self,
        path: &std::path::Path,
    ) -> Result<Option<AccountKey>, AccountKeyError> {
        let path = path.to_owned();
        blocking(move || account_key::read(&path)).await
    }

    /// Makes a key and writes it; durable when this returns.
    pub(super) async fn make_key(&self, path: PathBuf) -> Result<AccountKey, AccountKeyError> {
        let algorithm = self.options.account_key;
        blocking(move || {
            let unusable = |error: &dyn std::error::Error| AccountKeyError::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            };
            let key = AccountKey::generate(algorithm).map_err(|error| unusable(&error))?;
            account_key::write(&path, &key.to_pem().map_err(|error| unusable(&error))?)?;
            Ok(key)
        })
        .await
    }

    /// Whether the CA has closed the account: it answers `unauthorized` then, which means many things.
    pub(super) async fn is_closed(&self) -> bool {
        let (Ok(client), Ok(Some(key))) = (self.client().await, self.read_key(&self.key_path).await) else {
            return false;
        };
        match client.find_account(&key).await {
            Ok(found) => found.is_none(),
            Err(error) => error.is_account_gone(),
        }
    }

    /// The client, with an account or without.
    pub(super) async fn client(&self) -> Result<&Client, AuthorityError> {
        self.client.get_or_try_init(|| async { self.open() }).await
    }

    /// What the CA offers.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn directory(&self) -> Result<Arc<acme::Directory>, AuthorityError> {
        Ok(self.client().await?.directory().await?)
    }

    /// What the CA offers now, whatever is known of that already. Nothing is spent by it.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn directory_now(&self) -> Result<Arc<acme::Directory>, AuthorityError> {
        Ok(self.client().await?.directory_now().await?)
    }

    /// The account's address, if it is known without asking.
    pub async fn known_account(&self) -> Option<AccountUrl> {
        match self.known().await {
            Ok(known) => known.map(|known| known.url),
            Err(error) => {
                warn!(ca = %self.options.acme.name, %error, "account cannot be looked up");
                None
            }
        }
    }

    /// Gives up those of an order's authorizations that are still open (RFC 8555 7.5.2); says how many they were.
    pub(super) async fn deactivate(
        &self,
        authorizations: &[AuthorizationUrl],
    ) -> Result<usize, AuthorityError> {
        let account = self.existing_account().await?;
        let mut count = 0;
        for url in authorizations {
            let authorization = account.authorization(url).await?.value;
            if authorization.status == acme::AuthorizationStatus::Pending {
                account.deactivate_authorization(url).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn open(&self) -> Result<Client, AuthorityError> {
        let (options, clock) = (self.options.acme.clone(), self.clock.clone());
        let client = match &self.wire {
            Some(wire) => Client::over(wire.clone(), options, clock),
            None => Client::open(options, clock),
        };
        client.map_err(|source| AuthorityError::Setup {
            ca: self.options.acme.name.clone(),
            source,
        })
    }

    /// What binds a new account; its key is read now and forgotten afterwards.
    async fn external_account(&self) -> Result<Option<acme::ExternalAccount>, AuthorityError> {
        let Some(external) = self.options.external_account.clone() else {
            return Ok(None);
        };
        let source = external.hmac_key.clone();
        match spawn_blocking(move || source.read()).await {
            Ok(Ok(hmac_key)) => Ok(Some(acme::ExternalAccount {
                kid: external.kid,
                hmac_key,
                algorithm: external.algorithm,
            })),
            Ok(Err(source)) => Err(AuthorityError::ExternalAccount {
                ca: self.options.acme.name.clone(),
                source,
            }),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn key(&self, known: Option<&store::Account>) -> Result<AccountKey, AccountKeyError> {
        if let Some(key) = self.read_key(&self.key_path).await? {
            return Ok(key);
        }
        match known {
            // one whose rename a crash has undone is there still
            Some(known) => match self.read_key(&self.next_key_path()).await? {
                Some(next) => Ok(next),
                None => Err(AccountKeyError::Gone {
                    path: self.key_path.clone(),
                    account: known.url.to_string(),
                }),
            },
            None => self.make_key(self.key_path.clone()).await,
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
