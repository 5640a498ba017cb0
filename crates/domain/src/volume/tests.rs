use super::*;

fn check_path(text: &str, expected: Option<&str>) {
    let read = text.parse::<MountPath>();
    assert_eq!(read.as_ref().ok().map(MountPath::as_str), expected, "{text:?}: {read:?}");
}

#[test]
fn a_mount_path_is_plain_and_no_place_of_the_sandbox() {
    for (text, expected) in
        [("/data", "/data"), ("/data/", "/data"), ("/usr/local/x", "/usr/local/x")]
    {
        check_path(text, Some(expected));
    }
    for own in ["/", "//", "/proc", "/proc/1/root", "/sys", "/dev", "/dev/shm", "/tmp", "/usr"] {
        check_path(own, None);
    }
    for wrong in ["", "data", "/a/../proc", "/a//b", "/./proc", "/a/..", "/a\0b", "/a\nb", "/etc/x"]
    {
        check_path(wrong, None);
    }
    check_path(&format!("/{}", "a/".repeat(40)), None);
    check_path(&format!("/{}", "a".repeat(600)), None);
}

#[test]
fn a_subpath_stays_in_its_volume() {
    let check = |text: &str, expected: Option<&str>| {
        let read = text.parse::<Subpath>();
        assert_eq!(read.as_ref().ok().map(Subpath::as_str), expected, "{text:?}");
    };
    check("users/alice", Some("users/alice"));
    check("users/", Some("users"));
    for wrong in ["", "/", "/etc", "..", "a/../..", "a//b", "./a", "a\0"] {
        check(wrong, None);
    }
}

#[test]
fn mounts_are_beside_each_other() {
    let check = |paths: &[&str], fits: bool| {
        let paths: Vec<MountPath> = paths.iter().map(|p| p.parse().expect("a path")).collect();
        assert_eq!(check_mounts(paths.iter()).is_ok(), fits, "{paths:?}");
    };
    check(&[], true);
    check(&["/a", "/b", "/ab"], true);
    check(&["/a", "/a"], false);
    check(&["/a/b", "/a"], false);
    // Between the two there is one that sorts in between and is within neither.
    check(&["/a", "/a-b", "/a/b"], false);
    let many: Vec<String> = (0..=MOST_MOUNTS).map(|number| format!("/m{number}")).collect();
    check(&many.iter().map(String::as_str).collect::<Vec<_>>(), false);
}

#[test]
fn a_wish_names_volume_path_and_folder() {
    let check = |text: &str, expected: Option<(&str, &str, Option<&str>)>| {
        let read = text.parse::<WantedVolume>().ok();
        let read = read.as_ref().map(|wish| {
            (wish.volume.as_str(), wish.path.as_str(), wish.subpath.as_ref().map(Subpath::as_str))
        });
        assert_eq!(read, expected, "{text:?}");
    };
    check("corpus:/data", Some(("corpus", "/data", None)));
    check("corpus:/data:a/b:c", Some(("corpus", "/data", Some("a/b:c"))));
    for wrong in ["corpus", ":/data", "corpus:data", "corpus:/data:", "corpus:/proc"] {
        check(wrong, None);
    }
}

#[test]
fn a_name_is_no_id() {
    for (text, fits) in [
        ("my-volume", true),
        ("3fa85f64-5717-4562-b3fc-2c963f66afa6", true),
        ("vol-0123456789abcdef", false),
        ("-x", false),
        ("", false),
        ("a b", false),
        ("../x", false),
    ] {
        assert_eq!(text.parse::<VolumeName>().is_ok(), fits, "{text:?}");
    }
}
