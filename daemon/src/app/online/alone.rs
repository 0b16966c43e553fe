//! The same where no daemon runs: with its configuration, its state, and the lock on that.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Look, Scope, configured};
use crate::{
    app::{PluginStarter, PreparationError, preparation::Alone},
    config::Config,
    control::protocol::{OnlineLine, OnlineWish},
    store::StoreError,
};

/// Looks at what issuances would meet, and tells each line. `stop` calls canaries back; then there is no last line.
///
/// # Errors
/// When nothing was looked at.
pub async fn alone(
    config: &Config,
    starter: PluginStarter,
    wish: &OnlineWish,
    sink: mpsc::Sender<OnlineLine>,
    stop: CancellationToken,
) -> Result<(), PreparationError> {
    let Alone {
        world,
        store,
        clock,
        _lock,
    } = Alone::take(config, starter, "`dns01d check --online`")?;
    let scope = Scope::of(&world, &wish.names).await?;
    // of a daemon or a command that was killed
    let ended = store.end_canaries(None, clock.now()).await;
    ended.map_err(|error: StoreError| PreparationError::App(error.into()))?;
    let world = Arc::new(world);
    let look = Look {
        world: world.clone(),
        engine: None,
        clock,
        configuration: vec![configured::good(config)],
        libraries: configured::libraries(config),
        stop,
    };
    look.run(scope, sink).await;
    world.publisher.shutdown().await;
    Ok(())
}
