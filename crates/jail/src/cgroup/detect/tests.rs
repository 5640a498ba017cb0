use super::*;

const HYBRID: &str = "\
33 30 0:31 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
34 33 0:32 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 33 0:33 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
36 33 0:34 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 33 0:38 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
41 33 0:39 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
42 33 0:40 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
43 33 0:41 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
const UNIFIED: &str =
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const JOINED: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
34 31 0:30 / /mnt/again rw,nosuid - cgroup cgroup rw,memory
35 31 0:31 /docker/1f /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids
";

fn check(mountinfo: &str, unified: &str, expected: &[&str]) {
    let found: Vec<String> = trees(mountinfo, |_| unified.to_owned())
        .iter()
        .map(|tree| {
            let words: Vec<&str> = tree.controllers.iter().map(|c| c.as_str()).collect();
            format!("{:?} {} {}", tree.version, tree.mount.display(), words.join(","))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_controller_is_found_where_it_lives() {
    check(
        HYBRID,
        "hugetlb\n",
        &[
            "V1 /sys/fs/cgroup/cpu cpu",
            "V1 /sys/fs/cgroup/cpuacct cpuacct",
            "V1 /sys/fs/cgroup/memory memory",
            "V1 /sys/fs/cgroup/freezer freezer",
            "V1 /sys/fs/cgroup/pids pids",
        ],
    );
    check(UNIFIED, "cpuset cpu io memory pids\n", &["V2 /sys/fs/cgroup memory,pids,cpu"]);
    check(UNIFIED, "\n", &[]);
    check("", "", &[]);
}

#[test]
fn a_tree_counts_once_and_only_from_its_root() {
    check(
        JOINED,
        "",
        &["V1 /sys/fs/cgroup/cpu,cpuacct cpu,cpuacct", "V1 /sys/fs/cgroup/memory memory"],
    );
}

#[test]
fn the_own_directory_is_the_unified_line() {
    assert_eq!(own_unified("9:pids:/a\n0::/user.slice/x\n"), Some("user.slice/x"));
    assert_eq!(own_unified("9:pids:/a\n"), None);
}
