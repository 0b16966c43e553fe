//! What a test does to the CA while it runs, beside turning its knobs.

use super::renewal_info::Window;
use super::{AcmeCa, serial_hex};

/// Why something cannot be done to the CA.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No certificate has this serial.
    #[error("the lab CA issued no certificate with serial {0}; it lists those that it issued")]
    UnknownSerial(String),
}

impl AcmeCa {
    /// Makes every authorization expire now, so that the next order needs challenges again.
    pub fn expire_authorizations(&self) {
        let now = self.ca.now();
        for authorization in self.ca.state.lock().authorizations.values_mut() {
            authorization.expires = now;
        }
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
