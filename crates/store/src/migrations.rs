//! The schema, as the steps that lead to it. A step that was released never changes.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::StoreError;

// Tables with long rows keep them in the order of their making, with the id as an index of its own:
// a new row then goes to the last page. Under a random id, in a table without row numbers, it goes
// somewhere in between, long rows get pages of their own, and a full page is shared out among three.
const STEPS: &[M<'static>] = &[
    M::up(
        "CREATE TABLE sandboxes (
        id          TEXT PRIMARY KEY NOT NULL,
        owner       TEXT NOT NULL,
        name        TEXT NOT NULL,
        state       TEXT NOT NULL,
        request_key TEXT,
        single_use  INTEGER NOT NULL,
        created_at  INTEGER NOT NULL,
        changed_at  INTEGER NOT NULL,
        active_at   INTEGER NOT NULL,
        body        TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX sandbox_names ON sandboxes (name) WHERE state <> 'deleted';
    CREATE UNIQUE INDEX sandbox_request_keys ON sandboxes (owner, request_key)
        WHERE request_key IS NOT NULL AND state <> 'deleted';
    CREATE INDEX sandboxes_gone ON sandboxes (created_at, id) WHERE state = 'deleted';

    CREATE TABLE executions (
        id           TEXT PRIMARY KEY NOT NULL,
        sandbox_id   TEXT NOT NULL,
        command      TEXT NOT NULL,
        started_at   INTEGER NOT NULL,
        ending       TEXT,
        stdout_bytes INTEGER NOT NULL,
        stderr_bytes INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX executions_of ON executions (sandbox_id, started_at);
    CREATE INDEX executions_open ON executions (sandbox_id) WHERE ending IS NULL;

    CREATE TABLE keys (
        id         TEXT PRIMARY KEY,
        name       TEXT NOT NULL,
        hash       BLOB NOT NULL UNIQUE,
        used_at    INTEGER,
        revoked_at INTEGER,
        body       TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX key_names ON keys (name) WHERE revoked_at IS NULL;

    CREATE TABLE audit (
        sequence   INTEGER PRIMARY KEY,
        at         INTEGER NOT NULL,
        who        TEXT NOT NULL,
        credential TEXT NOT NULL,
        action     TEXT NOT NULL,
        subject    TEXT NOT NULL,
        detail     TEXT NOT NULL,
        outcome    TEXT NOT NULL,
        request_id TEXT NOT NULL,
        mac        BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_subjects ON audit (subject, sequence);
    CREATE INDEX audit_owners ON audit (who, sequence);
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
    CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

    CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    ),
    M::up("ALTER TABLE sandboxes ADD COLUMN traffic TEXT;"),
    M::up(
        "CREATE TABLE secrets (
        name   TEXT PRIMARY KEY NOT NULL,
        sealed BLOB NOT NULL,
        body   TEXT NOT NULL
    ) STRICT;",
    ),
    M::up(
        "CREATE TABLE signing_keys (
        sandbox_id TEXT PRIMARY KEY NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
        key        TEXT NOT NULL
    ) STRICT;",
    ),
    // Owners do not see each other's keys, so that they cannot keep out of each other's names.
    M::up(
        "DROP INDEX key_names;
    CREATE UNIQUE INDEX key_names ON keys (json_extract(body, '$.owner'), name)
        WHERE revoked_at IS NULL;",
    ),
    M::up(
        "CREATE TABLE organizations (
        name       TEXT PRIMARY KEY NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "CREATE TABLE volumes (
        id    TEXT PRIMARY KEY NOT NULL,
        owner TEXT NOT NULL,
        name  TEXT NOT NULL,
        body  TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX volume_names ON volumes (owner, name);",
    ),
    // The same for sandboxes.
    M::up(
        "DROP INDEX sandbox_names;
    CREATE UNIQUE INDEX sandbox_names ON sandboxes (owner, name) WHERE state <> 'deleted';",
    ),
    // The same for secrets, which get ids: 16 letters of 5 random bits each. Sandboxes had theirs by
    // name alone; what names none that is there gets an id that is nobody's.
    M::up(
        "ALTER TABLE secrets RENAME TO secrets_before;
    CREATE TABLE secrets (
        id     TEXT PRIMARY KEY NOT NULL,
        owner  TEXT NOT NULL,
        name   TEXT NOT NULL,
        sealed BLOB NOT NULL,
        body   TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX secret_names ON secrets (owner, name);
    WITH RECURSIVE turns (turn) AS (SELECT 1 UNION ALL SELECT turn + 1 FROM turns WHERE turn < 16),
        letters (name, letter) AS MATERIALIZED (
            SELECT name,
                substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + (random() & 31), 1)
            FROM secrets_before, turns),
        ids (name, id) AS MATERIALIZED (
            SELECT name, 'sec-' || group_concat(letter, '') FROM letters GROUP BY name)
    INSERT INTO secrets (id, owner, name, sealed, body)
        SELECT ids.id, json_extract(body, '$.owner'), name, sealed, json_set(body, '$.id', ids.id)
        FROM secrets_before JOIN ids USING (name);
    UPDATE sandboxes SET body = json_set(body, '$.spec.secrets', (
        SELECT json_group_array(json_set(grant.value, '$.id', coalesce(
            (SELECT id FROM secrets WHERE name = json_extract(grant.value, '$.secret')),
            'sec-0000000000000000')))
        FROM json_each(body, '$.spec.secrets') AS grant))
        WHERE json_array_length(body, '$.spec.secrets') > 0;
    DROP TABLE secrets_before;",
    ),
    // Secrets have a permission of their own now; who had to administer for them has it.
    M::up(
        "UPDATE keys SET body = json_insert(body, '$.permissions[#]', 'secrets')
        WHERE EXISTS (SELECT 1 FROM json_each(body, '$.permissions') WHERE value = 'admin');",
    ),
    // An access ends with its sandbox, whose row stays for a while.
    M::up(
        "CREATE TABLE ssh_accesses (
        id         TEXT PRIMARY KEY NOT NULL,
        sandbox_id TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
        hash       BLOB NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX ssh_accesses_of ON ssh_accesses (sandbox_id);
    CREATE TRIGGER ssh_accesses_end AFTER UPDATE OF state ON sandboxes
        WHEN new.state = 'deleted' AND old.state <> 'deleted'
        BEGIN DELETE FROM ssh_accesses WHERE sandbox_id = new.id; END;",
    ),
];

/// Brings the schema up to date.
pub(crate) fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    Migrations::from_slice(STEPS).to_latest(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests;
