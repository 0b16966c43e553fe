//! `dns01d account`: the daemon's account at a CA.

use crate::control::protocol::AccountInfo;

use super::view::{Color, View, push_field};

/// What the CA and the daemon know of it.
pub fn text(account: &AccountInfo, view: &View) -> String {
    let mut out = format!("{}\n", view.paint(Color::Bold, account.ca.as_str()));
    let mut field = |label: &str, text: &str| push_field(&mut out, label, text, view);
    field("account", account.url.as_str());
    field("state", &account.status);
    let age = match account.key_age_days {
        Some(1) => ", 1 day old".to_owned(),
        Some(days) => format!(", {days} days old"),
        None => String::new(),
    };
    let rollover = match account.rollover_at {
        Some(at) => format!(", the next one {}", view.both(at)),
        None => String::new(),
    };
    field("key", &format!("{}{age}{rollover}", account.key_algorithm));
    field("thumbprint", &account.thumbprint);
    match account.contacts.as_slice() {
        [] => field("contacts", "none"),
        contacts => field("contacts", &contacts.join(", ")),
    }
    if let Some(terms) = &account.terms {
        field("terms", terms);
    }
    out
}
