use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::{HostImage, HostImageError, build_from};

/// A host with one `/usr` for everything, a public and a private part.
fn host() -> tempfile::TempDir {
    let host = tempfile::tempdir().expect("a temporary folder can be made");
    let folders = [
        "etc/alternatives",
        "etc/ssl/certs",
        "root",
        "usr/bin",
        "usr/lib/python3.13",
        "usr/local/bin",
        "usr/share/secret",
        "usr/src/linux",
        "var/lib",
    ];
    for folder in folders {
        std::fs::create_dir_all(host.path().join(folder)).expect("a folder can be made");
    }
    let files = [
        ("etc/shadow", "root:hash"),
        ("etc/hostname", "secret-host"),
        ("etc/mime.types", "text/plain txt"),
        ("etc/services", "-----BEGIN PRIVATE KEY-----"),
        ("etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----"),
        ("etc/ssl/certs/own.pem", "a certificate of the host's own"),
        ("usr/bin/tool", "tool"),
        ("usr/bin/closed", "closed"),
        ("usr/lib/python3.13/EXTERNALLY-MANAGED", "no"),
        ("usr/local/bin/own", "own"),
        ("usr/share/secret/inner", "inner"),
    ];
    for (file, content) in files {
        std::fs::write(host.path().join(file), content).expect("a file can be written");
    }
    for (path, mode) in [("usr/bin/closed", 0o711), ("usr/share/secret", 0o750)] {
        std::fs::set_permissions(host.path().join(path), PermissionsExt::from_mode(mode))
            .expect("a mode can be set");
    }
    for (link, target) in [
        ("bin", "usr/bin"),
        ("etc/alternatives/cc", "/usr/bin/tool"),
        ("etc/alternatives/own", "/usr/local/bin/own"),
        ("etc/alternatives/out", "/usr/bin/../../root"),
    ] {
        symlink(target, host.path().join(link)).expect("a link can be made");
    }
    host
}

fn build(host: &Path, into: &Path) -> Result<HostImage, HostImageError> {
    let open = |path| std::fs::File::open(path).expect("a folder can be opened");
    build_from(open(host).as_fd(), open(into).as_fd())
}

fn check(test: impl FnOnce(&Path, HostImage)) {
    let host = host();
    let image = tempfile::tempdir().expect("a temporary folder can be made");
    let made = build(host.path(), image.path()).expect("the image can be made");
    test(image.path(), made);
}

#[test]
fn takes_only_what_is_on_the_list() {
    check(|image, _| {
        let root = image.join("root");
        for there in ["etc/mime.types", "etc/ssl/certs/ca-certificates.crt", "etc/passwd"] {
            assert!(root.join(there).is_file(), "{there}");
        }
        for missing in ["etc/shadow", "etc/hostname", "etc/services", "etc/ssl/certs/own.pem"] {
            assert!(!root.join(missing).exists(), "{missing}");
        }
        let link = |name: &str| std::fs::read_link(root.join("etc/alternatives").join(name));
        assert_eq!(link("cc").expect("it is taken"), Path::new("/usr/bin/tool"));
        assert!(link("own").is_err() && link("out").is_err());
    });
}

#[test]
fn hides_what_is_not_for_everybody() {
    check(|image, made| {
        let hidden =
            ["bin/closed", "lib/python3.13/EXTERNALLY-MANAGED", "local", "share/secret", "src"];
        assert_eq!(made.hidden, hidden);
        let mask = image.join("usr-mask");
        for path in ["bin/closed", "lib/python3.13/EXTERNALLY-MANAGED", "share/secret"] {
            let meta = std::fs::symlink_metadata(mask.join(path)).expect("it is masked");
            assert!(meta.file_type().is_char_device() && meta.rdev() == 0, "{path}");
        }
        for path in ["local", "src"] {
            let mut value = [0; 8];
            let length =
                rustix::fs::getxattr(mask.join(path), "user.overlay.opaque", &mut value[..]);
            assert_eq!((length, value[0]), (Ok(1), b'y'), "{path}");
        }
    });
}

#[test]
fn leads_into_usr() {
    check(|image, _| {
        let link = std::fs::read_link(image.join("root/bin")).expect("it is a link");
        assert_eq!(link, Path::new("usr/bin"));
        assert!(!image.join("root/lib64").exists());
    });
}

#[test]
fn refuses_a_host_with_a_bin_of_its_own() {
    let host = host();
    std::fs::remove_file(host.path().join("bin")).expect("the link is there");
    std::fs::create_dir(host.path().join("bin")).expect("a folder can be made");
    let image = tempfile::tempdir().expect("a temporary folder can be made");
    let error = build(host.path(), image.path()).expect_err("it cannot be mirrored");
    assert!(matches!(error, HostImageError::Unsupported { .. }), "{error}");
}
