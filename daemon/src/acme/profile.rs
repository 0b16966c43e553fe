use super::{Client, Error, Fault, Operation, printable::printable};

/// Longest name and description shown.
const MAX_NAME: usize = 64;
const MAX_DESCRIPTION: usize = 200;
/// Most profiles shown. Let's Encrypt has three.
const MAX_SHOWN: usize = 20;

impl Client {
    /// Tells before anything is ordered whether the CA offers a profile (draft-ietf-acme-profiles 4):
    /// an order for another one would be refused.
    ///
    /// # Errors
    /// [`Fault::UnknownProfile`] with what there is; when the CA cannot be asked.
    pub async fn check_profile(&self, profile: &str) -> Result<(), Error> {
        let directory = self.directory().await?;
        let profiles = &directory.meta.profiles;
        if profiles.contains_key(profile) {
            return Ok(());
        }
        let offered = profiles
            .iter()
            .take(MAX_SHOWN)
            .map(|(name, text)| (printable(name, MAX_NAME), printable(text, MAX_DESCRIPTION)))
            .collect();
        let fault = Fault::UnknownProfile {
            profile: profile.to_owned(),
            offered,
        };
        Err(Error::new(Operation::NewOrder, &directory.new_order, fault))
    }
}

#[cfg(test)]
mod tests {
    use crate::acme::{
        Retry,
        stub_ca::{Answer, StubCa},
    };

    #[tokio::test]
    async fn draft_profiles_4_a_profile_that_is_not_offered_is_refused_with_those_that_are() {
        let ca = StubCa::start(|_| Answer::new(200, "")).await;
        let client = ca.client();
        client.check_profile("shortlived").await.expect("offered");
        let error = client
            .check_profile("short-lived")
            .await
            .expect_err("not offered");
        assert!(
            error.to_string().ends_with(
                "the CA does not offer the profile `short-lived`; \
                 it has `classic` (what you had [2J before), `shortlived` (six days)"
            ),
            "{error}"
        );
        assert_eq!(error.retry(), Retry::Never);
        assert!(ca.seen().is_empty());

        let ca = StubCa::with_directory(
            |it| it["meta"]["profiles"] = serde_json::Value::Null,
            |_| Answer::new(200, ""),
        )
        .await;
        let error = ca.client().check_profile("classic").await.expect_err("none");
        assert!(error.to_string().ends_with("it has no profiles"), "{error}");
    }
}
