use std::{path::PathBuf, sync::Arc};

use tokio::{sync::OnceCell, task::spawn_blocking};
use tracing::info;

use super::{
    AuthorityOptions,
    account_key::{self, AccountKeyError},
};
use crate::{
    acme::{self, AccountKey, Client},
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
    client: OnceCell<Client>,
    account: OnceCell<acme::Account>,
}

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
            | AuthorityError::Setup { .. }
            | AuthorityError::ExternalAccount { .. } => Fault {
                class: FaultClass::Operator,
                not_before: None,
                text: self.to_string(),
            },
            AuthorityError::Store(_) => Fault {
                class: FaultClass::Transient,
                not_before: None,
                text: self.to_string(),
            },
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
            client: OnceCell::new(),
            account: OnceCell::new(),
        }
    }

    /// What it was made from.
    pub fn options(&self) -> &AuthorityOptions {
        &self.options
    }

    /// The account, found or registered on the first call.
    pub(super) async fn account(&self) -> Result<&acme::Account, AuthorityError> {
        // one caller registers, the others wait for it
        self.account.get_or_try_init(|| self.find_or_register()).await
    }

    async fn find_or_register(&self) -> Result<acme::Account, AuthorityError> {
        let client = self.client().await?;
        let options = &self.options.acme;
        let directory = options.directory.to_string();
        let known = self
            .store
            .account(options.name.clone(), directory.clone())
            .await?;
        let key = self.key(known.as_ref()).await?;
        if let Some(known) = known.filter(|known| known.thumbprint == key.thumbprint()) {
            return Ok(acme::Account::open(client.clone(), Arc::new(key), known.url));
        }
        // the key is durable: a kill from here on finds the same account again (RFC 8555 7.3.1)
        let external = self.external_account().await?;
        let url = client.new_account(&key, external.as_ref()).await?;
        info!(ca = %options.name, account = %url, "account registered");
        let kept = store::Account {
            url: url.clone(),
            thumbprint: key.thumbprint().to_owned(),
        };
        self.store
            .keep_account(options.name.clone(), directory, kept)
            .await?;
        Ok(acme::Account::open(client.clone(), Arc::new(key), url))
    }

    /// The client, with an account or without.
    pub(super) async fn client(&self) -> Result<&Client, AuthorityError> {
        self.client.get_or_try_init(|| async { self.open() }).await
    }

    /// The account's address, if it is known without asking.
    pub(super) async fn known_account(&self) -> Option<AccountUrl> {
        if let Some(account) = self.account.get() {
            return Some(account.url().clone());
        }
        let directory = self.options.acme.directory.to_string();
        let known = self
            .store
            .account(self.options.acme.name.clone(), directory)
            .await;
        known.ok().flatten().map(|known| known.url)
    }

    /// Gives up those of an order's authorizations that are still open (RFC 8555 7.5.2); says how many they were.
    pub(super) async fn deactivate(
        &self,
        authorizations: &[AuthorizationUrl],
    ) -> Result<usize, AuthorityError> {
        let account = self.account().await?;
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
        Client::open(self.options.acme.clone(), self.clock.clone()).map_err(|source| AuthorityError::Setup {
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

    async fn key(&self, known: Option<&store::Account>) -> Result<AccountKey, AuthorityError> {
        let path = self.key_path.clone();
        let known = known.map(|account| account.url.to_string());
        let algorithm = self.options.account_key;
        let work = move || match (account_key::read(&path)?, known) {
            (Some(key), _) => Ok(key),
            (None, Some(account)) => Err(AccountKeyError::Gone { path, account }),
            (None, None) => {
                let unusable = |error: &dyn std::error::Error| AccountKeyError::Damaged {
                    path: path.clone(),
                    reason: error.to_string(),
                };
                let key = AccountKey::generate(algorithm).map_err(|error| unusable(&error))?;
                account_key::write(&path, &key.to_pem().map_err(|error| unusable(&error))?)?;
                Ok(key)
            }
        };
        match spawn_blocking(work).await {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}
