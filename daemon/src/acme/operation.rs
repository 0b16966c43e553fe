use std::fmt;

/// What was asked of the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// RFC 8555 7.1.1.
    Directory,
    /// RFC 8555 7.2.
    NewNonce,
    /// RFC 8555 7.3.
    NewAccount,
    /// RFC 8555 7.3.3: a look at an account.
    Account,
    /// RFC 8555 7.3.2.
    UpdateAccount,
    /// RFC 8555 7.3.6.
    DeactivateAccount,
    /// RFC 8555 7.3.5.
    KeyChange,
    /// RFC 8555 7.4.
    NewOrder,
    /// RFC 8555 7.4: a look at an order.
    Order,
    /// RFC 8555 7.5: a look at an authorization.
    Authorization,
    /// RFC 8555 7.5.2.
    DeactivateAuthorization,
    /// RFC 8555 7.5.1: the answer to a challenge.
    Challenge,
    /// RFC 8555 7.4: the certificate request.
    Finalize,
    /// RFC 8555 7.4.2.
    Certificate,
    /// RFC 5280 5: the list of revoked certificates.
    Crl,
    /// RFC 8555 7.6.
    Revocation,
    /// RFC 9773 4.1.
    RenewalInfo,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Directory => "directory",
            Operation::NewNonce => "newNonce",
            Operation::NewAccount => "newAccount",
            Operation::Account => "account",
            Operation::UpdateAccount => "update of an account",
            Operation::DeactivateAccount => "deactivation of an account",
            Operation::KeyChange => "keyChange",
            Operation::NewOrder => "newOrder",
            Operation::Order => "order",
            Operation::Authorization => "authorization",
            Operation::DeactivateAuthorization => "deactivation of an authorization",
            Operation::Challenge => "challenge",
            Operation::Finalize => "finalize",
            Operation::Certificate => "certificate",
            Operation::Crl => "list of revoked certificates",
            Operation::Revocation => "revokeCert",
            Operation::RenewalInfo => "renewalInfo",
        })
    }
}
