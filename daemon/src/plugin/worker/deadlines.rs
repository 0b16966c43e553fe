//! Time in a session: cancellations, overruns, idleness.

use dns01_plugin_wire::ToHost;
use tokio::time::Instant;

use super::{Over, Worker};
use crate::plugin::{ending::Ending, error::CallError, host::Fault};

impl Worker {
    /// The caller dropped its future.
    pub(super) async fn abandon(&mut self, id: u64) -> Result<(), Over> {
        self.waiting.retain(|(waiting, _)| *waiting != id);
        let kill = (Instant::now() + self.limits.grace, Ending::Deaf);
        self.cancel(id, kill).await
    }

    async fn cancel(&mut self, id: u64, kill: (Instant, Ending)) -> Result<(), Over> {
        match self.running.get_mut(&id) {
            Some(running) if running.kill.is_none() => running.kill = Some(kill),
            _ => return Ok(()),
        }
        Ok(self.host.writer.send(&ToHost::Cancel(id)).await?)
    }

    /// Tells everything to end.
    pub(super) async fn begin_stop(&mut self) -> Result<(), Over> {
        self.stopping = true;
        self.incoming.close();
        for (_, request) in self.waiting.drain(..) {
            let _ = request.reply.send(Err(CallError::ShutDown));
        }
        if self.opening.is_some() {
            return Err(Over::Done);
        }
        let running: Vec<u64> = self.running.keys().copied().collect();
        for id in running {
            self.cancel(id, (Instant::now() + self.limits.grace, Ending::Deaf))
                .await?;
        }
        Ok(())
    }

    /// The next moment at which something is due without anybody saying so.
    pub(super) fn next_moment(&self, idle: bool) -> Option<Instant> {
        let opening = self.opening.as_ref().map(|opening| opening.deadline);
        let running = self.running.values().map(|running| match &running.kill {
            Some((at, _)) => *at,
            None => running.request.deadline,
        });
        let waiting = self.waiting.iter().map(|(_, request)| request.deadline);
        let idle = (idle && self.standing.is_empty()).then(|| self.idle_since + self.limits.idle);
        opening
            .into_iter()
            .chain(running)
            .chain(waiting)
            .chain(idle)
            .min()
    }

    /// Does what is due now.
    pub(super) async fn tick(&mut self, idle: bool) -> Result<(), Over> {
        let now = Instant::now();
        if let Some(opening) = &self.opening
            && opening.deadline <= now
        {
            return Err(Fault::Ending(Ending::Overrun(opening.timeout)).into());
        }
        let mut overdue = Vec::new();
        for (id, running) in &self.running {
            match &running.kill {
                Some((at, ending)) if *at <= now => return Err(Fault::Ending(ending.clone()).into()),
                None if running.request.deadline <= now => overdue.push((*id, running.request.timeout)),
                _ => {}
            }
        }
        for (id, timeout) in overdue {
            self.cancel(id, (now + self.limits.grace, Ending::Overrun(timeout)))
                .await?;
        }
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, r)| r.deadline <= now);
        self.waiting = waiting;
        for (_, request) in Vec::from(late) {
            let _ = request.reply.send(Err(CallError::NoTime(request.timeout)));
        }
        if idle && self.standing.is_empty() && self.idle_since + self.limits.idle <= now {
            return Err(Over::Done);
        }
        Ok(())
    }
}
