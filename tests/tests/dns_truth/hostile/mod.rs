//! Servers that answer with whatever octets a test wants, over real sockets. What comes of it is the right answer or a
//! typed error that names server and question, never a panic, and never later than the deadline.

mod datagrams;
mod delegations;
mod encrypted;
mod limits;
mod messages;
mod scripted;
mod streams;
mod tls_lab;
mod zone;

use std::time::Duration;

use dns01d::dns::{Answer, Endpoint, Failure, Kind, Network, QueryError, Question, Transport};
use tokio::time::Instant;

use super::primary::name;
use scripted::Scripted;

/// The name asked about.
const OWNER: &str = "_acme-challenge.example.org";
/// Long for loopback, short for a test.
const DEADLINE: Duration = Duration::from_millis(500);
/// For a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(1);

fn question() -> Question {
    Question::authoritative(name(OWNER), Kind::Txt)
}

/// Asks one server; an error must come in time, and name server and question.
async fn ask(network: &Network, server: &Endpoint) -> Result<Answer, QueryError> {
    let begun = Instant::now();
    let result = network.ask(server, &question(), DEADLINE).await;
    let took = begun.elapsed();
    assert!(took < DEADLINE + SLACK, "{took:?}");
    if let Err(error) = &result {
        let text = error.to_string();
        let start = format!("txt of {OWNER}: ");
        assert!(
            text.starts_with(&start) && text.contains(&server.to_string()),
            "{text}"
        );
    }
    result
}

async fn ask_plainly(server: &Scripted) -> Result<Answer, QueryError> {
    ask(&Network::default(), &server.address().into()).await
}

/// What came instead of an answer.
async fn failure(server: &Scripted) -> Failure {
    ask_plainly(server).await.expect_err("nothing to believe").failure
}

/// The TXT values of the answer.
async fn values(server: &Scripted) -> Vec<Vec<u8>> {
    ask_plainly(server).await.expect("an answer").txt(&name(OWNER))
}
