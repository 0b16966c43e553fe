//! A runtime that is blocked on under the bounds of a call.

use std::io;
use std::time::Duration;

use dns01_plugin_api::Call;

/// Threads that may resolve names at once. getaddrinfo cannot be stopped: one that hangs
/// keeps its thread after the call has ended, and some more must be left for others.
const RESOLVING: usize = 16;
/// Between two looks whether the call is cancelled: one costs nothing, and tokio can wait on
/// a descriptor of the host's only by unsafe code.
const LOOK: Duration = Duration::from_millis(50);

/// For the threads of a runtime that is dropped: they have nothing to do but to end.
const LEAVING: Duration = Duration::from_millis(500);

/// Why a future did not come to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// The host cancelled the call, or the time of the call is up.
    Cancelled,
    /// The step's own limit, which was this, is over.
    Limit(Duration),
}

/// A tokio runtime of the plugin's own. Its one thread also tends idle connections, so
/// that one which the server has closed is known before it is used.
#[derive(Debug)]
pub struct Runtime {
    // taken when dropped
    inner: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// Starts it: one thread.
    ///
    /// # Errors
    /// The system gives no thread or no descriptors.
    pub fn start() -> io::Result<Self> {
        let inner = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(RESOLVING)
            .thread_name("http")
            .enable_all()
            .build()?;
        Ok(Self { inner: Some(inner) })
    }

    /// Blocks until `work` is done, and drops it when the call is cancelled, the call's time
    /// is up, or `at_most` has passed.
    ///
    /// # Errors
    /// [`Stopped`]: what the work has done by then is unknown.
    ///
    /// # Panics
    /// On a thread of an async runtime, which may not block.
    pub fn run<T>(
        &self,
        call: &Call<'_>,
        at_most: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        let Some(runtime) = &self.inner else {
            return Err(Stopped::Cancelled);
        };
        if call.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        let left = call.remaining();
        runtime.block_on(async {
            tokio::select! {
                // what is done counts, even in the moment of a cancellation
                biased;
                done = work => Ok(done),
                () = cancelled(call) => Err(Stopped::Cancelled),
                () = tokio::time::sleep(at_most.min(left)) => {
                    Err(if at_most < left { Stopped::Limit(at_most) } else { Stopped::Cancelled })
                }
            }
        })
    }

    /// Its handle, to start tasks that outlive a call; they must not work for one.
    ///
    /// # Panics
    /// Never: it stands until dropped.
    #[must_use]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.inner.as_ref().expect("taken only when dropped").handle()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // its thread ends with it: whoever opens the next instance finds none of this one's at work. A name that still
        // resolves must not hold up `close`
        if let Some(runtime) = self.inner.take() {
            runtime.shutdown_timeout(LEAVING);
        }
    }
}

/// Ends when the host has cancelled the call.
async fn cancelled(call: &Call<'_>) {
    while !call.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}
