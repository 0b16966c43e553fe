//! One zone: whether all who are asked about it know the same one.

use tokio::time::Instant;

use super::finding::Notes;
use crate::{
    control::protocol::{Finding, Verdict},
    dns::Dns,
    types::DnsName,
};

/// Tells what the zone looks like from each side.
pub(super) async fn look(dns: &Dns, zone: &DnsName, notes: &mut Notes) {
    let began = Instant::now();
    let views = dns.views(zone).await;
    let faces = views.faces();
    let step = |seen| notes.step("views", seen, began.elapsed());
    let details = || faces.iter().map(ToString::to_string).collect();
    let finding = if !faces.iter().any(|face| face.differs) {
        let sides: Vec<&str> = faces.iter().map(|face| face.who).collect();
        match sides.as_slice() {
            [] => Finding {
                verdict: Verdict::Unknown,
                ..step("nobody tells who serves it".to_owned())
            },
            [only] => step(format!("as {only} know it")),
            [sides @ .., last] => step(format!("one and the same for {} and {last}", sides.join(", "))),
        }
    } else if views.chosen {
        Finding {
            details: details(),
            ..step("two faces, and the configuration says which one counts".to_owned())
        }
    } else {
        Finding {
            verdict: Verdict::Warning,
            details: details(),
            remedy: Some(remedy(zone)),
            ..step("two faces: the CA may see another zone than dns01d".to_owned())
        }
    };
    notes.add(finding);
}

fn remedy(zone: &DnsName) -> String {
    format!(
        "name the servers that the CA asks as `authorities` of `{zone}` under `dns.zones`, or resolvers that see what \
         it sees as `resolvers`; if those of the inside are meant, name them there"
    )
}
