//! How certificates are named: by serial, and by CertID (RFC 9773 section 4.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::x509::X509Ref;

use super::problem::Problem;
use super::state::State;

/// base64url of the AKI's keyIdentifier, `.`, base64url of the serial number's DER content.
pub(super) fn cert_id(leaf: &X509Ref) -> Result<String, ErrorStack> {
    let key_id = leaf
        .authority_key_id()
        .map(|id| id.as_slice())
        .unwrap_or_default();
    let mut serial = leaf.serial_number().to_bn()?.to_vec();
    // DER integers are signed: "if the high-order bit is set, a leading 00"
    if serial.first().is_some_and(|byte| *byte >= 0x80) {
        serial.insert(0, 0);
    }
    Ok(join(key_id, &serial))
}

fn join(key_id: &[u8], serial: &[u8]) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(key_id),
        URL_SAFE_NO_PAD.encode(serial)
    )
}

/// The number of the certificate that is meant.
///
/// What is no CertID is `malformed`; one that names no certificate is not found, and told apart if only the
/// serial's leading 00 is missing.
pub(super) fn find(state: &State, text: &str) -> Result<u64, Problem> {
    let malformed = || {
        Problem::malformed(format!(
            "`{text}` is not a CertID: two unpadded base64url parts and a dot"
        ))
    };
    let (key_id, serial) = text.split_once('.').ok_or_else(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
    let (key_id, mut serial) = (decode(key_id)?, decode(serial)?);
    if key_id.is_empty() || serial.is_empty() {
        return Err(malformed());
    }
    if let Some(id) = state.by_cert_id.get(text) {
        return Ok(*id);
    }
    serial.insert(0, 0);
    let mut problem = Problem::not_found("certificate");
    if state.by_cert_id.contains_key(&join(&key_id, &serial)) {
        problem.detail = "no such certificate; there is one whose serial has a leading 00 more".to_owned();
    }
    Err(problem)
}

/// Lower-case hexadecimal, without the leading 00.
pub(super) fn serial_hex(certificate: &X509Ref) -> String {
    let number = certificate
        .serial_number()
        .to_bn()
        .and_then(|number| number.to_hex_str());
    number.map(|hex| hex.to_lowercase()).unwrap_or_default()
}
