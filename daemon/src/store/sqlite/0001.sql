-- Moments are milliseconds since 1970, UTC. JSON columns hold the serde form
-- of the type named beside them.

CREATE TABLE certificate (
    name       TEXT PRIMARY KEY,
    configured INTEGER NOT NULL,
    wanted     TEXT NOT NULL,             -- Wanted
    issued     TEXT,                      -- Issued
    failures   INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,                      -- LastError
    deployment TEXT                       -- deployment::State
) STRICT;

-- At most one issuance of a certificate is under way. Its key lives here from
-- before finalize until the generation that holds it is on disk.
CREATE TABLE issuance (
    certificate TEXT PRIMARY KEY REFERENCES certificate(name) ON DELETE CASCADE,
    version     INTEGER NOT NULL,         -- issuance::STATE_VERSION
    wanted      TEXT NOT NULL,            -- Wanted
    state       TEXT NOT NULL,            -- issuance::State
    key         TEXT,                     -- PKCS#8 PEM
    updated_at  INTEGER NOT NULL
) STRICT;

-- The journal: a row exists from before a record may be published until after
-- its provider confirmed the removal.
CREATE TABLE record (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate       TEXT NOT NULL,
    instance          TEXT NOT NULL,
    owner             TEXT NOT NULL,
    zone              TEXT NOT NULL,
    value             TEXT NOT NULL,
    identifier        TEXT NOT NULL,
    challenge_name    TEXT NOT NULL,
    token             TEXT NOT NULL,
    key_authorization TEXT NOT NULL,
    handle            TEXT NOT NULL DEFAULT '',
    removing          INTEGER NOT NULL DEFAULT 0,
    attempts          INTEGER NOT NULL DEFAULT 0,
    retry_at          INTEGER,            -- NULL: at once, or given up when attempts > 0
    last_error        TEXT,
    created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX record_certificate ON record(certificate);
CREATE INDEX record_removing ON record(instance) WHERE removing;

-- The due queue.
CREATE TABLE job (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    due     INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_due ON job(due);
CREATE INDEX job_kind_due ON job(kind, due);

CREATE TABLE account (
    ca         TEXT NOT NULL,
    directory  TEXT NOT NULL,
    url        TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    PRIMARY KEY (ca, directory)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin_state (
    instance TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (instance, key)
) STRICT, WITHOUT ROWID;
