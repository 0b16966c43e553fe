-- 1: a canary that its provider is told as one. 2: one that it takes for a challenge of dns-01. Its certificate is the
-- one for which it is; no order's end removes it.
ALTER TABLE record ADD COLUMN canary INTEGER NOT NULL DEFAULT 0;

-- Where the challenge records of a name were found to go.
CREATE TABLE place (
    identifier TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    zone       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Canaries of a provider instance in a zone.
CREATE TABLE canary (
    instance   TEXT NOT NULL,
    zone       TEXT NOT NULL,
    next       INTEGER NOT NULL,
    identifier TEXT,                      -- whose challenge name it was last; NULL before the first
    at         INTEGER,                   -- when that was
    failing    TEXT,                      -- Failing
    PRIMARY KEY (instance, zone)
) STRICT, WITHOUT ROWID;
