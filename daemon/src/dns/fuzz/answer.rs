use super::caa::{is_plain, judged};
use crate::{
    dns::{
        answer::{Answer, HEADER, Reading},
        authority::{self, Verdict},
        failure::Failure,
        propagation::Standing,
        question::{Kind, Question},
    },
    types::DnsName,
};

const KINDS: [Kind; 8] = [
    Kind::Txt,
    Kind::Cname,
    Kind::Ns,
    Kind::Soa,
    Kind::Caa,
    Kind::Ds,
    Kind::A,
    Kind::Aaaa,
];
/// Set in the first octet: the message is read as it is. Else it becomes an answer to the question.
const AS_IT_IS: u8 = 0x80;
/// QR.
const RESPONSE: u8 = 0x80;

/// A message in answer to a question whose type the first octet chooses, and all that is read in it.
pub(crate) fn answer(octets: &[u8]) {
    let Some((choice, message)) = octets.split_first() else {
        return;
    };
    let name: DnsName = "_acme-challenge.www.example.org".parse().expect("a name");
    let question = Question::authoritative(name, KINDS[usize::from(choice & 7)]);
    let message = if choice & AS_IT_IS == 0 {
        let Some(message) = in_answer_to(&question, message) else {
            return;
        };
        message
    } else {
        message.to_vec()
    };
    let id = message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    if let Reading::Answer(answer) = Reading::of(&message, id, &question) {
        read_all(&answer, &question, message.len());
    }
}

/// The header's flags and the counts of records, the question, and the rest.
fn in_answer_to(question: &Question, message: &[u8]) -> Option<Vec<u8>> {
    let (header, records) = message.split_first_chunk::<HEADER>()?;
    let mut octets = question.encode(0, false).ok()?;
    let before = octets.get_mut(..HEADER)?;
    before.copy_from_slice(header);
    before[2] = before[2] & !0x7a | RESPONSE;
    before[4..6].copy_from_slice(&[0, 1]);
    octets.extend_from_slice(records);
    Some(octets)
}

/// Everything that callers do with an answer.
fn read_all(answer: &Answer, question: &Question, length: usize) {
    let name = &question.name;
    let values = answer.txt(name);
    assert!(values.iter().map(Vec::len).sum::<usize>() <= length);
    for zone in std::iter::successors(Some(name.clone()), DnsName::parent) {
        let _hosts = answer.ns(&zone);
        let _is_apex = answer.is_apex(&zone);
        if let Some(referral) = answer.referral(&zone, name) {
            assert!(referral.apex.is_within(&zone) && referral.apex != zone);
            assert!(name.is_within(&referral.apex));
            let mut glued = referral.hosts.iter().filter(|(_, glue)| !glue.is_empty());
            assert!(glued.all(|(host, _)| host.is_within(&zone)));
        }
        for configured in [false, true] {
            match authority::read(answer, &zone, name, configured) {
                Ok(Verdict::Here { apex }) => {
                    assert!(name.is_within(&apex) && (configured || apex.is_within(&zone)))
                }
                Ok(Verdict::Delegated(referral)) => assert!(name.is_within(&referral.apex)),
                Ok(Verdict::Alias { target, .. }) => {
                    assert!(target.err().is_none_or(|text| is_plain(&text)));
                }
                Err(failure) => assert!(matches!(failure, Failure::Rcode(_) | Failure::NotAuthoritative)),
            }
        }
    }
    let end = answer.canonical(name);
    let _addresses = answer.addresses(name);
    judged(&answer.caa(&end));
    assert!(
        answer
            .enclosing_apex(name)
            .is_none_or(|apex| name.is_within(&apex))
    );
    assert!(answer.memory() <= std::time::Duration::from_secs(u32::MAX.into()));
    let _ = (
        answer.ttl(),
        answer.serial(),
        answer.has_dname(name),
        answer.has(name, Kind::Ds),
    );
    if let Some(why) = &answer.extended_error {
        let text = why.to_string();
        assert!(
            text.len() < 1000 && !text.chars().any(char::is_control),
            "{text:?}"
        );
    }
    match Standing::of(answer, name, &["value".to_owned()]) {
        Standing::Lagging { shows, .. } => {
            assert!(shows.iter().all(|value| is_plain(value)));
            assert!(shows.iter().map(String::len).sum::<usize>() <= 4096);
        }
        Standing::Seen => assert!(values.contains(&b"value".to_vec())),
        Standing::Failed(_) => assert!(!answer.is_conclusive() || !answer.authoritative),
        other => unreachable!("{other:?}"),
    }
}
