//! `dns01d ca`: what a CA offers, and what is left of what it allows.

use crate::control::protocol::{CaInfo, CaOffers, LimitInfo};

use super::view::{Color, View, amount_of, push_field};

/// A block for each CA.
pub fn text(cas: &[CaInfo], view: &View) -> String {
    let blocks: Vec<_> = cas.iter().map(|ca| one(ca, view)).collect();
    blocks.join("\n")
}

fn one(ca: &CaInfo, view: &View) -> String {
    let mut out = view.paint(Color::Bold, ca.name.as_str());
    if ca.staging {
        out.push_str(&view.paint(Color::Busy, "  for trials: nobody trusts its certificates"));
    }
    out.push('\n');
    let mut field = |label: &str, text: &str| push_field(&mut out, label, text, view);
    field("directory", &ca.directory);
    match &ca.account {
        Some(account) => field("account", account.as_str()),
        None => field("account", "none yet: it is made with the first order"),
    }
    if let Some(trial) = &ca.trial {
        field("trials", &format!("at {trial}"));
    }
    match (&ca.offers, &ca.unreachable) {
        (Some(offers), _) => push_offers(&mut field, offers),
        (None, Some(why)) => field("offers", &format!("not known: {why}")),
        (None, None) => {}
    }
    if ca.limits.is_empty() {
        field("limits", "none known");
    }
    for (index, limit) in ca.limits.iter().enumerate() {
        field(if index == 0 { "limits" } else { "" }, &left(limit, view));
    }
    if !ca.breaker {
        field(
            "breaker",
            "off: a certificate may be ordered as often as it likes",
        );
    }
    out
}

fn push_offers(field: &mut impl FnMut(&str, &str), offers: &CaOffers) {
    if let Some(terms) = &offers.terms {
        field("terms", terms);
    }
    if let Some(website) = &offers.website {
        field("website", website);
    }
    if !offers.caa_identities.is_empty() {
        field("CAA", &offers.caa_identities.join(", "));
    }
    if offers.external_account_required {
        field("binding", "an account needs an external one (`external-account`)");
    }
    let yes_no = |yes| if yes { "yes" } else { "no" };
    field("renewal", &format!("says when: {}", yes_no(offers.renewal_info)));
    field(
        "key",
        &format!("account keys roll over: {}", yes_no(offers.key_change)),
    );
    if offers.profiles.is_empty() {
        field("profiles", "none");
    }
    for (index, (name, description)) in offers.profiles.iter().enumerate() {
        let label = if index == 0 { "profiles" } else { "" };
        field(label, &format!("{name}: {description}"));
    }
}

fn left(limit: &LimitInfo, view: &View) -> String {
    let next = match limit.next_at {
        Some(at) if limit.left == 0 => format!(", the next one {}", view.both(at)),
        _ => String::new(),
    };
    format!(
        "{} of {} {} in {} left{next}",
        limit.left,
        limit.most,
        limit.what,
        amount_of(limit.per_seconds)
    )
}
