//! The provider: one update per value, accounts side by side.

use std::collections::BTreeMap;

use dns01_plugin_api::{
    Batch, Call, Description, Host, Info, Level, Options, Outcome, Provider, Record, Success,
};

use parking_lot::Mutex;

use crate::account::{Account, domain_of};
use crate::accounts::Accounts;
use crate::error::Error;
use crate::live::{KEPT, Live, Plan, now};
use crate::options::{self, Settings};
use crate::server::Server;

/// Most records per call: at a tenth of a second each (the server hashes the password with
/// bcrypt) and [`AT_ONCE`] at a time, they take seconds.
const BATCH: u32 = 100;
/// Accounts that are updated at the same time; bcrypt keeps a core of the server busy for each.
const AT_ONCE: usize = 4;

/// Accounts at an acme-dns server.
#[derive(Debug)]
pub struct AcmeDns {
    server: Server,
    accounts: Accounts,
    allow_from: Vec<String>,
    live: Live,
    /// Held while an account is looked for and made: no domain gets two.
    setting_up: Mutex<()>,
}

impl Provider for AcmeDns {
    const DESCRIPTION: Description = Description::new(
        "acme-dns",
        "acme-dns, a DNS server for challenges alone, reached by CNAMEs",
        options::ALL,
    );

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let settings = Settings::read(options)?;
        Ok(Self {
            server: Server::open(host, settings.server, settings.http)?,
            accounts: Accounts::new(host, settings.fixed),
            allow_from: settings.allow_from,
            live: Live::new(now()),
            setting_up: Mutex::default(),
        })
    }

    fn info(&self) -> Info {
        Info {
            concurrent: true,
            stateless_remove: true,
            follows_cname: true,
            cancels: true,
            max_batch: BATCH,
            max_values_per_name: KEPT as u32,
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        let mut by_account: BTreeMap<String, (Account, Vec<usize>)> = BTreeMap::new();
        for at in 0..batch.records().len() {
            match self.account_for(&batch.records()[at]) {
                Ok(account) => {
                    let entry = by_account.entry(account.subdomain.clone());
                    entry.or_insert((account, Vec::new())).1.push(at);
                }
                Err(error) if error.ends_call() => return Err(error.into()),
                Err(error) => batch.settle(at, Err(error.into())),
            }
        }
        let work: Vec<(Account, Vec<usize>)> = by_account.into_values().collect();
        for part in work.chunks(AT_ONCE) {
            call.proceed()?;
            let records = batch.records();
            let done: Vec<_> = std::thread::scope(|scope| {
                let started: Vec<_> = part
                    .iter()
                    .map(|(account, indices)| {
                        scope.spawn(move || self.show_all(call, account, records, indices))
                    })
                    .collect();
                let joined = started.into_iter().map(std::thread::ScopedJoinHandle::join);
                joined
                    .map(|joined| joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            });
            let mut end = None;
            for (outcomes, ended_by) in done {
                for (at, outcome) in outcomes {
                    batch.settle(at, outcome);
                }
                end = end.or(ended_by);
            }
            if let Some(error) = end {
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn remove(&self, _call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        for record in batch.records() {
            self.live.release(record.value);
        }
        // the server has no such request: newer values take the place of this one
        batch.settle_rest(&Ok(Success::unchanged()));
        Ok(())
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        if batch.records().is_empty() {
            let said = self.check_server(call)?;
            call.log(Level::Info, &said);
            return Ok(());
        }
        let mut seen: BTreeMap<String, Outcome> = BTreeMap::new();
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            let account = match self.account_for(&record).and_then(|account| {
                if account.is_at(record.fqdn) {
                    Ok(account)
                } else {
                    Err(not_delegated(&record, &account))
                }
            }) {
                Ok(account) => account,
                Err(error) => {
                    batch.settle(at, Err(error.into()));
                    continue;
                }
            };
            if !seen.contains_key(&account.subdomain) {
                let outcome = match self.server.probe(call, &account) {
                    Err(error) if error.ends_call() => return Err(error.into()),
                    Err(error) => Err(error.into()),
                    Ok(()) => Ok(Success::unchanged().with_message(format!(
                        "{} takes updates of {} from this machine (tried without a value, which changes \
                         nothing)",
                        self.server.name(),
                        account.fulldomain
                    ))),
                };
                seen.insert(account.subdomain.clone(), outcome);
            }
            if let Some(outcome) = seen.get(&account.subdomain) {
                batch.settle(at, outcome.clone());
            }
        }
        Ok(())
    }

    fn setup(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        let alone = self.setting_up.try_lock_for(call.remaining());
        let _alone = alone.ok_or_else(dns01_plugin_api::Error::cancelled)?;
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            match self.set_up(call, &record) {
                Err(error) if error.ends_call() => return Err(error.into()),
                outcome => batch.settle(at, outcome.map_err(Into::into)),
            }
        }
        Ok(())
    }
}

impl AcmeDns {
    /// Sends the values of one account's records in their order. The second part is the error that
    /// makes the rest of the call pointless.
    fn show_all(
        &self,
        call: &Call<'_>,
        account: &Account,
        records: &[Record<'_>],
        indices: &[usize],
    ) -> (Vec<(usize, Outcome)>, Option<Error>) {
        let mut outcomes = Vec::with_capacity(indices.len());
        for &at in indices {
            match self.show(call, account, &records[at]) {
                Err(error) if error.ends_call() => return (outcomes, Some(error)),
                outcome => outcomes.push((at, outcome.map_err(Into::into))),
            }
        }
        (outcomes, None)
    }

    fn show(&self, call: &Call<'_>, account: &Account, record: &Record<'_>) -> Result<Success, Error> {
        let (values, pushes_out) = match self.live.plan(&account.subdomain, record.value, now()) {
            Plan::Shown => return Ok(Success::unchanged()),
            Plan::Send { values, pushes_out } => (values, pushes_out),
        };
        for value in &values {
            self.server
                .wait(call, self.live.pause(&account.subdomain, now()))?;
            let sent = self.server.update(call, account, value);
            let is_certain = match &sent {
                Ok(()) => Some(true),
                Err(error) => error.leaves_doubt().then_some(false),
            };
            if let Some(is_certain) = is_certain {
                self.live.sent(&account.subdomain, value, is_certain, now());
            }
            sent?;
        }
        let mut warnings = Vec::new();
        if let Some(gone) = pushes_out {
            warnings.push(format!(
                "{} keeps the two newest values of {}: the value {gone}, which another challenge still uses, \
                 had to go; give each name an account of its own (`dns01d provider setup`), and do not \
                 validate one name in several orders at once",
                self.server.name(),
                account.fulldomain
            ));
        }
        if !account.is_at(record.fqdn) {
            warnings.push(format!(
                "{} is not known to lead to {}; without this record nobody sees the value: {}",
                challenge_name(record),
                account.fulldomain,
                account.cname(&challenge_name(record))
            ));
        }
        for warning in &warnings {
            call.log(Level::Warn, warning);
        }
        Ok(Success::done().with_message(warnings.join("; ")))
    }

    /// The account that shows a record: the one where its name leads, else its identifier's.
    fn account_for(&self, record: &Record<'_>) -> Result<Account, Error> {
        if let Some(account) = self.accounts.at(record.fqdn)? {
            return Ok(account);
        }
        let domain = identifier(record);
        let account = self.accounts.of(&domain)?.ok_or_else(|| Error::NoAccount {
            domain,
            server: self.server.name(),
        })?;
        // a host that did not follow CNAMEs, or found none, gives the challenge's own name
        if record.fqdn == challenge_name(record) {
            Ok(account)
        } else {
            Err(not_delegated(record, &account))
        }
    }

    /// Makes the account if there is none, and says which CNAME it needs.
    fn set_up(&self, call: &Call<'_>, record: &Record<'_>) -> Result<Success, Error> {
        let domain = identifier(record);
        // where the name leads to an account already, that is the one which is used
        let known = match self.accounts.at(record.fqdn)? {
            Some(account) => Some(account),
            None => self.accounts.of(&domain)?,
        };
        let (account, success) = match known {
            Some(account) => {
                self.accounts.keep_again(&domain)?;
                (account, Success::unchanged())
            }
            None => {
                let account = self.server.register(call, &self.allow_from)?;
                self.accounts.keep(&domain, &account)?;
                (account, Success::done())
            }
        };
        let name = challenge_name(record);
        let cname = account.cname(&name);
        Ok(success.with_message(if account.is_at(record.fqdn) {
            format!("nothing is left to do, this record stands: {cname}")
        } else if record.fqdn == name {
            format!("add this record to the zone that holds {name}: {cname}")
        } else {
            format!(
                "{name} leads to {} now; put this record in place of the one that does so: {cname}",
                record.fqdn
            )
        }))
    }

    /// Is the server there, and does it know an account of ours?
    fn check_server(&self, call: &Call<'_>) -> Result<String, Error> {
        match self.accounts.any()? {
            Some(account) => {
                self.server.probe(call, &account)?;
                Ok(format!(
                    "{} takes updates of {} from this machine",
                    self.server.name(),
                    account.fulldomain
                ))
            }
            None => {
                self.server.health(call)?;
                Ok(format!(
                    "{} answers; there is no account yet: run `dns01d provider setup`",
                    self.server.name()
                ))
            }
        }
    }
}

fn not_delegated(record: &Record<'_>, account: &Account) -> Error {
    let challenge_name = challenge_name(record);
    Error::NotDelegated {
        cname: account.cname(&challenge_name),
        leads_to: record.fqdn.to_owned(),
        challenge_name,
    }
}

/// What is validated; from the challenge's name where the host does not say.
fn identifier(record: &Record<'_>) -> String {
    domain_of(match (record.identifier, record.challenge_name) {
        ("", "") => record.fqdn,
        ("", name) => name,
        (identifier, _) => identifier,
    })
}

/// Where the CA looks first.
fn challenge_name(record: &Record<'_>) -> String {
    if record.challenge_name.is_empty() {
        format!("_acme-challenge.{}", identifier(record))
    } else {
        record.challenge_name.to_owned()
    }
}
