use tracing::debug;

use super::{Engine, World};
use crate::{challenge::ChallengeError, types::InstanceName};

/// Removes the due leftovers of a provider instance.
///
/// # Errors
/// When the journal does not answer; the job is then due again.
pub(super) async fn run(
    engine: &Engine,
    world: &World,
    instance: &InstanceName,
) -> Result<(), ChallengeError> {
    let swept = world.publisher.clean_up(instance, engine.clock.now()).await?;
    debug!(provider = %instance, removed = swept.removed, failed = swept.failed, "challenge records swept");
    Ok(())
}
