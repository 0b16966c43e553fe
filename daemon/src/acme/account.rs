use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::sha::sha256;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    AccountKey, Client, Error, ExternalAccount, Fault, Operation, Polled, ProblemKind, Token,
    account_label::account_label,
    client::decode,
    jws::{Jws, Payload, Signer},
    printable::{MAX_WORD, printable},
    transport::Reply,
};
use crate::types::{AccountUrl, CertificateUrl};

/// An account that may order certificates. Cheap to clone, fit for tasks.
#[derive(Clone, Debug)]
pub struct Account {
    client: Client,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct Identity {
    key: Arc<AccountKey>,
    url: AccountUrl,
}

/// An issued certificate as the CA sent it (RFC 8555 7.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// The leaf and its chain: for [`crate::pki::Chain::parse`].
    pub pem: String,
    /// Where the same leaf has other chains, in the CA's order; at most ten.
    pub alternates: Vec<CertificateUrl>,
}

/// Status of an account (RFC 8555 7.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// It may order.
    Valid,
    /// Its holder closed it.
    Deactivated,
    /// The CA closed it.
    Revoked,
    /// A status that RFC 8555 does not have.
    #[serde(untagged)]
    Unknown(String),
}

impl std::fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AccountStatus::Valid => "valid",
            AccountStatus::Deactivated => "deactivated",
            AccountStatus::Revoked => "revoked",
            AccountStatus::Unknown(text) => return f.write_str(&printable(text, MAX_WORD)),
        })
    }
}

/// RFC 8555 7.3.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    contact: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    terms_of_service_agreed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    only_return_existing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_account_binding: Option<Jws>,
}

/// RFC 8555 7.1.2. Its members beyond the status are what we sent.
#[derive(Deserialize)]
struct AccountObject {
    status: AccountStatus,
}

impl Client {
    /// Makes the account of `key`, or finds it if it exists already (RFC 8555 7.3): repeating
    /// the call after a lost answer gives the same account, if `key` was kept before the first.
    ///
    /// Contacts and the agreement to the terms are those of the client's options. `external` is
    /// sent whenever it is given, also to a CA that does not ask for it.
    ///
    /// # Errors
    /// [`Fault::TermsNotAgreed`], [`Fault::BindingRequired`] and [`Fault::BindingKey`] before
    /// anything is sent; [`Fault::AccountClosed`]; the CA's refusal.
    pub async fn new_account(
        &self,
        key: &AccountKey,
        external: Option<&ExternalAccount>,
    ) -> Result<AccountUrl, Error> {
        let directory = self.directory().await?;
        let options = self.options();
        let failed = |fault| Error::new(Operation::NewAccount, &directory.new_account, fault);
        if !options.agree_terms {
            let terms = directory.meta.terms_of_service.clone();
            return Err(failed(Fault::TermsNotAgreed {
                ca: options.name.to_string(),
                terms,
            }));
        }
        if directory.meta.external_account_required && external.is_none() {
            return Err(failed(Fault::BindingRequired));
        }
        let binding = external.map(|external| external.bind(key, &directory.new_account));
        let request = NewAccount {
            contact: &options.contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
            external_account_binding: binding.transpose().map_err(|error| failed(error.into()))?,
        };
        match self.account_of(&directory.new_account, key, &request).await {
            // a CA whose directory did not say so
            Err(error) if external.is_none() && error.is(&ProblemKind::ExternalAccountRequired) => {
                Err(failed(Fault::BindingRequired))
            }
            result => result,
        }
    }

    /// The account of `key`, if the CA has one (RFC 8555 7.3.1).
    ///
    /// # Errors
    /// [`Fault::AccountClosed`]; the CA's refusal.
    pub async fn find_account(&self, key: &AccountKey) -> Result<Option<AccountUrl>, Error> {
        let directory = self.directory().await?;
        let request = NewAccount {
            contact: &[],
            terms_of_service_agreed: false,
            only_return_existing: true,
            external_account_binding: None,
        };
        match self.account_of(&directory.new_account, key, &request).await {
            Ok(url) => Ok(Some(url)),
            Err(error) if error.is(&ProblemKind::AccountDoesNotExist) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn account_of(
        &self,
        url: &str,
        key: &AccountKey,
        request: &NewAccount<'_>,
    ) -> Result<AccountUrl, Error> {
        let reply = self
            .post(
                Operation::NewAccount,
                url,
                Signer::Key(key),
                Payload::json(request),
            )
            .await?;
        let account: AccountUrl = location(Operation::NewAccount, url, &reply)?;
        match decode::<AccountObject>(Operation::NewAccount, url, &reply)?.status {
            AccountStatus::Valid => Ok(account),
            status => {
                let (account, status) = (account.to_string(), status.to_string());
                Err(Error::new(
                    Operation::NewAccount,
                    url,
                    Fault::AccountClosed { account, status },
                ))
            }
        }
    }
}

impl Account {
    /// The account at `url`, whose key is `key`. Sends nothing.
    pub fn open(client: Client, key: Arc<AccountKey>, url: AccountUrl) -> Self {
        Account {
            client,
            identity: Arc::new(Identity { key, url }),
        }
    }

    /// Its CA.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its address.
    pub fn url(&self) -> &AccountUrl {
        &self.identity.url
    }

    /// Its key.
    pub fn key(&self) -> &AccountKey {
        &self.identity.key
    }

    /// What proves control together with the token (RFC 8555 8.1).
    pub fn key_authorization(&self, token: &Token) -> String {
        format!("{token}.{}", self.identity.key.thumbprint())
    }

    /// The TXT value of a dns-01 or dns-account-01 challenge (RFC 8555 8.4).
    pub fn dns01_value(&self, token: &Token) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.key_authorization(token).as_bytes()))
    }

    /// The label of this account's own in front of `_acme-challenge` for dns-account-01
    /// (draft-ietf-acme-dns-account-label 3.1): `_ujmmovf2vn55tgye`.
    pub fn dns_account_label(&self) -> String {
        account_label(self.url())
    }

    /// Downloads an issued certificate with its chain (RFC 8555 7.4.2).
    ///
    /// # Errors
    /// When the CA does not give it, or gives what is no text.
    pub async fn certificate(&self, url: &CertificateUrl) -> Result<Downloaded, Error> {
        let url = url.as_str();
        let reply = self.post(Operation::Certificate, url, Payload::none()).await?;
        let pem = String::from_utf8(reply.body).map_err(|_| {
            let reason = "the certificate is not in PEM form".to_owned();
            Error::new(Operation::Certificate, url, Fault::Malformed { reason })
        })?;
        Ok(Downloaded {
            pem,
            alternates: reply.alternates,
        })
    }

    pub(super) async fn post(
        &self,
        operation: Operation,
        url: &str,
        payload: Payload,
    ) -> Result<Reply, Error> {
        let signer = Signer::Account(&self.identity.key, &self.identity.url);
        self.client.post(operation, url, signer, payload).await
    }

    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        operation: Operation,
        url: &str,
        payload: Payload,
    ) -> Result<Polled<T>, Error> {
        let signer = Signer::Account(&self.identity.key, &self.identity.url);
        self.client.fetch(operation, url, signer, payload).await
    }
}

/// The address of what was made.
pub(super) fn location<T: std::str::FromStr>(
    operation: Operation,
    url: &str,
    reply: &Reply,
) -> Result<T, Error> {
    let address = reply.location.as_deref().and_then(|text| text.parse().ok());
    address.ok_or_else(|| Error::new(operation, url, Fault::Header("Location")))
}
