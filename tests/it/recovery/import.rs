//! Kill −9 in the middle of the import of an image: it is there whole, or not at all.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use serde_json::Value;

use super::field::{BACK, Field, Victim};
use crate::traces::Traces;

/// Kills in all; a third for each victim.
const KILLS: u32 = 12;
const VICTIMS: [Victim; 3] = [Victim::Daemon, Victim::Launcher, Victim::Keeper];
/// Files of the image. Empty ones have nothing but their headers in the archive, so that a stream
/// that is cut off ends between two entries, as a whole one does.
const FILES: usize = 1_500;

/// A root file system of many small files.
fn source() -> Result<tempfile::TempDir> {
    let source = tempfile::TempDir::new()?;
    for number in 0..FILES {
        let folder = source.path().join(format!("usr/{}", number / 100));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(number.to_string()), "")?;
    }
    Ok(source)
}

/// Files below a folder, not counting the folders.
fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(files)
}

/// The image as it is listed.
fn listed(field: &Field) -> Result<Option<Value>> {
    let images: Value = serde_json::from_str(&field.ask(&["image", "ls", "--json"])?)?;
    let images = images.as_array().context("no list")?;
    Ok(images.iter().find(|image| image["name"] == "many").cloned())
}

/// Imports until the image is there, by this import or by the one before it.
fn import(field: &Field, source: &str) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let imported = field.home.run(&["image", "import", "many", source]);
        match (listed(field)?, imported) {
            (Some(image), _) => return Ok(image),
            (None, Err(error)) if begun.elapsed() > BACK => return Err(error),
            (None, Err(_)) => std::thread::park_timeout(Duration::from_millis(20)),
            (None, Ok(_)) => anyhow::bail!("the image was imported and is not there"),
        }
    }
}

#[tokio::test]
async fn no_kill_in_an_import_leaves_a_part_of_an_image() -> Result<()> {
    let mut field = Field::open()?;
    let source = source()?;
    let source = source.path().to_str().context("a path is text")?;
    let images = field.home.path().join("images");
    let begun = Instant::now();
    let whole = import(&field, source)?;
    let (duration, files) = (begun.elapsed(), whole["files"].clone());
    field.ask(&["image", "rm", "many"])?;
    let mut met = 0;
    for (number, victim) in (0..KILLS).zip(VICTIMS.into_iter().cycle()) {
        let target = field.find(victim)?;
        let mut importing = field.begin(&["image", "import", "many", source])?;
        std::thread::park_timeout(duration * (number / 3 + 1) / (KILLS / 3 + 1));
        field.kill(victim, target)?;
        let answered = importing.wait()?.success();
        met += u32::from(!answered);
        let first = listed(&field)?;
        ensure!(first.is_some() || !answered, "the kill {number} took an image away");
        let image = import(&field, source)?;
        ensure!(image["files"] == files, "after the kill {number} of {victim:?}: {image}");
        let found = count(&images.join("many"))?;
        // The image's own description is beside its tree.
        ensure!(found == FILES + 1, "{found} files after the kill {number} of {victim:?}");
        field.check_steady().with_context(|| format!("after the kill {number}"))?;
        field.ask(&["image", "rm", "many"])?;
    }
    assert!(met > 0, "no kill met an import");
    // The built-in image alone stays, and nobody who unpacks: beside the launcher there is only
    // what it has made ready.
    let look = || {
        let names = fs::read_dir(&images).map_or(0, Iterator::count);
        let ready = Traces::of(&field.home.path()).unwrap_or_default().spare_processes;
        let mut launchers = field.processes().unwrap_or_default();
        launchers.retain(|(pid, word)| word == "__launcher" && !ready.contains(pid));
        names == 1 && launchers.len() == 1
    };
    eventually(Duration::from_secs(5), "nothing of an import is left", look).await;
    Ok(())
}
