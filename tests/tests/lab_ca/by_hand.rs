//! ACME by hand: enough to send the CA what no good client would send.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use lab::ca::{AcmeCa, CaOptions, IssuedCertificate};
use lab::dns::{DnsOptions, DnsServer, UpdatePolicy, Zone};
use serde_json::{Value, json};

use crate::keys::{Key, csr};

pub const ZONE: &str = "internal.example.test";

/// A CA, the zone that it looks into, and an HTTP client that trusts it.
pub struct Bench {
    pub ca: AcmeCa,
    pub dns: DnsServer,
    pub http: reqwest::Client,
}

impl Bench {
    pub async fn start() -> Self {
        Self::looking_also_at(Vec::new()).await
    }

    /// The CA asks these servers beside its own.
    pub async fn looking_also_at(others: Vec<SocketAddr>) -> Self {
        let zone = Zone::new(ZONE).unwrap();
        let options = DnsOptions {
            policy: UpdatePolicy::Nothing,
            ..DnsOptions::new(vec![zone])
        };
        let dns = DnsServer::start(options).await.unwrap();
        let servers = [vec![dns.addr()], others].concat();
        let ca = AcmeCa::start(CaOptions::new(servers)).await.unwrap();
        Self::of(ca, dns)
    }

    /// With plain HTTP as well.
    pub async fn with_http() -> Self {
        let dns = DnsServer::start(DnsOptions::new(vec![Zone::new(ZONE).unwrap()]))
            .await
            .unwrap();
        let options = CaOptions {
            listen_http: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..CaOptions::new(vec![dns.addr()])
        };
        Self::of(AcmeCa::start(options).await.unwrap(), dns)
    }

    pub fn of(ca: AcmeCa, dns: DnsServer) -> Self {
        let root = reqwest::Certificate::from_pem(ca.https_root_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_merge([root])
            .build()
            .unwrap();
        Bench { ca, dns, http }
    }

    pub fn url(&self, path: &str) -> String {
        self.ca.directory_url().replace("/directory", path)
    }

    pub async fn nonce(&self) -> String {
        let answer = self.http.head(self.url("/new-nonce")).send().await.unwrap();
        answer.headers()["replay-nonce"].to_str().unwrap().to_owned()
    }

    /// Sends a body as it is.
    pub async fn send(&self, url: &str, body: String) -> Answer {
        let request = self
            .http
            .post(url)
            .header("content-type", "application/jose+json")
            .body(body);
        Answer::read(request.send().await.unwrap()).await
    }

    /// A POST signed by `key` as its account.
    pub async fn post(&self, account: &Account, url: &str, payload: &str) -> Answer {
        let alg = account.key.alg();
        let header = json!({ "alg": alg, "kid": account.url, "nonce": self.nonce().await, "url": url });
        self.send(url, account.key.sign(&header, payload)).await
    }

    pub async fn register(&self) -> Account {
        self.register_with(Key::generate()).await
    }

    pub async fn register_with(&self, key: Key) -> Account {
        let answer = self
            .new_account(&key, &json!({ "termsOfServiceAgreed": true }))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Account {
            key,
            url: answer.location.unwrap(),
        }
    }

    pub async fn new_account(&self, key: &Key, payload: &Value) -> Answer {
        let url = self.url("/new-account");
        let header = json!({ "alg": key.alg(), "jwk": key.jwk(), "nonce": self.nonce().await, "url": url });
        self.send(&url, key.sign(&header, &payload.to_string())).await
    }

    /// An order whose authorizations are all valid.
    pub async fn ready_order(&self, account: &Account, names: &[&str]) -> Answer {
        let order = self.order(account, names).await;
        self.prove(account, order).await
    }

    /// Shows what the order's challenges want, and answers them.
    async fn prove(&self, account: &Account, order: Answer) -> Answer {
        assert_eq!(order.status, 201, "{order:?}");
        let mut zone = Zone::new(ZONE).unwrap();
        let mut challenges = Vec::new();
        for authorization in order.json["authorizations"].as_array().unwrap() {
            let authorization = self.post(account, authorization.as_str().unwrap(), "").await.json;
            let challenge = &authorization["challenges"][0];
            let owner = format!(
                "_acme-challenge.{}",
                authorization["identifier"]["value"].as_str().unwrap()
            );
            zone = zone
                .with_txt(&owner, &account.key.dns_01(challenge["token"].as_str().unwrap()))
                .unwrap();
            challenges.push(challenge["url"].as_str().unwrap().to_owned());
        }
        self.dns.put_zone(zone);
        for challenge in challenges {
            self.post(account, &challenge, "{}").await;
        }
        let url = order.location.clone().unwrap();
        self.until(account, &url, |status| status != "pending").await
    }

    pub async fn order(&self, account: &Account, names: &[&str]) -> Answer {
        self.order_with(account, names, &json!({})).await
    }

    /// An order whose payload has `more` beside the identifiers.
    pub async fn order_with(&self, account: &Account, names: &[&str], more: &Value) -> Answer {
        let mut payload = json!({ "identifiers": identifiers(names) });
        for (member, value) in more.as_object().unwrap() {
            payload[member] = value.clone();
        }
        self.post(account, &self.url("/new-order"), &payload.to_string())
            .await
    }

    /// A certificate with a fresh key.
    pub async fn issue(&self, account: &Account, names: &[&str]) -> IssuedCertificate {
        self.issue_with(account, names, &json!({})).await
    }

    pub async fn issue_with(&self, account: &Account, names: &[&str], more: &Value) -> IssuedCertificate {
        let order = self.order_with(account, names, more).await;
        let order = self.prove(account, order).await;
        let key = Key::generate().0;
        let done = self
            .finalize(account, &order, &csr(&key, &key, None, names))
            .await;
        assert_eq!(done.json["status"], "valid", "{done:?}");
        self.ca.certificates().pop().unwrap()
    }

    pub async fn get(&self, url: &str) -> Answer {
        Answer::read(self.http.get(url).send().await.unwrap()).await
    }

    pub async fn until(&self, account: &Account, url: &str, done: impl Fn(&str) -> bool) -> Answer {
        for _ in 0..500 {
            let answer = self.post(account, url, "").await;
            if done(answer.json["status"].as_str().unwrap()) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{url} stays as it is");
    }

    pub async fn finalize(&self, account: &Account, order: &Answer, csr: &[u8]) -> Answer {
        let payload = json!({ "csr": B64.encode(csr) }).to_string();
        self.post(account, order.json["finalize"].as_str().unwrap(), &payload)
            .await
    }
}

fn identifiers(names: &[&str]) -> Vec<Value> {
    let identifier = |name: &&str| json!({ "type": "dns", "value": name });
    names.iter().map(identifier).collect()
}

pub struct Account {
    pub key: Key,
    pub url: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub nonce: Option<String>,
    pub links: Vec<String>,
    pub json: Value,
    pub text: String,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let (location, retry_after, nonce) =
            (header("location"), header("retry-after"), header("replay-nonce"));
        let links = response.headers().get_all("link").into_iter();
        let links = links.map(|link| link.to_str().unwrap().to_owned()).collect();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status,
            location,
            retry_after,
            nonce,
            links,
            json,
            text,
        }
    }

    /// The problem's type without its prefix.
    pub fn problem(&self) -> &str {
        self.json["type"]
            .as_str()
            .and_then(|kind| kind.strip_prefix("urn:ietf:params:acme:error:"))
            .unwrap_or("")
    }
}
