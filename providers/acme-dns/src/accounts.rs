//! The accounts of an instance: those in its configuration, and those that `setup` made and
//! the host keeps.

use std::collections::{BTreeMap, BTreeSet};

use dns01_plugin_api::{Class, Host};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::account::Account;
use crate::error::Error;

/// Accounts of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    /// By domain.
    pub accounts: BTreeMap<String, Account>,
    /// For every other domain.
    pub for_all: Option<Account>,
}

/// The host takes values of 64 KiB: the accounts are spread over several keys, of which only
/// the last grows. An account takes 300 bytes, so this leaves more than room for one.
const FULL: usize = 60 * 1024;
/// Of the 64 keys that the host gives an instance; together more than ten thousand accounts.
const KEYS: usize = 60;

/// One key's value.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Page {
    accounts: BTreeMap<String, Account>,
}

/// All accounts, looked up by domain or by where a name leads.
#[derive(Debug)]
pub(crate) struct Accounts {
    host: Host,
    fixed: Fixed,
    /// As read last, and the unkept ones.
    kept: Mutex<BTreeMap<String, Account>>,
    /// Domains of accounts that only this process knows, because the host did not take them.
    unkept: Mutex<BTreeSet<String>>,
}

impl Accounts {
    /// Reads nothing yet: the first look does.
    pub(crate) fn new(host: Host, fixed: Fixed) -> Self {
        Self {
            host,
            fixed,
            kept: Mutex::default(),
            unkept: Mutex::default(),
        }
    }

    /// The account whose name this is.
    ///
    /// # Errors
    /// The kept ones cannot be read.
    pub(crate) fn at(&self, fqdn: &str) -> Result<Option<Account>, Error> {
        let Fixed { accounts, for_all } = &self.fixed;
        let mut fixed = accounts.values().chain(for_all);
        match fixed.find(|account| account.is_at(fqdn)) {
            Some(account) => Ok(Some(account.clone())),
            None => self.look(|kept| kept.values().find(|account| account.is_at(fqdn)).cloned()),
        }
    }

    /// The account made for this domain.
    ///
    /// # Errors
    /// The kept ones cannot be read.
    pub(crate) fn of(&self, domain: &str) -> Result<Option<Account>, Error> {
        if let Some(account) = self.fixed.accounts.get(domain) {
            return Ok(Some(account.clone()));
        }
        let kept = self.look(|kept| kept.get(domain).cloned())?;
        Ok(kept.or_else(|| self.fixed.for_all.clone()))
    }

    /// One account to try, if there is any.
    ///
    /// # Errors
    /// The kept ones cannot be read.
    pub(crate) fn any(&self) -> Result<Option<Account>, Error> {
        let Fixed { accounts, for_all } = &self.fixed;
        match for_all.iter().chain(accounts.values()).next() {
            Some(account) => Ok(Some(account.clone())),
            None => self.look(|kept| kept.values().next().cloned()),
        }
    }

    /// Keeps a new account; it is durable on return.
    ///
    /// # Errors
    /// [`Error::NotKept`]. This process still knows the account then: see
    /// [`Accounts::keep_again`].
    pub(crate) fn keep(&self, domain: &str, account: &Account) -> Result<(), Error> {
        self.kept.lock().insert(domain.to_owned(), account.clone());
        self.write(domain, account).map_err(|source| {
            self.unkept.lock().insert(domain.to_owned());
            Error::NotKept {
                domain: domain.to_owned(),
                fulldomain: account.fulldomain.clone(),
                source,
            }
        })
    }

    /// Keeps an account that the host did not take the last time, instead of making another.
    ///
    /// # Errors
    /// [`Error::NotKept`].
    pub(crate) fn keep_again(&self, domain: &str) -> Result<(), Error> {
        let unkept = self.unkept.lock().remove(domain);
        let account = self.kept.lock().get(domain).cloned();
        match account {
            Some(account) if unkept => self.keep(domain, &account),
            _ => Ok(()),
        }
    }

    /// What is known; and, as another process may have made the account since, what is kept.
    fn look<T>(&self, find: impl Fn(&BTreeMap<String, Account>) -> Option<T>) -> Result<Option<T>, Error> {
        if let Some(found) = find(&self.kept.lock()) {
            return Ok(Some(found));
        }
        let pages = self.pages()?;
        let mut kept = self.kept.lock();
        kept.extend(pages.into_iter().flat_map(|page| page.accounts));
        Ok(find(&kept))
    }

    fn pages(&self) -> Result<Vec<Page>, Error> {
        let mut pages = Vec::new();
        for number in 0..KEYS {
            let key = key(number);
            let unread = |source| Error::Unread {
                key: key.clone(),
                source,
            };
            let Some(text) = self.host.state_get(&key).map_err(unread)? else {
                break;
            };
            let text = Zeroizing::new(text);
            pages.push(serde_json::from_slice(&text).map_err(|_| {
                unread(dns01_plugin_api::Error::new(
                    Class::Internal,
                    "it is not what this provider keeps there",
                ))
            })?);
        }
        Ok(pages)
    }

    /// Read again first: another process may have written since.
    fn write(&self, domain: &str, account: &Account) -> Result<(), dns01_plugin_api::Error> {
        let mut pages = self.pages()?;
        let number = pages.len().saturating_sub(1);
        let mut page = pages.pop().unwrap_or_default();
        page.accounts.insert(domain.to_owned(), account.clone());
        let text = to_text(&page)?;
        if text.len() <= FULL || page.accounts.len() == 1 {
            return self.host.state_put(&key(number), &text);
        }
        if number + 1 == KEYS {
            return Err(dns01_plugin_api::Error::new(
                Class::Permanent,
                "this instance has as many accounts as the host keeps: serve some zones by another instance",
            ));
        }
        let next = Page {
            accounts: BTreeMap::from([(domain.to_owned(), account.clone())]),
        };
        self.host.state_put(&key(number + 1), &to_text(&next)?)
    }
}

fn key(number: usize) -> String {
    format!("accounts.{number}")
}

fn to_text(page: &Page) -> Result<Zeroizing<Vec<u8>>, dns01_plugin_api::Error> {
    serde_json::to_vec(page)
        .map(Zeroizing::new)
        .map_err(|_| dns01_plugin_api::Error::new(Class::Internal, "the accounts cannot be written as JSON"))
}
