use std::path::PathBuf;

use super::{Error, directory::Directory, generation};

/// A generation under construction.
pub(super) const BUILDING: &str = ".new-";
/// A generation under removal: renamed first, so that no numbered directory is ever incomplete.
const REMOVING: &str = ".old-";
/// The symlink that is about to become `live`.
pub(super) const NEXT_LIVE: &str = ".live-new";

/// The last one is being served and the one before is what to go back to; a
/// third covers readers that still hold the path of a replaced generation.
pub(super) const KEEP: usize = 3;

/// Removes what killed writes, switches and removals left behind; tells what that was.
pub(super) fn clear(root: &Directory, generations: &Directory) -> Result<Vec<PathBuf>, Error> {
    let mut cleared = Vec::new();
    if root.names()?.iter().any(|name| name == NEXT_LIVE) {
        root.remove_file(NEXT_LIVE)?;
        cleared.push(root.path.join(NEXT_LIVE));
    }
    for name in generations.names()? {
        if name.starts_with(BUILDING) || name.starts_with(REMOVING) {
            generations.remove_directory(&name)?;
            cleared.push(generations.path.join(name));
        }
    }
    Ok(cleared)
}

/// Removes old generations, but never the one that is live.
pub(super) fn prune(generations: &Directory, live: Option<u32>) -> Result<(), Error> {
    let numbers = generation::numbers(generations)?;
    let old = &numbers[..numbers.len().saturating_sub(KEEP)];
    for number in old.iter().copied().filter(|number| Some(*number) != live) {
        let name = generation::name(number);
        let removing = format!("{REMOVING}{name}");
        generations.rename(&name, &removing)?;
        generations.remove_directory(&removing)?;
    }
    Ok(())
}
