//! The same replacement in several files.

use infield_domain::files::Edit;
use infield_domain::{Error, GuestPath, Kind, Permission, Principal, Result};

use crate::Engine;
use crate::inside::Inside;

/// Files of one call.
const MOST_FILES: usize = 10_000;

/// What to replace, and where.
#[derive(Clone, Debug)]
pub struct Replace {
    /// The files.
    pub files: Vec<GuestPath>,
    /// What is replaced, wherever it is.
    pub old: String,
    /// What comes in its place.
    pub new: String,
}

impl Engine {
    /// Replaces text in files, and says of each how many places there were. Needs `execute`.
    pub async fn replace_in_files(
        &self,
        who: &Principal,
        sandbox: &str,
        replace: Replace,
    ) -> Result<Vec<Result<u64>>> {
        let detail = format!("{} files", replace.files.len());
        let result = async {
            if replace.files.len() > MOST_FILES {
                let message = format!("{} files are more than {MOST_FILES}", replace.files.len());
                return Err(Error::invalid(message).with_hint("name fewer at once"));
            }
            if replace.old.is_empty() {
                return Err(Error::invalid("the text to replace is empty"));
            }
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let mut results = Vec::with_capacity(replace.files.len());
            for path in &replace.files {
                results.push(one(&inside, path, &replace).await);
            }
            Ok(results)
        };
        self.noted_inside(who, ("file.edit", sandbox, &detail), result.await)
    }
}

/// A file that does not have the text is as it shall be.
async fn one(inside: &Inside, path: &GuestPath, replace: &Replace) -> Result<u64> {
    let path = inside.path(path)?;
    let (old, new) = (replace.old.clone(), replace.new.clone());
    match inside.files.edit(Edit { path: path.clone(), old, new, all: true }).await {
        Err(error) if error.kind() == Kind::NotFound => match inside.files.stat(&path).await {
            Ok(_) => Ok(0),
            Err(_) => Err(error),
        },
        result => result,
    }
}
