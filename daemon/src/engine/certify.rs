//! From proved names to a certificate on disk: key or request, CSR, chain, files.

use std::path::Path;

use futures_util::future::join_all;
use tracing::{debug, warn};

use super::{
    KeySource, Stage,
    authority::blocking,
    fault,
    next_look::NextLook,
    perform::{Performed, Performer},
    revoke::hex,
};
use crate::{
    acme::{self, Account, OrderStatus, Roots},
    issuance::{Event, Failure, Order, State},
    outputs::{Files, Outputs},
    pki::{self, Chain, ChainPreference, Choice, Csr, KeyType, PrivateKey, PublicKey},
    secret::Secret,
    types::{CertificateUrl, Identifier},
};

impl Performer<'_> {
    pub(super) async fn make_key(&self) -> Result<Performed, Failure> {
        let identifiers = self.certificate.identifiers.clone();
        let made = match self.certificate.key.clone() {
            KeySource::Generate(kind) => {
                let made = blocking(move || generated(kind, &identifiers)).await;
                made.map(|(key, csr, public)| (Some(key), csr, public))
            }
            KeySource::Request(path) => {
                let read = blocking(move || requested(&path, &identifiers)).await;
                read.map(|request| (None, request.der().to_vec(), request.public_key().clone()))
            }
        };
        let (key, csr, public) = made.map_err(fault::operator)?;
        // also of a key that was made just now: a machine that is a copy of another may make the same ones
        self.refuse_blocked(&public).await?;
        Ok(Performed {
            key,
            public: Some(public),
            ..Event::KeyMade { csr }.into()
        })
    }

    /// A key that somebody else may have is not certified again.
    async fn refuse_blocked(&self, key: &PublicKey) -> Result<(), Failure> {
        let store = &self.say.engine.store;
        match store.is_key_blocked(hex(key)).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(fault::operator(
                "the key of the request was revoked as compromised and is never certified again: make a request with a new key".into(),
            )),
            Err(error) => Err(fault::transient(error.to_string())),
        }
    }

    /// `public` is the key of the CSR where this process has made or read that.
    pub(super) async fn finalize(
        &self,
        state: &State,
        order: &Order,
        csr: &[u8],
        (key, public): (Option<&Secret>, Option<&PublicKey>),
        resumed: bool,
    ) -> Result<Performed, Failure> {
        // the order's certificate could never be used
        self.usable(key)?;
        let account = self.account().await?;
        let of_order = |error: acme::Error| fault::of_order(&error);
        let next_look = NextLook::of(self, state, order);
        let mut seen = if resumed {
            let left = next_look.left();
            let seen = account.look_again(&order.url, left, self.patience(order)).await;
            let seen = seen.map_err(of_order)?;
            debug!(order_url = %order.url, status = %seen.value.status, "order read again");
            seen
        } else {
            account.finalize(&order.finalize, csr).await.map_err(of_order)?
        };
        if resumed && seen.value.status == OrderStatus::Ready {
            seen = account.finalize(&order.finalize, csr).await.map_err(of_order)?;
        }
        self.say.step(Stage::Finalize, "the CSR is at the CA".into());
        let issued = account.wait_issued(&order.url, seen, next_look.patience()).await;
        let issued = issued.map_err(of_order)?;
        let url = match (&issued.status, &issued.certificate) {
            (OrderStatus::Valid, Some(url)) => url,
            (OrderStatus::Invalid, _) => return Err(self.invalid(&account, &issued).await),
            (status, _) => {
                let text = format!(
                    "order {} is {status} after finalize; it is ordered anew",
                    order.url
                );
                return Err(fault::refused(text));
            }
        };
        let public = match (public, key) {
            (Some(public), _) => public.clone(),
            (None, Some(key)) => public_half(key)?,
            (None, None) => {
                let request = Csr::parse(csr).map_err(|error| fault::refused(error.to_string()))?;
                request.public_key().clone()
            }
        };
        let (text, chain) = self.download(&account, url, &public).await?;
        let until = chain.not_after();
        self.say.step(
            Stage::Finalize,
            format!("certificate {} is valid until {until}", chain.serial()),
        );
        Ok(Performed {
            chain: Some(chain),
            ..Event::Downloaded { chain: text }.into()
        })
    }

    /// The key is here, or is not meant to be.
    fn usable(&self, key: Option<&Secret>) -> Result<(), Failure> {
        match (&self.certificate.key, key) {
            (KeySource::Generate(_), None) => Err(fault::refused(
                "the stored key of the order is gone; it is ordered anew".into(),
            )),
            (KeySource::Generate(_), Some(_)) | (KeySource::Request(_), _) => Ok(()),
        }
    }

    /// The chain that is preferred, of those that the CA offers and that fit the key; and its text.
    async fn download(
        &self,
        account: &Account,
        url: &CertificateUrl,
        key: &PublicKey,
    ) -> Result<(String, Chain), Failure> {
        let of_order = |error: acme::Error| fault::of_order(&error);
        let downloaded = account.certificate(url).await.map_err(of_order)?;
        let first = self.verified(&downloaded.pem, Some(key))?;
        let mut texts = vec![downloaded.pem];
        let mut chains = vec![first];
        let preference = &self.certificate.chain;
        if *preference != ChainPreference::Default {
            let others = downloaded.alternates.iter().map(|url| account.certificate(url));
            for other in join_all(others).await {
                // one that cannot be had, or does not fit, is none to choose from
                let text = match other {
                    Ok(other) => other.pem,
                    Err(error) => {
                        debug!(cert = %self.certificate.name, %error, "a chain was not had");
                        continue;
                    }
                };
                match self.verified(&text, Some(key)) {
                    Ok(chain) => {
                        texts.push(text);
                        chains.push(chain);
                    }
                    Err(failure) => {
                        debug!(cert = %self.certificate.name, error = failure.fault.text, "a chain does not fit");
                    }
                }
            }
        }
        let choice = self.choose(&chains).await;
        if !choice.matched {
            warn!(cert = %self.certificate.name, wanted = %preference, offered = chains.len(), "CA offers no chain as preferred; its own choice is taken");
        }
        Ok((texts.swap_remove(choice.index), chains.swap_remove(choice.index)))
    }

    /// The system's roots are read only where a root is preferred by what it is.
    async fn choose(&self, chains: &[Chain]) -> Choice {
        let preference = &self.certificate.chain;
        let ChainPreference::RootSha256(_) = preference else {
            return pki::choose(chains, preference);
        };
        let file = self.authority.options().acme.ca_file.clone();
        match blocking(move || Roots::open(file.as_deref())).await {
            Ok(roots) => pki::choose_by_root(chains, preference, |chain| roots.root_of(chain)),
            Err(error) => {
                warn!(cert = %self.certificate.name, %error, "trust roots cannot be read");
                pki::choose(chains, preference)
            }
        }
    }

    /// `verified` is the chain of `text` where this process has verified it, and compared it with the key.
    pub(super) async fn write(
        &self,
        text: &str,
        verified: Option<&Chain>,
        key: Option<&Secret>,
    ) -> Result<Performed, Failure> {
        self.usable(key)?;
        let mut read = None;
        let chain = match verified {
            Some(chain) => chain,
            None => {
                // of a request's key nothing is known here any more; it was compared when the chain came
                let key = key.map(public_half).transpose()?;
                read.insert(self.verified(text, key.as_ref())?)
            }
        };
        let files = Files::new(key.cloned(), chain);
        let outputs = Outputs::new(self.certificate.output.clone());
        let written = blocking(move || outputs.write(&files))
            .await
            .map_err(|error| fault::transient(error.to_string()))?;
        self.say.step(
            Stage::Store,
            format!(
                "generation {} is written to {}",
                written.number,
                written.path.display()
            ),
        );
        Ok(Performed {
            chain: read,
            ..Event::Written {
                generation: written.number,
            }
            .into()
        })
    }

    /// A chain that does not fit is never used, whoever signed it.
    fn verified(&self, text: &str, key: Option<&PublicKey>) -> Result<Chain, Failure> {
        let unusable = |reason: String| {
            fault::refused(format!(
                "the CA's certificate cannot be used: {reason}; it is ordered anew"
            ))
        };
        let chain = Chain::parse(text).map_err(|error| unusable(error.to_string()))?;
        let key = match key {
            Some(key) => key.clone(),
            None => chain
                .public_key()
                .ok_or_else(|| unusable("its key is of an unknown kind".into()))?,
        };
        chain
            .verify(&key, &self.certificate.identifiers)
            .map_err(|error| unusable(error.to_string()))?;
        // a clock that is years ahead must not throw good certificates away: it has the one in use expired as well
        let (until, now) = (chain.not_after(), self.clock.now());
        if until <= now && self.live_until.is_none_or(|live| live >= until) {
            return Err(unusable(format!("it expired at {until}")));
        }
        Ok(chain)
    }
}

fn public_half(key: &Secret) -> Result<PublicKey, Failure> {
    let key = PrivateKey::from_pem(key).map_err(|error| fault::refused(error.to_string()))?;
    Ok(key.public())
}

fn generated(kind: KeyType, identifiers: &[Identifier]) -> Result<(Secret, Vec<u8>, PublicKey), String> {
    let key = PrivateKey::generate(kind).map_err(|error| error.to_string())?;
    let csr = pki::csr(&key, identifiers).map_err(|error| error.to_string())?;
    let pem = key.to_pem().map_err(|error| error.to_string())?;
    Ok((pem, csr, key.public()))
}

/// The request as it stands in its file now.
fn requested(path: &Path, identifiers: &[Identifier]) -> Result<Csr, String> {
    let of_file = |reason: String| format!("request {}: {reason}", path.display());
    let octets = std::fs::read(path).map_err(|error| of_file(error.to_string()))?;
    let request = Csr::parse(&octets).map_err(|error| of_file(error.to_string()))?;
    if request.identifiers() != identifiers {
        let list = |names: &[Identifier]| {
            let names: Vec<String> = names.iter().map(Identifier::to_string).collect();
            names.join(", ")
        };
        return Err(of_file(format!(
            "it is for {}, and the configuration asks for {}: make a new request, or change `names`",
            list(request.identifiers()),
            list(identifiers)
        )));
    }
    Ok(request)
}
