//! The ACME client against Pebble, Let's Encrypt's test server (Debian's package `pebble`).
//!
//! Pebble believes every proof here (PEBBLE_VA_ALWAYS_VALID): this is about the protocol.
//! Proofs through real DNS are the business of the end-to-end tests.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use dns01d::{
    acme::{
        Account, AccountKey, Algorithm, AuthorizationStatus, ChallengeKind, Client, Options, OrderStatus,
    },
    clock::{Clock as _, SystemClock},
    pki::{Chain, KeyType, PrivateKey, csr},
    types::Identifier,
};
use jiff::Timestamp;
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use tempfile::TempDir;

/// A running Pebble; killed with this value.
struct Pebble {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Pebble {
    /// Starts one that rejects `rejected` percent of all good nonces.
    fn start(rejected: u8) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        write_tls_identity(&directory);
        let (port, management) = (free_port(), free_port());
        let path = |name: &str| directory.path().join(name).display().to_string();
        let configuration = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("cert.pem"),
            "privateKey": path("key.pem"),
            "httpPort": 1, "tlsPort": 1, "ocspResponderURL": "",
        }});
        std::fs::write(path("pebble.json"), configuration.to_string()).expect("a file");
        let mut process = Command::new("pebble")
            .args(["-config", &path("pebble.json")])
            .env("PEBBLE_VA_ALWAYS_VALID", "1")
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", rejected.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("pebble is installed: apt-get install pebble");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let ready = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("ACME directory available"));
        assert!(ready, "pebble starts");
        // a full pipe would stop it
        std::thread::spawn(move || lines.for_each(drop));
        Pebble {
            process,
            directory,
            port,
        }
    }

    fn client(&self) -> Client {
        Client::open(self.options(), Arc::new(SystemClock)).expect("a client")
    }

    fn options(&self) -> Options {
        Options {
            name: "pebble".parse().expect("a name"),
            directory: format!("https://localhost:{}/dir", self.port)
                .parse()
                .expect("an address"),
            contacts: vec!["mailto:hostmaster@example.org".to_owned()],
            agree_terms: true,
            ca_file: Some(self.ca_file()),
            request_timeout: Duration::from_secs(10),
            request_rate: dns01d::acme::DEFAULT_REQUEST_RATE,
        }
    }

    fn ca_file(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A certificate that vouches for itself.
fn write_tls_identity(directory: &TempDir) {
    let key = PrivateKey::generate(KeyType::EcdsaP256)
        .and_then(|key| key.to_pem())
        .expect("a key");
    let signer = openssl::pkey::PKey::private_key_from_pem(key.expose().as_bytes()).expect("the key");
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", "pebble's own").expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a builder");
    builder.set_version(2).expect("version 3");
    let serial = BigNum::from_u32(1)
        .and_then(|number| number.to_asn1_integer())
        .expect("a serial");
    builder.set_serial_number(&serial).expect("a serial");
    builder.set_subject_name(&name).expect("a subject");
    builder.set_issuer_name(&name).expect("an issuer");
    builder.set_pubkey(&signer).expect("a key");
    builder
        .set_not_before(&Asn1Time::days_from_now(0).expect("a time"))
        .expect("a time");
    builder
        .set_not_after(&Asn1Time::days_from_now(2).expect("a time"))
        .expect("a time");
    let context = builder.x509v3_context(None, None);
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&context)
        .expect("names");
    builder.append_extension(names).expect("an extension");
    builder
        .sign(&signer, MessageDigest::sha256())
        .expect("a signature");
    let certificate = builder.build().to_pem().expect("PEM");
    std::fs::write(directory.path().join("key.pem"), key.expose()).expect("a file");
    std::fs::write(directory.path().join("cert.pem"), certificate).expect("a file");
}

async fn register(client: &Client) -> Account {
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    let url = client.new_account(&key, None).await.expect("an account");
    Account::open(client.clone(), Arc::new(key), url)
}

fn names(domain: &str) -> Vec<Identifier> {
    [format!("*.{domain}"), domain.to_owned()]
        .map(|name| name.parse().expect("a name"))
        .into()
}

/// From order to verified chain.
async fn issue(account: &Account, domain: &str) -> Chain {
    let names = names(domain);
    let (url, order) = account.new_order(names.as_slice()).await.expect("an order");
    assert_eq!(order.authorizations.len(), 2);
    let mut until = order.expires.unwrap_or(Timestamp::MAX);
    let mut proved = Vec::new();
    for authorization in &order.authorizations {
        let it = account
            .authorization(authorization)
            .await
            .expect("an authorization")
            .value;
        assert_eq!(it.status, AuthorizationStatus::Pending);
        until = until.min(it.expires.unwrap_or(Timestamp::MAX));
        let challenge = it.challenge(&ChallengeKind::Dns01).expect("dns-01");
        let token = challenge.token.as_ref().expect("a token");
        assert_eq!(account.dns01_value(token).len(), 43);
        account.answer(&challenge.url).await.expect("an answer");
        proved.push(it.identifier().expect("a name"));
    }
    proved.sort();
    let mut expected = names.clone();
    expected.sort();
    assert_eq!(proved, expected);

    let order = account
        .wait_validated(&url, None, until)
        .await
        .expect("validation");
    assert_eq!(order.status, OrderStatus::Ready);
    let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let request = csr(&key, &names).expect("a request");
    let finalized = account
        .finalize(&order.finalize, &request)
        .await
        .expect("finalized");
    let order = account
        .wait_issued(&url, finalized, until)
        .await
        .expect("issuance");
    assert_eq!(order.status, OrderStatus::Valid);
    let downloaded = account
        .certificate(&order.certificate.expect("an address"))
        .await
        .expect("a certificate");
    let chain = Chain::parse(&downloaded.pem).expect("a chain");
    chain
        .verify(&key.public(), &names)
        .expect("the certificate that was asked for");
    assert!(chain.extra_names(&names).is_empty());
    assert!(!chain.chain_pem().is_empty(), "there is an intermediate");
    assert!(chain.cert_id().is_some());
    chain
}

#[tokio::test]
async fn a_wildcard_and_its_apex_take_ten_requests_with_a_warm_account() {
    let pebble = Pebble::start(0);
    let client = pebble.client();
    let account = register(&client).await;
    issue(&account, "warm.example.test").await;
    let before = client.counters().requests;
    let chain = issue(&account, "internal.example.test").await;
    let spent = client.counters().requests - before;
    assert!(spent <= 10, "{spent} requests");
    assert!(chain.not_after() > SystemClock.now());
}

#[tokio::test]
async fn one_key_has_one_account_however_often_it_asks() {
    let pebble = Pebble::start(0);
    let client = pebble.client();
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    assert_eq!(client.find_account(&key).await.expect("an answer"), None);
    let url = client.new_account(&key, None).await.expect("an account");
    assert_eq!(client.new_account(&key, None).await.expect("the account"), url);
    assert_eq!(client.find_account(&key).await.expect("an answer"), Some(url));
}

#[tokio::test]
async fn an_account_that_the_ca_forgot_is_known_as_gone() {
    let pebble = Pebble::start(0);
    let known = register(&pebble.client()).await;
    let forgotten = format!("{}0", known.url()).parse().expect("an address");
    let key = Arc::new(AccountKey::generate(Algorithm::Es256).expect("a key"));
    let account = Account::open(pebble.client(), key, forgotten);
    let error = account
        .new_order(names("example.test").as_slice())
        .await
        .expect_err("no such account");
    assert!(error.is_account_gone(), "{error}");
}

#[tokio::test]
async fn a_ca_with_an_unknown_root_is_not_trusted_and_the_reason_is_told() {
    let pebble = Pebble::start(0);
    let options = Options {
        ca_file: None,
        ..pebble.options()
    };
    let client = Client::open(options, Arc::new(SystemClock)).expect("a client");
    let error = client.directory().await.expect_err("nobody vouches for it");
    let text = "the server's certificate is not trusted (self-signed certificate); if the CA's own server \
                has a private certificate, name its root in `ca-file`";
    assert!(error.to_string().ends_with(text), "{error}");
}

#[tokio::test]
async fn an_authorization_can_be_given_up() {
    let pebble = Pebble::start(0);
    let account = register(&pebble.client()).await;
    let (url, order) = account
        .new_order(names("given.example.test").as_slice())
        .await
        .expect("an order");
    let given = &order.authorizations[0];
    let ended = account
        .deactivate_authorization(given)
        .await
        .expect("deactivation");
    assert_eq!(ended.status, AuthorizationStatus::Deactivated);
    let now = account.order(&url).await.expect("the order").value;
    let failed = account.failed_authorizations(&now).await.expect("the names");
    // Pebble lists authorizations in another order each time
    assert_eq!(failed.iter().map(|it| &it.url).collect::<Vec<_>>(), [given]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_come_although_nine_nonces_in_ten_are_rejected() {
    for (rejected, orders) in [(30, 8), (90, 4)] {
        let pebble = Pebble::start(rejected);
        let client = pebble.client();
        let account = register(&client).await;
        let work = (0..orders).map(|number| {
            let account = account.clone();
            tokio::spawn(async move { issue(&account, &format!("n{number}.example.test")).await })
        });
        for order in work.collect::<Vec<_>>() {
            order.await.expect("a certificate");
        }
        assert!(client.counters().rejected_nonces > 0);
    }
}
