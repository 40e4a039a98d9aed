-- Lines that are only added: the audit log. Each hangs on the one before it.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    line TEXT NOT NULL
) STRICT;

-- One row: where the journal ends, also if its last lines are gone.
CREATE TABLE journal_end (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL,
    head TEXT NOT NULL
) STRICT;
