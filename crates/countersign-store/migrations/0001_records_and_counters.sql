-- Every durable thing is a record: columns for what the store must understand, and a
-- body that only the authorization server understands. docs/storage-schema.md explains
-- each column.
CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    grant_position INTEGER REFERENCES records (position),
    state TEXT,
    subject TEXT,
    client TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    receipt BLOB,
    body TEXT NOT NULL,
    sealed BLOB,
    digest BLOB NOT NULL,
    UNIQUE (kind, id)
) STRICT;

CREATE INDEX records_of_kind ON records (kind);

CREATE INDEX records_of_subject ON records (kind, subject)
    WHERE subject IS NOT NULL;

CREATE INDEX records_of_client ON records (kind, client)
    WHERE client IS NOT NULL;

CREATE INDEX records_of_grant ON records (grant_position)
    WHERE grant_position IS NOT NULL;

-- What purge takes away by its own end.
CREATE INDEX records_ending ON records (expires_at)
    WHERE kind <> 'grant' AND (status = 'live' OR grant_position IS NULL);

-- What takes spent records with it when it ends.
CREATE INDEX grants_ending ON records (expires_at)
    WHERE kind = 'grant';

CREATE TABLE counters (
    id TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counters_ending ON counters (until);
