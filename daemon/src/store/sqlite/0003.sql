ALTER TABLE certificate ADD COLUMN renewal_info TEXT;  -- schedule::RenewalInfo
ALTER TABLE certificate ADD COLUMN cause TEXT;         -- schedule::Cause
ALTER TABLE certificate ADD COLUMN hold TEXT;          -- Hold
ALTER TABLE certificate ADD COLUMN troubles TEXT;      -- schedule::CaTroubles

ALTER TABLE account ADD COLUMN key_since INTEGER;

-- Who is asked; NULL in rows of before: the first CA of `wanted`.
ALTER TABLE issuance ADD COLUMN ca TEXT;

-- Counters of CAs. A row says when its counter is full again; one that is past may go.
CREATE TABLE budget (
    key     TEXT PRIMARY KEY,
    full_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Issuances of a day and more, for the breaker. No row goes with its certificate: one that is removed from the
-- configuration and comes back has not been issued less often.
CREATE TABLE begun (
    certificate TEXT NOT NULL,
    ca          TEXT NOT NULL,
    at          INTEGER NOT NULL,
    cause       TEXT NOT NULL
) STRICT;
CREATE INDEX begun_certificate ON begun(certificate, at);

-- What happened to a certificate, for people.
CREATE TABLE note (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate TEXT NOT NULL,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL
) STRICT;
CREATE INDEX note_certificate ON note(certificate, id);

-- 0: goes with its order. 1: stays (dns-persist-01), and an order needs it. 2: stays, and no order needs it now.
ALTER TABLE record ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
-- The provider took a standing record: it is not published again.
ALTER TABLE record ADD COLUMN published INTEGER NOT NULL DEFAULT 0;

-- Revocations that were asked for; those that have ended stay for people to read.
CREATE TABLE revocation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate TEXT,                     -- the configured one that it is, or was, of
    cas         TEXT NOT NULL,            -- who is asked, in turn: JSON list of names
    serial      TEXT NOT NULL,
    chain       TEXT NOT NULL,            -- PEM
    reason      TEXT NOT NULL,
    key         TEXT,                     -- the certificate's own, PEM, until the end
    state       TEXT NOT NULL,            -- revocation::State
    asked_at    INTEGER NOT NULL
) STRICT;

-- Public keys that somebody else may hold: never certified again.
CREATE TABLE blocked_key (
    sha256     TEXT PRIMARY KEY,          -- of the SubjectPublicKeyInfo, hexadecimal
    blocked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
