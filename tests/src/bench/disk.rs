//! What a flush costs where state lies.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use crate::spread::Spread;

/// One page of a database, or a small file.
const BLOCK: usize = 4096;

/// Appends a block and flushes, `count` times.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
pub(crate) fn flushes(directory: &Path, count: usize) -> io::Result<Option<Spread>> {
    let path = directory.join("flush");
    let mut file = File::create_new(&path)?;
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&[0x5a; BLOCK])?;
        let start = Instant::now();
        file.sync_all()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(Spread::of(times))
}
