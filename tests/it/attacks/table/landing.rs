//! What a tree that comes out of a sandbox does to the folder of the host's that it lands in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;

use crate::attacks::{Attack, Outcome, Stage};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::around("cannot_land_a_link_to_the_host", "landing", |stage| {
        let make = "os.symlink('/etc/passwd', 'tree/x')";
        land(stage, make, |tree| tree.join("x").is_symlink())
    }),
    Attack::around("cannot_land_a_link_that_climbs_out", "landing", |stage| {
        let make = "os.symlink('a/../../../x', 'tree/x')";
        land(stage, make, |tree| tree.join("x").is_symlink())
    }),
    Attack::around("cannot_land_a_link_that_climbs_out_of_a_folder", "landing", |stage| {
        let make = "os.makedirs('tree/a/b')\nos.symlink('../../../x', 'tree/a/b/x')";
        land(stage, make, |tree| tree.join("a/b/x").is_symlink())
    }),
    Attack::around("cannot_land_a_set_id_program", "landing", |stage| {
        let make = "open('tree/x', 'w')\nos.chmod('tree/x', 0o6755)";
        land(stage, make, |tree| has_mode(&tree.join("x"), 0o6000))
    }),
    Attack::around("cannot_land_a_sticky_file", "landing", |stage| {
        let make = "open('tree/x', 'w')\nos.chmod('tree/x', 0o1755)";
        land(stage, make, |tree| has_mode(&tree.join("x"), 0o1000))
    }),
    Attack::around("cannot_land_a_link_by_swapping_it_for_a_folder", "landing", race),
];

fn has_mode(file: &Path, bits: u32) -> bool {
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & bits != 0)
}

/// Makes a tree inside, copies it out and looks at what is there.
fn land(stage: &Stage, make: &str, broke: impl Fn(&Path) -> bool) -> Result<Outcome> {
    let sandbox = stage.sandbox(&[])?;
    sandbox.python(&format!("os.mkdir('tree')\n{make}"))?;
    let into = stage.scratch().join(&sandbox.name);
    fs::create_dir(&into)?;
    sandbox.copy_out("tree", &into)?;
    Ok(Outcome::of(broke(&into.join("tree"))))
}

/// How often the tree is copied while it changes.
const TRIES: usize = 12;

/// A folder and a link take each other's place all the time.
fn race(stage: &Stage) -> Result<Outcome> {
    let sandbox = stage.sandbox(&[])?;
    sandbox.python("os.mkdir('tree')\nos.mkdir('tree/x')\nopen('tree/x/file', 'w')")?;
    sandbox.leave_running(
        "
os.symlink('/etc', 'link')
while True:
    call(316, -100, b'link\\0', -100, b'tree/x\\0', 2)",
    )?;
    let mut landed = false;
    for number in 0..TRIES {
        let into = stage.scratch().join(format!("{}-{number}", sandbox.name));
        fs::create_dir(&into)?;
        sandbox.copy_out("tree", &into)?;
        landed |= into.join("tree/x").is_symlink() || into.join("tree/x/passwd").exists();
    }
    Ok(Outcome::of(landed))
}
