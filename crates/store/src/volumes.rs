//! Rows of volumes: what is known of each. What they hold is not here.

use infield_domain::sandbox::Millis;
use infield_domain::volume::Volume;
use infield_domain::{Result, VolumeId};
use rusqlite::params;

use crate::Store;
use crate::error::{StoreError, seam};
use crate::sandboxes::signed;

impl Store {
    /// Adds a volume; a conflict when its owner has one of this name. It outlives a loss of power
    /// when this returns.
    pub fn insert_volume(&mut self, volume: &Volume) -> Result<()> {
        let insert = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO volumes (id, owner, name, body) VALUES (?1, ?2, ?3, ?4)";
            let (id, owner, name) = (volume.id.as_str(), &volume.owner, volume.name.as_str());
            let body = serde_json::to_string(volume)?;
            store.connection.execute(sql, params![id, owner, name, body])?;
            Ok(())
        };
        self.durably(insert).map_err(seam)
    }

    /// Every volume, by name.
    pub fn volumes(&self) -> Result<Vec<Volume>> {
        let all = || -> std::result::Result<Vec<Volume>, StoreError> {
            let sql = "SELECT body FROM volumes ORDER BY name, id";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let body: String = row.get(0)?;
                found.push(serde_json::from_str(&body)?);
            }
            Ok(found)
        };
        all().map_err(seam)
    }

    /// Notes when a volume was last used, if it is still there.
    pub fn touch_volume(&mut self, id: &VolumeId, at: Millis) -> Result<()> {
        let touch = || -> std::result::Result<(), StoreError> {
            let sql = "UPDATE volumes SET body = json_set(body, '$.used_at', ?2) WHERE id = ?1";
            self.connection.execute(sql, params![id.as_str(), signed(at)])?;
            Ok(())
        };
        touch().map_err(seam)
    }

    /// Removes a volume; gives whether there was one. It is gone after a loss of power when this
    /// returns.
    pub fn remove_volume(&mut self, id: &VolumeId) -> Result<bool> {
        let remove = |store: &mut Self| -> std::result::Result<bool, StoreError> {
            let sql = "DELETE FROM volumes WHERE id = ?1";
            Ok(store.connection.execute(sql, [id.as_str()])? > 0)
        };
        self.durably(remove).map_err(seam)
    }
}

#[cfg(test)]
mod tests;
