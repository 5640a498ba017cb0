//! The tidy check: walls between crates, sizes, module docs and names.
//!
//! ARCHITECTURE.md says why; this says it in code, so that a wall that moves must move here too.

mod arrows;
mod source;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::root;

pub(crate) fn run() -> Result<()> {
    let root = root();
    let mut faults = arrows::check(&root)?;
    let files = rust_files(&root)?;
    for file in &files {
        let text = fs::read_to_string(file)?;
        let name = file.strip_prefix(&root).unwrap_or(file);
        faults
            .extend(source::check(name, &text).with_context(|| format!("in {}", name.display()))?);
    }
    for fault in &faults {
        println!("tidy: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} things are untidy", faults.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("tests"), root.join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
