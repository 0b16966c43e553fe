//! Nonces (RFC 8555 section 6.5): each good for one request.

use std::collections::{HashSet, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::dice::Dice;

/// Nonces outstanding; the oldest are forgotten, as every real CA does.
const OUTSTANDING: usize = 100_000;

/// The nonces that were given out and not used.
#[derive(Debug)]
pub(super) struct Nonces {
    good: HashSet<String>,
    order: VecDeque<String>,
    dice: Dice,
}

impl Nonces {
    pub(super) fn new(seed: u64) -> Self {
        Nonces {
            good: HashSet::new(),
            order: VecDeque::new(),
            dice: Dice::new(seed),
        }
    }

    pub(super) fn issue(&mut self) -> Result<String, openssl::error::ErrorStack> {
        let mut bytes = [0; 16];
        openssl::rand::rand_bytes(&mut bytes)?;
        let nonce = URL_SAFE_NO_PAD.encode(bytes);
        if self.order.len() == OUTSTANDING
            && let Some(oldest) = self.order.pop_front()
        {
            self.good.remove(&oldest);
        }
        self.order.push_back(nonce.clone());
        self.good.insert(nonce.clone());
        Ok(nonce)
    }

    /// Uses up a nonce; false if it is not good, or if `reject` (0 to 1) picks it.
    pub(super) fn redeem(&mut self, nonce: &str, reject: f64) -> bool {
        let was_good = self.good.remove(nonce);
        was_good && !self.dice.hits(reject)
    }
}
