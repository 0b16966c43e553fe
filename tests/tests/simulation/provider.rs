//! A host of DNS: writes into the lab's name server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dns01d::plugin::{
    CallError, Done, Failure, FailureClass, InstanceInfo, Operation, ProviderClient, Record, RecordKind,
    RecordOutcome,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use lab::dns::DnsServer;

use super::fuse::Fuse;

#[derive(Debug)]
pub struct Host {
    pub dns: Arc<DnsServer>,
    pub fuse: Arc<Fuse>,
    /// The credentials are not taken.
    pub locked_out: Arc<AtomicBool>,
}

impl ProviderClient for Host {
    fn info(&self, _: Duration) -> BoxFuture<'_, Result<InstanceInfo, CallError>> {
        let info = InstanceInfo {
            kinds: vec![RecordKind::Dns01],
            ..InstanceInfo::default()
        };
        async { Ok(info) }.boxed()
    }

    fn call<'a>(
        &'a self,
        operation: Operation,
        records: &'a [Record],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        async move {
            self.fuse.burn().await;
            if self.locked_out.load(Ordering::Relaxed) {
                let refused = Failure {
                    class: FailureClass::Auth,
                    code: 201,
                    message: "the token has expired".into(),
                    retry_after: None,
                    native_code: Some(401),
                };
                return Ok(records.iter().map(|_| Err(refused.clone())).collect());
            }
            for record in records {
                let present = match operation {
                    Operation::Present => true,
                    Operation::Remove => false,
                    _ => continue,
                };
                self.dns.set_txt(&record.fqdn, &record.value, present).unwrap();
            }
            self.fuse.burn().await;
            Ok(records.iter().map(|_| Ok(Done::default())).collect())
        }
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
