use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    daytona:x:1000:1000::/home/daytona:/bin/sh\nbroken line\nbare:x:7:8:::\n";
const GROUP: &str = "root:x:0:\nstaff:x:50:daytona,other\nusers:x:100:daytona\n";

fn check(user: &str, expected: Result<(&str, u32, u32, &[u32], &str), &str>) {
    let found = find(user, PASSWD, GROUP);
    let seen = found.as_ref().map(|a| (&*a.name, a.uid, a.gid, &*a.groups, &*a.home));
    assert_eq!(seen.map_err(|failure| &*failure.0.message), expected, "{user}");
}

#[test]
fn users_are_found_by_name_and_number() {
    check("root", Ok(("root", 0, 0, &[], "/root")));
    check("daytona", Ok(("daytona", 1000, 1000, &[50, 100], "/home/daytona")));
    check("1000", Ok(("daytona", 1000, 1000, &[50, 100], "/home/daytona")));
    check("4242", Ok(("4242", 4242, 4242, &[], "/")));
    check("daytona:staff", Ok(("daytona", 1000, 50, &[50, 100], "/home/daytona")));
    check("0:77", Ok(("root", 0, 77, &[], "/root")));
    check("bare", Ok(("bare", 7, 8, &[], "/")));
}

#[test]
fn strangers_are_refused() {
    check("nobody-here", Err("there is no user `nobody-here` in this sandbox"));
    check("4294967295", Err("there is no user `4294967295` in this sandbox"));
    check("root:none", Err("there is no group `none` in this sandbox"));
    check("", Err("there is no user `` in this sandbox"));
}

#[test]
fn root_is_there_without_any_file() {
    assert_eq!(find("root", "", "").map(|account| account.uid), Ok(0));
}
