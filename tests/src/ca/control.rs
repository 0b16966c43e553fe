//! What a test does to the CA while it runs, beside turning its knobs.

use super::AcmeCa;

impl AcmeCa {
    /// Makes every authorization expire now, so that the next order needs challenges again.
    pub fn expire_authorizations(&self) {
        let now = self.ca.now();
        for authorization in self.ca.state.lock().authorizations.values_mut() {
            authorization.expires = now;
        }
    }
}
