//! The list of revoked certificates (RFC 5280 section 5).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header;
use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::x509::{X509Revoked, X509RevokedBuilder};

use super::Site;
use super::problem::Problem;
use super::state::{Certificate, Revocation};

/// DER of an entry's only extension but for the reason's number: 2.5.29.21, ENUMERATED (section 5.3.1).
const REASON: [u8; 13] = [
    0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01,
];

/// Everything revoked so far, fresh with each request.
pub(super) async fn crl(State(site): State<Site>) -> Result<Response, Problem> {
    let now = site.ca.now();
    let revoked = {
        let state = site.ca.state.lock();
        let entries = state.certificates.values().filter_map(|certificate| {
            let revocation = certificate.revoked?;
            Some(entry(certificate, revocation))
        });
        entries.collect::<Result<Vec<_>, _>>()?
    };
    let der = site.ca.issuer.crl(revoked, now)?;
    Ok(([(header::CONTENT_TYPE, "application/pkix-crl")], der).into_response())
}

fn entry(certificate: &Certificate, revocation: Revocation) -> Result<X509Revoked, ErrorStack> {
    let mut builder = X509RevokedBuilder::new()?;
    builder.set_serial_number(certificate.leaf.serial_number())?;
    builder.set_revocation_date(&*at(revocation.at)?)?;
    let bare = builder.build();
    // section 5.3.1: unspecified is said by silence
    let Ok(reason @ 1..) = u8::try_from(revocation.reason) else {
        return Ok(bare);
    };
    // rust-openssl gives an entry no extensions, so that one is put behind its two short members: a SEQUENCE of
    // less than 128 bytes, whose length is its second byte
    let mut der = bare.to_der()?;
    der.extend(REASON);
    der.push(reason);
    der[1] += REASON.len() as u8 + 1;
    X509Revoked::from_der(&der)
}

/// Seconds since the epoch, as OpenSSL writes them into certificates.
pub(super) fn at(moment: Timestamp) -> Result<Asn1Time, ErrorStack> {
    Asn1Time::from_unix(moment.as_second())
}
