use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Account, AccountStatus, Error, Operation, directory::lenient, jws::Payload};

/// An account as its CA shows it (RFC 8555 7.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountView {
    /// Whether it may order.
    pub status: AccountStatus,
    /// Where the CA would write to; many CAs no longer keep any.
    #[serde(default, deserialize_with = "lenient", rename = "contact")]
    pub contacts: Vec<String>,
    /// True when the CA says that the terms were agreed to; not every CA does.
    #[serde(default, deserialize_with = "lenient", rename = "termsOfServiceAgreed")]
    pub terms_agreed: bool,
    /// Address of the list of its orders (RFC 8555 7.1.2.1), which few CAs have.
    #[serde(default, deserialize_with = "lenient")]
    pub orders: Option<String>,
}

/// RFC 8555 7.3.2 and 7.3.3.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    contact: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    terms_of_service_agreed: bool,
}

impl Account {
    /// A look at the account (RFC 8555 7.3.3: a POST-as-GET).
    ///
    /// # Errors
    /// When the CA does not show it; [`Error::is_account_gone`] then tells whether it ever will.
    pub async fn look(&self) -> Result<AccountView, Error> {
        self.account_request(Operation::Account, Payload::none()).await
    }

    /// Replaces the contacts (RFC 8555 7.3.2), and with `agree_terms` agrees to the terms as they
    /// are now (7.3.3). An empty list takes all contacts away.
    ///
    /// # Errors
    /// The CA's refusal.
    pub async fn update(&self, contacts: &[String], agree_terms: bool) -> Result<AccountView, Error> {
        let payload = Payload::json(&Update {
            contact: contacts,
            terms_of_service_agreed: agree_terms,
        });
        self.account_request(Operation::UpdateAccount, payload).await
    }

    /// Closes the account for ever (RFC 8555 7.3.6): no request with its key succeeds
    /// afterwards, and nothing opens it again.
    ///
    /// # Errors
    /// The CA's refusal.
    pub async fn deactivate(&self) -> Result<AccountView, Error> {
        let payload = Payload::json(&json!({"status": "deactivated"}));
        self.account_request(Operation::DeactivateAccount, payload).await
    }

    async fn account_request(&self, operation: Operation, payload: Payload) -> Result<AccountView, Error> {
        Ok(self.fetch(operation, self.url().as_str(), payload).await?.value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::acme::stub_ca::{Answer, StubCa};

    #[tokio::test]
    async fn rfc8555_7_3_3_a_look_is_a_post_as_get_and_odd_members_do_no_harm() {
        let ca = StubCa::start(|_| {
            Answer::json(&json!({
                "status": "valid", "contact": ["mailto:a@example.org"], "termsOfServiceAgreed": true,
                "orders": "https://ca.example/orders/1", "key": {}, "createdAt": 7,
            }))
        })
        .await;
        let view = ca.account().look().await.expect("the account");
        assert_eq!(
            view,
            AccountView {
                status: AccountStatus::Valid,
                contacts: vec!["mailto:a@example.org".into()],
                terms_agreed: true,
                orders: Some("https://ca.example/orders/1".into()),
            }
        );
        let seen = &ca.seen()[0];
        assert_eq!(
            (seen.path.as_str(), &seen.jws["payload"]),
            ("/account", &json!(""))
        );

        let ca =
            StubCa::start(|_| Answer::json(&json!({"status": "frozen", "contact": 7, "orders": null}))).await;
        let view = ca.account().look().await.expect("the account");
        assert_eq!(view.status, AccountStatus::Unknown("frozen".into()));
        assert!(view.contacts.is_empty() && view.orders.is_none());
    }

    #[tokio::test]
    async fn rfc8555_7_3_2_an_update_sends_contacts_and_agreement_and_nothing_else() {
        let ca = StubCa::start(|_| Answer::json(&json!({"status": "valid"}))).await;
        let account = ca.account();
        account
            .update(&["mailto:b@example.org".into()], true)
            .await
            .expect("updated");
        account.update(&[], false).await.expect("updated");
        let sent: Vec<Value> = ca.seen().into_iter().map(|seen| seen.payload).collect();
        assert_eq!(
            sent,
            [
                json!({"contact": ["mailto:b@example.org"], "termsOfServiceAgreed": true}),
                json!({"contact": []}),
            ]
        );
    }

    #[tokio::test]
    async fn rfc8555_7_3_6_a_closed_account_is_seen_as_closed() {
        let ca = StubCa::start(|_| Answer::json(&json!({"status": "deactivated"}))).await;
        let view = ca.account().deactivate().await.expect("closed");
        assert_eq!(view.status, AccountStatus::Deactivated);
        assert_eq!(ca.seen()[0].payload, json!({"status": "deactivated"}));
    }
}
