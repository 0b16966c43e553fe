use std::sync::Arc;

use serde::Serialize;

use super::{
    Account, AccountKey, Error, Fault, Operation,
    account_key::Scheme,
    jwk::Jwk,
    jws::{Jws, Payload},
};

/// RFC 8555 7.3.5: "The inner JWS MUST have a "jwk" header parameter", "MUST omit the "nonce"
/// header parameter" and has the "url" of the outer one.
#[derive(Serialize)]
struct Protected<'a> {
    alg: Scheme,
    jwk: &'a Jwk,
    url: &'a str,
}

/// RFC 8555 7.3.5.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange<'a> {
    account: &'a str,
    old_key: &'a Jwk,
}

impl Account {
    /// Gives the account another key (RFC 8555 7.3.5), and asks whose it is: there are servers that
    /// answer with success and change nothing. The result signs with it.
    ///
    /// Both keys must be durable before: without an answer either may be the account's, and
    /// [`super::Client::find_account`] tells which.
    ///
    /// # Errors
    /// [`Fault::NotOffered`]; [`Fault::KeyInUse`] when `new` has an account already; the CA's refusal.
    pub async fn change_key(&self, new: &AccountKey) -> Result<Account, Error> {
        let directory = self.client().directory().await?;
        let url =
            self.client()
                .offered(Operation::KeyChange, "keyChange", directory.key_change.as_deref())?;
        let change = KeyChange {
            account: self.url().as_str(),
            old_key: self.key().jwk(),
        };
        let protected = Protected {
            alg: new.scheme(),
            jwk: new.jwk(),
            url,
        };
        let inner = Jws::seal(&protected, &Payload::json(&change), |text| new.sign(text))
            .map_err(|error| Error::new(Operation::KeyChange, url, Fault::Sign(error)))?;
        self.post(Operation::KeyChange, url, Payload::json(&inner))
            .await?;
        let fault = match self.client().find_account(new).await? {
            Some(account) if account == *self.url() => {
                return Ok(Account::open(
                    self.client().clone(),
                    Arc::new(new.clone()),
                    account,
                ));
            }
            Some(account) => Fault::KeyInUse {
                account: account.to_string(),
            },
            None => Fault::Malformed {
                reason: "success, and then the CA does not know the new key".to_owned(),
            },
        };
        Err(Error::new(Operation::KeyChange, url, fault))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::acme::{
        Algorithm, Retry,
        jws::tests::{decode, header, verify},
        stub_ca::{Answer, StubCa},
    };

    fn new_key() -> AccountKey {
        AccountKey::generate(Algorithm::Es384).expect("a key")
    }

    /// A CA that says success to a change, and that a key has the account at `path`.
    async fn saying(path: &'static str) -> StubCa {
        StubCa::start(move |seen| match seen.path.as_str() {
            "/new-account" => {
                let url = seen.header["url"].as_str().expect("an address");
                let account = url.replace("/new-account", path);
                Answer::json(&json!({"status": "valid"})).header("location", account)
            }
            _ => Answer::new(200, ""),
        })
        .await
    }

    #[tokio::test]
    async fn a_success_that_changed_nothing_is_none() {
        let ca = saying("/account/other").await;
        let error = ca.account().change_key(&new_key()).await.expect_err("another's");
        assert!(
            matches!(&error.fault, Fault::KeyInUse { account } if account.ends_with("/account/other")),
            "{error}"
        );
        let ca = StubCa::start(|seen| match seen.path.as_str() {
            "/new-account" => Answer::problem(400, "accountDoesNotExist"),
            _ => Answer::new(200, ""),
        })
        .await;
        let error = ca.account().change_key(&new_key()).await.expect_err("nobody's");
        assert!(error.to_string().contains("does not know the new key"), "{error}");
    }

    #[tokio::test]
    async fn rfc8555_7_3_5_the_inner_jws_has_no_nonce_and_is_signed_by_the_new_key() {
        let ca = saying("/account").await;
        let (account, new) = (ca.account(), new_key());
        let changed = account.change_key(&new).await.expect("changed");
        let seen = &ca.seen()[0];
        assert_eq!(seen.path, "/key-change");
        assert!(
            verify(account.key(), &seen.jws),
            "the outer one is signed by the old key"
        );
        assert_eq!(seen.header["kid"], account.url().as_str());

        let inner = &seen.payload;
        assert!(verify(&new, inner), "the inner one is signed by the new key");
        let protected = header(inner);
        let expected = json!({
            "alg": "ES384", "jwk": serde_json::to_value(new.jwk()).expect("JSON"), "url": seen.header["url"],
        });
        assert_eq!(protected, expected);
        let payload: Value = serde_json::from_slice(&decode(&inner["payload"])).expect("JSON");
        let old = serde_json::to_value(account.key().jwk()).expect("JSON");
        assert_eq!(payload, json!({"account": account.url().as_str(), "oldKey": old}));

        assert_eq!(changed.url(), account.url());
        assert_eq!(changed.key().thumbprint(), new.thumbprint());
    }

    #[tokio::test]
    async fn rfc8555_7_3_5_a_key_that_has_an_account_is_told_with_that_account() {
        // Boulder with a problem document, Pebble with nothing
        let full =
            |_: &_| Answer::problem(409, "malformed").header("location", "https://ca.example/account/9");
        let bare = |_: &_| Answer::new(409, "").header("location", "https://ca.example/account/9");
        for ca in [StubCa::start(full).await, StubCa::start(bare).await] {
            let error = ca.account().change_key(&new_key()).await.expect_err("in use");
            assert!(
                matches!(&error.fault, Fault::KeyInUse { account } if account == "https://ca.example/account/9"),
                "{error}"
            );
            assert_eq!(error.retry(), Retry::Never);
        }
    }

    #[tokio::test]
    async fn a_ca_without_key_change_is_not_asked() {
        let without = |directory: &mut Value| {
            directory.as_object_mut().expect("an object").remove("keyChange");
        };
        let ca = StubCa::with_directory(without, |_| Answer::new(200, "")).await;
        let error = ca
            .account()
            .change_key(&new_key())
            .await
            .expect_err("not offered");
        assert!(matches!(error.fault, Fault::NotOffered("keyChange")), "{error}");
        assert!(ca.seen().is_empty());
    }
}
