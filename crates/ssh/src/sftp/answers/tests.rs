use super::*;

#[test]
fn paths_begin_at_the_root() {
    let folder: GuestPath = "/workspace".parse().expect("a path");
    let cases = [
        (".", "/workspace"),
        ("", "/workspace"),
        ("a/b", "/workspace/a/b"),
        ("../a", "/a"),
        ("/x/../../y/.", "/y"),
        ("../../..", "/"),
        ("/", "/"),
    ];
    for (path, expected) in cases {
        assert_eq!(absolute(&folder, path), expected, "{path}");
    }
}

#[test]
fn a_mode_tells_what_a_file_is() {
    let entry = |kind, mode| FileEntry {
        path: "/a/b".to_owned(),
        kind,
        size: 3,
        mode,
        uid: 1,
        gid: 2,
        modified_at: 5_000,
        target: None,
    };
    let folder = file(&entry(FileKind::Directory, 0o755));
    assert_eq!(folder.filename, "b");
    assert_eq!(folder.attrs.permissions, Some(0o040_755));
    assert!(folder.longname.starts_with("drwxr-xr-x"), "{}", folder.longname);
    assert_eq!(attributes(&entry(FileKind::File, 0o644)).permissions, Some(0o100_644));
    assert_eq!(attributes(&entry(FileKind::Symlink, 0o777)).permissions, Some(0o120_777));
    assert_eq!(attributes(&entry(FileKind::File, 0o644)).mtime, Some(5));
}
