//! The thread that starts plugin hosts and buries them.
//!
//! A host asks the kernel to be killed when its parent dies, and the kernel takes the thread that started
//! it for the parent. A thread of the runtime's blocking pool ends after some idle seconds and would take
//! the host with it; this one lives as long as there is anybody who can own a host.

use std::{
    io,
    process::{Child, Command},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};

use tokio::sync::oneshot;

/// Orders that wait; each waits for one fork.
const QUEUE: usize = 64;
/// How often killed processes that nobody waited for are looked at.
const BURIAL: Duration = Duration::from_millis(50);

/// Hands orders to the thread.
#[derive(Clone, Debug)]
pub struct Spawner(SyncSender<Order>);

#[derive(Debug)]
enum Order {
    Start(Command, oneshot::Sender<io::Result<Child>>),
    Bury(Child),
}

impl Spawner {
    /// Starts the thread; it ends with the last clone of the handle.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> io::Result<Spawner> {
        let (orders, waiting) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("plugin-spawner".to_owned())
            .spawn(move || run(&waiting))?;
        Ok(Spawner(orders))
    }

    /// Starts a program. Dropping the future is safe: a process that is started all the same is killed.
    ///
    /// # Errors
    /// Of the system.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, started) = oneshot::channel();
        self.0
            .try_send(Order::Start(command, reply))
            .map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))?;
        started
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?
    }

    /// Takes over a killed process, so that it does not stay a zombie.
    pub fn bury(&self, child: Child) {
        // a full queue leaves a zombie until the daemon ends, which harms nobody
        let _ = self.0.try_send(Order::Bury(child));
    }
}

fn run(orders: &Receiver<Order>) {
    let mut dying: Vec<Child> = Vec::new();
    loop {
        let order = if dying.is_empty() {
            orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            orders.recv_timeout(BURIAL)
        };
        match order {
            Ok(Order::Start(mut command, reply)) => {
                if let Err(Ok(mut unwanted)) = reply.send(command.spawn()) {
                    let _ = unwanted.kill();
                    dying.push(unwanted);
                }
            }
            Ok(Order::Bury(child)) => dying.push(child),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                // all of them were killed; nobody else would wait for them
                for child in &mut dying {
                    let _ = child.wait();
                }
                return;
            }
        }
        dying.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use super::*;

    #[tokio::test]
    async fn killed_process_is_waited_for_also_when_nobody_needs_the_thread_any_more() {
        // whether the kernel or the thread is first is chance: enough of both
        for _ in 0..20 {
            let spawner = Spawner::start().unwrap();
            let mut command = Command::new("sleep");
            command.arg("60");
            let mut child = spawner.spawn(command).await.unwrap();
            let proc = format!("/proc/{}", child.id());
            child.kill().unwrap();
            spawner.bury(child);
            drop(spawner);
            #[expect(clippy::disallowed_methods, reason = "the kernel's time, not ours")]
            let start = Instant::now();
            while Path::new(&proc).exists() {
                assert!(start.elapsed() < Duration::from_secs(10), "{proc} is a zombie");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
