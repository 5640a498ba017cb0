//! Many files at once, in and out. One connection carries them all, and nothing of them is held.

use futures_util::StreamExt as _;
use infield_domain::guest::{FileIn, FilesIn, FilesOut, Written};
use infield_domain::{Error, GuestPath, Permission, Principal, Result};

use crate::Engine;
use crate::inside::absolute;

/// Files that one call can ask for.
const MOST_FILES: usize = 100_000;

impl Engine {
    /// Writes many files. One that fails does not keep the others from being written. Needs
    /// `execute`.
    pub async fn write_files(
        &self,
        who: &Principal,
        sandbox: &str,
        files: FilesIn,
    ) -> Result<Written> {
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let of = inside.sandbox.clone();
            let files = files.map(move |piece| match piece? {
                FileIn::Begin { path, permissions } => {
                    Ok(FileIn::Begin { path: absolute(&of.spec, &path)?, permissions })
                }
                data @ FileIn::Data(_) => Ok(data),
            });
            inside.files.write_all(Box::pin(files)).await
        };
        let result = result.await;
        let detail = result.as_ref().map_or(String::new(), |written| match written.refused.len() {
            0 => format!("{} files", written.count),
            refused => format!("{} files, {refused} refused", written.count),
        });
        self.noted_inside(who, ("file.upload", sandbox, &detail), result)
    }

    /// Reads many files, in this order. Needs `read`.
    pub async fn read_files(
        &self,
        who: &Principal,
        sandbox: &str,
        paths: &[GuestPath],
    ) -> Result<FilesOut> {
        if paths.len() > MOST_FILES {
            return Err(Error::invalid(format!("{} files are asked for at once", paths.len()))
                .with_hint(format!("ask for {MOST_FILES} at most")));
        }
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        let paths = paths.iter().map(|path| inside.path(path)).collect::<Result<Vec<_>>>()?;
        let files = inside.files.read_all(paths).await?;
        Ok(inside.hold(files))
    }
}
