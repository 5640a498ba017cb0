//! Rows of organizations. One that has a key is there without a row, too.

use infield_domain::{Organization, Result};
use rusqlite::params;

use crate::Store;
use crate::error::{StoreError, seam};
use crate::sandboxes::{signed, unsigned};

impl Store {
    /// Adds an organization; a name that is taken is a conflict.
    pub fn insert_organization(&mut self, organization: &Organization) -> Result<()> {
        let insert = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO organizations (name, created_at) VALUES (?1, ?2)";
            let values = params![organization.name, signed(organization.created_at)];
            store.connection.execute(sql, values)?;
            Ok(())
        };
        self.durably(insert).map_err(seam)
    }

    /// Every organization that was made or has a key that is not revoked, in the order of names.
    pub fn organizations(&self) -> Result<Vec<Organization>> {
        let list = || -> std::result::Result<Vec<Organization>, StoreError> {
            let sql = "SELECT name, min(created_at) FROM (
                    SELECT name, created_at FROM organizations
                    UNION ALL
                    SELECT json_extract(body, '$.owner'), json_extract(body, '$.created_at')
                    FROM keys WHERE revoked_at IS NULL
                ) GROUP BY name ORDER BY name";
            let mut statement = self.connection.prepare_cached(sql)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Organization { name: row.get(0)?, created_at: unsigned(row.get(1)?) })
            };
            Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
        };
        list().map_err(seam)
    }

    /// Removes an organization; gives whether there was one.
    pub fn remove_organization(&mut self, name: &str) -> Result<bool> {
        let remove = |store: &mut Self| -> std::result::Result<bool, StoreError> {
            let sql = "DELETE FROM organizations WHERE name = ?1";
            Ok(store.connection.execute(sql, params![name])? > 0)
        };
        self.durably(remove).map_err(seam)
    }
}
