use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use infield_domain::{Kind, Result};
use infield_jail::trees::Unpacked;

use super::{Folder, LIMITS, land, pack};

/// Two folders with something outside of both.
struct Host {
    top: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a temporary folder can be made");
        for folder in ["from/tree/inner", "to/there", "outside"] {
            std::fs::create_dir_all(top.path().join(folder)).expect("a folder can be made");
        }
        for file in ["from/tree/file", "from/tree/inner/program", "outside/secret"] {
            std::fs::write(top.path().join(file), file).expect("a file can be written");
        }
        let program = top.path().join("from/tree/inner/program");
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o4755))
            .expect("a mode can be set");
        symlink("../outside", top.path().join("to/out")).expect("a link can be made");
        symlink("../outside", top.path().join("from/out")).expect("a link can be made");
        Self { top }
    }

    fn folder(&self, name: &str) -> Folder {
        Folder::open(&self.top.path().join(name)).expect("the folder is there")
    }

    fn pack(&self, relative: &str, root: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        pack(&self.folder("from"), Path::new(relative), root, &mut bytes)?;
        Ok(bytes)
    }

    /// Packs the tree as `root` and lands it.
    fn land(&self, relative: &str, root: &str) -> Result<Unpacked> {
        let bytes = self.pack("tree", root)?;
        let landed = land(&self.folder("to"), Path::new(relative), bytes.as_slice(), LIMITS);
        let outside = std::fs::read_dir(self.top.path().join("outside")).expect("it is there");
        assert_eq!(outside.count(), 1);
        landed
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.top.path().join(path)).expect("it can be read")
    }
}

#[test]
fn lands_in_a_folder_under_its_own_name() {
    let host = Host::new();
    let landed = host.land("there", "tree").expect("it is honest");
    assert_eq!(landed.files, 4);
    assert_eq!(host.read("to/there/tree/file"), "from/tree/file");
    let program = host.top.path().join("to/there/tree/inner/program");
    let mode = std::fs::metadata(program).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7100, 0o100);
}

#[test]
fn lands_as_a_new_name() {
    let host = Host::new();
    host.land("there/new", "tree").expect("it is honest");
    assert_eq!(host.read("to/there/new/file"), "from/tree/file");
    host.land("", "top").expect("it is honest");
    assert_eq!(host.read("to/top/file"), "from/tree/file");
}

#[test]
fn packs_single_files_and_the_folder_itself() {
    let host = Host::new();
    let bytes = host.pack("tree/file", "renamed").expect("it is there");
    land(&host.folder("to"), Path::new("single"), bytes.as_slice(), LIMITS).expect("it lands");
    assert_eq!(host.read("to/single"), "from/tree/file");
    let bytes = host.pack("", "all").expect("it is there");
    land(&host.folder("to"), Path::new("."), bytes.as_slice(), LIMITS).expect("it lands");
    assert_eq!(host.read("to/all/tree/file"), "from/tree/file");
    assert!(!host.top.path().join("to/all/out").exists(), "a link out is left out");
}

fn check_refused<T: std::fmt::Debug>(result: Result<T>, kind: Kind) {
    let error = result.expect_err("it must be refused");
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn never_leaves_the_folder() {
    let host = Host::new();
    for path in ["../outside/secret", "/etc/passwd", "tree/../../outside/secret"] {
        check_refused(host.pack(path, "x"), Kind::Denied);
    }
    check_refused(host.pack("out/secret", "x"), Kind::Denied);
    for path in ["out", "out/new", "../outside", "/tmp/x"] {
        check_refused(host.land(path, "tree"), Kind::Denied);
    }
    check_refused(host.pack("tree", ".."), Kind::Invalid);
    check_refused(host.pack("tree", "a/b"), Kind::Invalid);
}

#[test]
fn what_is_missing_is_named() {
    let host = Host::new();
    check_refused(host.pack("missing", "x"), Kind::NotFound);
    check_refused(host.land("missing/new", "tree"), Kind::NotFound);
    check_refused(host.land("missing/", "tree"), Kind::NotFound);
}

#[test]
fn a_path_of_a_command_line_is_split() {
    let host = Host::new();
    let check = |path: &str, name: &str| {
        let (_, found) = Folder::holding(&host.top.path().join(path)).expect("it is there");
        assert_eq!(found, Path::new(name), "{path}");
    };
    check("from/tree", "tree");
    check("from/tree/", "");
    check("from/..", "");
    check("from/new", "new");
}
