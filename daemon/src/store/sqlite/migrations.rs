//! The schema, and how older ones become it.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;

/// One script per version; a script that shipped never changes.
const SCRIPTS: [&str; 6] = [
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
    include_str!("0004.sql"),
    include_str!("0005.sql"),
    include_str!("0006.sql"),
];

/// Brings the schema up to date, each version in a transaction of its own.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |source| StoreError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let found = version(connection, path)?;
    for (version, script) in (1u32..).zip(SCRIPTS).skip(found as usize) {
        let transaction = connection.transaction().map_err(wrap)?;
        transaction.execute_batch(script).map_err(wrap)?;
        transaction
            .pragma_update(None, "user_version", version)
            .map_err(wrap)?;
        transaction.commit().map_err(wrap)?;
    }
    Ok(())
}

/// Leaves a schema as another process needs it.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let (found, known) = (version(connection, path)?, SCRIPTS.len() as u32);
    if found < known {
        return Err(StoreError::Older {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// That of the schema; one that we know.
fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|source| StoreError::Sqlite {
            path: path.to_owned(),
            source,
        })?;
    let known = SCRIPTS.len() as u32;
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}
