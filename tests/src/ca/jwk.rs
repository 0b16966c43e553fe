//! Account keys on the wire: JWK (RFC 7517, 7518 section 6) and their thumbprints (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemType};

/// Shorter RSA keys are refused, as by every public CA.
const RSA_BITS: u32 = 2048;

/// A public key.
///
/// The members are in the order that a thumbprint needs: serialising gives the canonical form.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kty")]
enum Wire {
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
}

/// A public key that can check signatures.
#[derive(Clone, Debug)]
pub(super) struct Jwk {
    key: PKey<Public>,
    thumbprint: String,
}

impl Jwk {
    pub(super) fn parse(value: &serde_json::Value) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::new(ProblemType::BadPublicKey, detail);
        let wire = Wire::deserialize(value).map_err(|error| bad(format!("JWK: {error}")))?;
        let key = public_key(&wire)?;
        Ok(Jwk {
            key,
            thumbprint: thumbprint(&wire),
        })
    }

    pub(super) fn key(&self) -> &PKeyRef<Public> {
        &self.key
    }

    /// base64url of the SHA-256 of the canonical JWK.
    pub(super) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(super) fn is_same_key(&self, other: &PKeyRef<Public>) -> bool {
        self.key.public_eq(other)
    }
}

/// RFC 7638 section 3.2: required members only, in lexicographic order, no white space.
fn thumbprint(wire: &Wire) -> String {
    let canonical = match wire {
        Wire::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
        Wire::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
    };
    URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
}

fn public_key(wire: &Wire) -> Result<PKey<Public>, Problem> {
    let bad = |detail: &str| Problem::new(ProblemType::BadPublicKey, format!("JWK: {detail}"));
    let number = |text: &str| {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| bad("a member is not base64url"))?;
        BigNum::from_slice(&bytes).map_err(Problem::from)
    };
    match wire {
        Wire::Ec { crv, x, y } => {
            let (curve, length) = match crv.as_str() {
                "P-256" => (Nid::X9_62_PRIME256V1, 32),
                "P-384" => (Nid::SECP384R1, 48),
                other => return Err(bad(&format!("curve {other} is not taken"))),
            };
            // RFC 7518 section 6.2.1.2: coordinates have their full length
            if [x, y]
                .iter()
                .any(|text| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len()) != length)
            {
                return Err(bad("a coordinate has the wrong length"));
            }
            let group = EcGroup::from_curve_name(curve)?;
            let mut point = EcPoint::new(&group)?;
            let mut context = BigNumContext::new()?;
            point
                .set_affine_coordinates_gfp(&group, &*number(x)?, &*number(y)?, &mut context)
                .map_err(|_| bad("the point is not on the curve"))?;
            let key = EcKey::from_public_key(&group, &point)?;
            key.check_key()
                .map_err(|_| bad("the point is not on the curve"))?;
            Ok(PKey::from_ec_key(key)?)
        }
        Wire::Rsa { e, n } => {
            let key = PKey::from_rsa(Rsa::from_public_components(number(n)?, number(e)?)?)?;
            if key.bits() < RSA_BITS {
                return Err(bad("RSA keys need 2048 bits"));
            }
            Ok(key)
        }
    }
}

/// `P-256`, `P-384` or `RSA`; `None` for anything else.
pub(super) fn family(key: &PKeyRef<Public>) -> Option<&'static str> {
    match key.id() {
        Id::RSA => Some("RSA"),
        Id::EC => match key.ec_key().ok()?.group().curve_name()? {
            Nid::X9_62_PRIME256V1 => Some("P-256"),
            Nid::SECP384R1 => Some("P-384"),
            _ => None,
        },
        _ => None,
    }
}
