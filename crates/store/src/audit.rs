//! The audit trail: append-only rows, each bound to the one before by a keyed hash.
//!
//! `mac(n) = HMAC-SHA256(key, mac(n-1) ‖ record n)`; the first follows 32 zero bytes. The head,
//! which is the last sequence and a hash of its own over the last `mac`, is kept in `settings`,
//! so that a trail that was cut at its end shows too. Triggers refuse UPDATE and DELETE; the
//! hashes are for whoever gets around them.

use hmac::{Hmac, KeyInit, Mac};
use infield_domain::Result;
use infield_domain::audit::Record;
use infield_domain::sandbox::Millis;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use sha2::Sha256;

use crate::Store;
use crate::error::{StoreError, seam};
use crate::sandboxes::{signed, unsigned};

const HEAD: &str = "audit.head";

/// A record before it has its place in the trail.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// When.
    pub at: Millis,
    /// The principal's owner name.
    pub who: String,
    /// How they proved it.
    pub credential: String,
    /// The use case.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What was asked.
    pub detail: String,
    /// `ok`, or the kind of the error.
    pub outcome: String,
    /// The request it belongs to.
    pub request_id: String,
}

/// Which records to list.
#[derive(Clone, Debug)]
pub struct AuditFilter {
    /// Only those on this subject.
    pub subject: Option<String>,
    /// Only those of this owner.
    pub who: Option<String>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those before this sequence.
    pub before: u64,
    /// Records at most.
    pub limit: u32,
}

/// Whether the trail is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainVerdict {
    /// How many records there are.
    pub records: u64,
    /// The first place where the trail is not what was written.
    pub broken_at: Option<u64>,
}

/// The end of the chain, where the next record goes.
pub(crate) struct Chain {
    key: [u8; 32],
    sequence: u64,
    mac: [u8; 32],
}

impl Chain {
    /// What other keys of this store follow from.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.key
    }

    pub(crate) fn load(
        connection: &Connection,
        key: [u8; 32],
    ) -> std::result::Result<Self, StoreError> {
        let sql = "SELECT sequence, mac FROM audit ORDER BY sequence DESC LIMIT 1";
        let last = connection.query_row(sql, [], |row| {
            let sequence: i64 = row.get(0)?;
            let mac: [u8; 32] = row.get(1)?;
            Ok((unsigned(sequence), mac))
        });
        let (sequence, mac) = last.optional()?.unwrap_or((0, [0; 32]));
        Ok(Self { key, sequence, mac })
    }

    fn next(&self, record: &Record) -> [u8; 32] {
        let mut hash = self.hash();
        hash.update(&self.mac);
        hash.update(&record.sequence.to_be_bytes());
        hash.update(&record.at.to_be_bytes());
        for text in texts(record) {
            // Lengths first, so that no two different records have the same bytes.
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into_bytes().into()
    }

    fn head(&self) -> Vec<u8> {
        let mut hash = self.hash();
        hash.update(b"head");
        hash.update(&self.sequence.to_be_bytes());
        hash.update(&self.mac);
        let mut head = self.sequence.to_be_bytes().to_vec();
        head.extend_from_slice(&hash.finalize().into_bytes());
        head
    }

    fn hash(&self) -> Hmac<Sha256> {
        <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key)
            .expect("HMAC takes a key of any length, RFC 2104")
    }
}

fn texts(record: &Record) -> [&str; 7] {
    [
        &record.who,
        &record.credential,
        &record.action,
        &record.subject,
        &record.detail,
        &record.outcome,
        &record.request_id,
    ]
}

/// Which of one owner's records to list.
#[derive(Clone, Debug)]
pub struct AuditPick {
    /// Whose.
    pub who: String,
    /// Not before this moment.
    pub from: Millis,
    /// Not after this one.
    pub to: Millis,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those on this subject.
    pub subject: Option<String>,
    /// How many of the newest are left out.
    pub skip: u64,
    /// How many at most.
    pub limit: u32,
}

impl Store {
    /// Adds a record at the end of the trail; gives its sequence.
    pub fn append_audit(&mut self, new: NewRecord) -> Result<u64> {
        self.append(new).map_err(seam)
    }

    fn append(&mut self, new: NewRecord) -> std::result::Result<u64, StoreError> {
        let record = Record {
            sequence: self.chain.sequence + 1,
            at: new.at,
            who: new.who,
            credential: new.credential,
            action: new.action,
            subject: new.subject,
            detail: new.detail,
            outcome: new.outcome,
            request_id: new.request_id,
        };
        let mac = self.chain.next(&record);
        let chain = Chain { key: self.chain.key, sequence: record.sequence, mac };
        let transaction = self.connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO audit (sequence, at, who, credential, action, subject, detail,
                    outcome, request_id, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                signed(record.sequence),
                signed(record.at),
                record.who,
                record.credential,
                record.action,
                record.subject,
                record.detail,
                record.outcome,
                record.request_id,
                mac,
            ])?;
        transaction
            .prepare_cached(
                "INSERT INTO settings (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![HEAD, chain.head()])?;
        transaction.commit()?;
        self.chain = chain;
        Ok(record.sequence)
    }

    /// Records, the newest first.
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<Record>> {
        let list = || -> std::result::Result<Vec<Record>, StoreError> {
            let mut sql = "SELECT * FROM audit WHERE sequence < ?1".to_owned();
            let before = signed(filter.before);
            let mut values: Vec<&dyn ToSql> = vec![&before];
            let AuditFilter { subject, who, action, .. } = filter;
            for (column, value) in [("subject", subject), ("who", who), ("action", action)] {
                if let Some(value) = value {
                    values.push(value);
                    sql.push_str(&format!(" AND {column} = ?{}", values.len()));
                }
            }
            values.push(&filter.limit);
            sql.push_str(&format!(" ORDER BY sequence DESC LIMIT ?{}", values.len()));
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map(values.as_slice(), read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        list().map_err(seam)
    }

    /// A numbered part of one owner's records, the newest first, and how many there are.
    pub fn audit_of(&self, pick: &AuditPick) -> Result<(Vec<Record>, u64)> {
        let list = || -> std::result::Result<(Vec<Record>, u64), StoreError> {
            let fits = "FROM audit WHERE who = ?1 AND at >= ?2 AND at <= ?3
                AND (?4 IS NULL OR action = ?4) AND (?5 IS NULL OR subject = ?5)";
            let AuditPick { who, from, to, action, subject, skip, limit } = pick;
            let (from, to, skip) = (signed(*from), signed(*to), signed(*skip));
            let sql = format!("SELECT count(*) {fits}");
            let total: i64 = self
                .connection
                .prepare_cached(&sql)?
                .query_row(params![who, from, to, action, subject], |row| row.get(0))?;
            let sql = format!("SELECT * {fits} ORDER BY sequence DESC LIMIT ?6 OFFSET ?7");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let values = params![who, from, to, action, subject, limit, skip];
            let rows = statement.query_map(values, read)?;
            Ok((rows.collect::<rusqlite::Result<_>>()?, unsigned(total)))
        };
        list().map_err(seam)
    }

    /// Recomputes the whole chain.
    pub fn verify_audit(&self) -> Result<ChainVerdict> {
        self.verify().map_err(seam)
    }

    fn verify(&self) -> std::result::Result<ChainVerdict, StoreError> {
        let mut chain = Chain { key: self.chain.key, sequence: 0, mac: [0; 32] };
        let mut broken_at = None;
        let mut records = 0;
        let mut statement = self.connection.prepare("SELECT * FROM audit ORDER BY sequence")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record = read(row)?;
            let written: [u8; 32] = row.get("mac")?;
            records += 1;
            let expected = chain.sequence + 1;
            if record.sequence != expected || chain.next(&record) != written {
                broken_at = broken_at.or(Some(expected));
            }
            chain = Chain { key: chain.key, sequence: record.sequence, mac: written };
        }
        let sql = "SELECT value FROM settings WHERE name = ?1";
        let head: Option<Vec<u8>> =
            self.connection.query_row(sql, params![HEAD], |row| row.get(0)).optional()?;
        let whole = if records == 0 { head.is_none() } else { head == Some(chain.head()) };
        if !whole {
            broken_at = broken_at.or(Some(chain.sequence + 1));
        }
        Ok(ChainVerdict { records, broken_at })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        sequence: unsigned(row.get("sequence")?),
        at: unsigned(row.get("at")?),
        who: row.get("who")?,
        credential: row.get("credential")?,
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
        outcome: row.get("outcome")?,
        request_id: row.get("request_id")?,
    })
}

#[cfg(test)]
mod tests;
