use crate::{
    dns::question::{domain_name, same_name, wire_name},
    types::{DnsName, Identifier},
};

/// Text that may be a name.
pub(crate) fn name(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(identifier) = text.parse::<Identifier>() {
        assert_eq!(identifier.to_string().parse(), Ok(identifier.clone()));
        assert!(identifier.covers(identifier.name()) != identifier.is_wildcard());
        let _shown = identifier.unicode();
    }
    let Ok(name) = text.parse::<DnsName>() else {
        return;
    };
    assert!((1..=253).contains(&name.as_str().len()));
    assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
    for above in std::iter::successors(Some(name.clone()), DnsName::parent) {
        assert_eq!(above.to_string().parse(), Ok(above.clone()));
        assert!(name.is_within(&above));
        assert_eq!(above.is_within(&name), above == name);
        let wire = wire_name(&above).expect("a name that fits");
        assert!(same_name(&wire, &above));
        assert_eq!(domain_name(&wire).as_ref(), Some(&above));
        if let Ok(child) = above.child("_acme-challenge") {
            assert_eq!(child.parent(), Some(above.clone()));
            assert!(child.is_within(&above) && !above.is_within(&child));
        }
    }
    assert_eq!(name.labels().count(), name.as_str().split('.').count());
    let _shown = name.unicode();
}
