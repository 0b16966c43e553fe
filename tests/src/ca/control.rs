//! What a test does to the CA while it runs, beside turning its knobs.

use jiff::Timestamp;

use super::AcmeCa;
use super::cert_id::serial_hex;
use super::renewal_info::Window;

/// Why something cannot be done to the CA.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No certificate has this serial.
    #[error("the lab CA issued no certificate with serial {0}; it lists those that it issued")]
    UnknownSerial(String),
    /// No account has this URL.
    #[error("the lab CA has no account {0}; its URL is in the answer that made it")]
    UnknownAccount(String),
}

impl AcmeCa {
    /// What the CA takes the time to be.
    pub fn now(&self) -> Timestamp {
        self.ca.now()
    }

    /// Makes every authorization expire now, so that the next order needs challenges again.
    pub fn expire_authorizations(&self) {
        let now = self.ca.now();
        for authorization in self.ca.state.lock().authorizations.values_mut() {
            authorization.expires = now;
        }
    }

    /// Forgets the account as if it had never been: `accountDoesNotExist` from now on.
    ///
    /// # Errors
    /// There is no account with the URL.
    pub fn forget_account(&self, url: &str) -> Result<(), ControlError> {
        let id = url.rsplit_once("/account/").and_then(|(_, id)| id.parse().ok());
        let mut state = self.ca.state.lock();
        let forgotten = id.and_then(|id: u64| state.accounts.remove(&id));
        forgotten
            .map(drop)
            .ok_or_else(|| ControlError::UnknownAccount(url.to_owned()))
    }

    /// New terms of service: an account can do nothing else until it agrees to them, which it does by updating itself
    /// or a person by a POST to the page that the problem's `instance` names.
    pub fn change_terms(&self) {
        self.ca.state.lock().terms += 1;
    }

    /// Ends the `processing` of every order that is in it.
    pub fn finish_processing(&self) {
        self.ca.hurry.notify_waiters();
    }

    /// The account that the external account is bound to, as its URL's path: `/account/1`.
    pub fn bound_account(&self, kid: &str) -> Option<String> {
        let state = self.ca.state.lock();
        state.bindings.get(kid).map(|id| format!("/account/{id}"))
    }

    /// From now on the CA suggests this window for the certificate, also one in the past.
    ///
    /// # Errors
    /// There is no certificate with the serial, which is written as in [`IssuedCertificate`](super::IssuedCertificate).
    pub fn set_renewal_info(&self, serial: &str, window: Window) -> Result<(), ControlError> {
        let mut state = self.ca.state.lock();
        let certificate = state
            .certificates
            .values_mut()
            .find(|certificate| serial_hex(&certificate.leaf) == serial)
            .ok_or_else(|| ControlError::UnknownSerial(serial.to_owned()))?;
        certificate.renewal = Some(window);
        Ok(())
    }
}
