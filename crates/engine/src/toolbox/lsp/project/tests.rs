use super::*;

#[test]
fn a_project_is_one_however_its_folder_is_written() {
    let check = |text: &str, expected: &str| {
        let path = text.parse().expect("a path");
        assert_eq!(straight(&path).expect("straight").as_str(), expected, "{text}");
    };
    check("/workspace/./project/", "/workspace/project");
    check("//workspace//project", "/workspace/project");
    check("/workspace/a/../b", "/workspace/a/../b");
    check("/", "/");
    let home: GuestPath = "~/project".parse().expect("a path");
    assert_eq!(straight(&home).expect_err("unknown").kind(), Kind::Invalid);
}
