use std::{net::SocketAddr, sync::Arc, time::Duration};

use dns01d::{
    acme::{
        Account, AccountKey, Algorithm, AuthorizationStatus, ChallengeKind, Client, DEFAULT_REQUEST_RATE,
        NewOrder, Options, OrderStatus,
    },
    clock::SystemClock,
    pki::{Chain, KeyType, PrivateKey, csr},
    types::{CertificateUrl, Identifier},
};
use jiff::Timestamp;
use lab::pebble::{Pebble, PebbleOptions};

/// A Pebble that believes every proof, unless told otherwise.
pub struct Stage {
    pub pebble: Pebble,
}

impl Stage {
    pub async fn start(edit: impl FnOnce(&mut PebbleOptions)) -> Self {
        // nobody answers there, and nobody asks
        let mut options = PebbleOptions::new(SocketAddr::from(([127, 0, 0, 1], 53)));
        options.always_valid = true;
        edit(&mut options);
        let pebble = Pebble::start(options).await.unwrap();
        Stage { pebble }
    }

    pub fn client(&self) -> Client {
        Client::open(self.options(), Arc::new(SystemClock)).unwrap()
    }

    pub fn options(&self) -> Options {
        Options {
            name: "pebble".parse().unwrap(),
            directory: self.pebble.directory_url().parse().unwrap(),
            contacts: vec!["mailto:hostmaster@example.org".to_owned()],
            agree_terms: true,
            ca_file: Some(self.pebble.ca_file().to_owned()),
            request_timeout: Duration::from_secs(10),
            request_rate: DEFAULT_REQUEST_RATE,
        }
    }
}

pub async fn register(client: &Client) -> Account {
    register_with(client, AccountKey::generate(Algorithm::Es256).unwrap()).await
}

pub async fn register_with(client: &Client, key: AccountKey) -> Account {
    let url = client.new_account(&key, None).await.unwrap();
    Account::open(client.clone(), Arc::new(key), url)
}

/// A wildcard and its apex.
pub fn names(domain: &str) -> Vec<Identifier> {
    [format!("*.{domain}"), domain.to_owned()]
        .map(|name| name.parse().unwrap())
        .into()
}

/// A certificate with all that came of it.
pub struct Issued {
    pub chain: Chain,
    pub key: PrivateKey,
    pub alternates: Vec<CertificateUrl>,
}

/// From order to verified chain, for [`names`].
pub async fn issue(account: &Account, domain: &str) -> Chain {
    let names = names(domain);
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let issued = issue_for(account, names.as_slice().into(), key).await;
    assert!(issued.chain.extra_names(&names).is_empty());
    assert!(!issued.chain.chain_pem().is_empty(), "there is an intermediate");
    assert!(issued.chain.cert_id().is_some());
    issued.chain
}

/// From order to verified chain, with every name proved by dns-01.
pub async fn issue_for(account: &Account, wish: NewOrder<'_>, key: PrivateKey) -> Issued {
    let names = wish.identifiers;
    let (url, order) = account.new_order(wish).await.unwrap();
    assert_eq!(order.authorizations.len(), names.len());
    let mut until = order.expires.unwrap_or(Timestamp::MAX);
    let mut proved = Vec::new();
    for authorization in &order.authorizations {
        let it = account.authorization(authorization).await.unwrap().value;
        until = until.min(it.expires.unwrap_or(Timestamp::MAX));
        proved.push(it.identifier().expect("a name"));
        // told never to use one again, Pebble still does in one case of a hundred
        if it.status == AuthorizationStatus::Valid {
            continue;
        }
        assert_eq!(it.status, AuthorizationStatus::Pending);
        let challenge = it.challenge(&ChallengeKind::Dns01).expect("dns-01");
        let token = challenge.token.as_ref().expect("a token");
        assert_eq!(account.dns01_value(token).len(), 43);
        account.answer(&challenge.url).await.unwrap();
    }
    proved.sort();
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!(proved, expected);

    let order = account.wait_validated(&url, None, until).await.unwrap();
    assert_eq!(order.status, OrderStatus::Ready);
    let request = csr(&key, names).unwrap();
    let finalized = account.finalize(&order.finalize, &request).await.unwrap();
    let order = account.wait_issued(&url, finalized, until).await.unwrap();
    assert_eq!(order.status, OrderStatus::Valid);
    let downloaded = account
        .certificate(&order.certificate.expect("an address"))
        .await
        .unwrap();
    let chain = Chain::parse(&downloaded.pem).unwrap();
    chain
        .verify(&key.public(), names)
        .expect("the certificate that was asked for");
    Issued {
        chain,
        key,
        alternates: downloaded.alternates,
    }
}
