//! One usable answer from any of several equal servers.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{
    answer::Answer,
    endpoint::Endpoint,
    failure::{Failure, QueryError},
    question::Question,
    transport::Transport,
};

/// How long one server may be silent before the next one is asked as well:
/// longer than a round trip around the earth, shorter than an operator's patience.
const STAGGER: Duration = Duration::from_millis(400);

/// Asks `servers` in their order, the next one as soon as one fails or is slow,
/// and returns the first answer that `judge` accepts.
///
/// # Errors
/// What each server did instead. Empty only if `servers` is.
pub(super) async fn first_usable<T>(
    transport: &dyn Transport,
    servers: &[Endpoint],
    question: &Question,
    timeout: Duration,
    judge: impl Fn(Answer) -> Result<T, Failure>,
) -> Result<T, Vec<QueryError>> {
    let mut waiting = servers.iter();
    let mut asked = FuturesUnordered::new();
    let mut failures = Vec::new();
    let ask = |server| async move { (server, transport.ask(server, question, timeout).await) };
    asked.extend(waiting.next().map(ask));
    loop {
        let (server, result) = match tokio::time::timeout(STAGGER, asked.next()).await {
            Ok(Some(done)) => done,
            Ok(None) => return Err(failures),
            Err(_slow) => {
                asked.extend(waiting.next().map(ask));
                continue;
            }
        };
        match result.map(&judge) {
            Ok(Ok(usable)) => return Ok(usable),
            Ok(Err(failure)) => failures.push(QueryError {
                server: Endpoint::clone(server),
                question: question.clone(),
                failure,
            }),
            Err(error) => failures.push(error),
        }
        asked.extend(waiting.next().map(ask));
    }
}

/// For [`first_usable`]: a server that knows, be it that there is nothing.
pub(super) fn conclusive(answer: Answer) -> Result<Answer, Failure> {
    if answer.is_conclusive() {
        Ok(answer)
    } else {
        Err(Failure::Rcode(answer.rcode))
    }
}
