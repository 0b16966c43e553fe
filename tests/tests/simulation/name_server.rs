//! The lab's name server, asked without a network.

use std::{sync::Arc, time::Duration};

use dns01d::dns::{Answer, Endpoint, Failure, QueryError, Question, Transport};
use futures_util::future::{BoxFuture, FutureExt as _};
use lab::dns::DnsServer;

#[derive(Debug)]
pub struct NameServer(pub Arc<DnsServer>);

/// Any will do where nobody forges.
const ID: u16 = 1;

impl Transport for NameServer {
    fn ask<'a>(
        &'a self,
        server: &'a Endpoint,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>> {
        let answer = question
            .encode(ID, true)
            .ok()
            .and_then(|request| self.0.answer(&request))
            .and_then(|octets| Answer::read(&octets, ID, question));
        let answer = answer.ok_or_else(|| QueryError {
            server: server.clone(),
            question: question.clone(),
            failure: Failure::Silent { waited: timeout },
        });
        async move { answer }.boxed()
    }
}
