use super::*;

fn check(text: &str, expected: &[&str]) {
    let servers: Vec<_> = servers_of(text).iter().map(ToString::to_string).collect();
    assert_eq!(servers, expected, "{text:?}");
}

#[test]
fn the_file_names_up_to_three_resolvers_and_nothing_else_counts() {
    check("nameserver 192.0.2.1\n", &["192.0.2.1:53"]);
    check(
        "search corp.example\n# nameserver 1.1.1.1\nnameserver\t2001:db8::1 # ours\n",
        &["[2001:db8::1]:53"],
    );
    check(
        "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4",
        &["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"],
    );
    check("nameserver fe80::1%eth0\nnameserver nonsense\nnameserver", &["127.0.0.1:53"]);
    check("", &["127.0.0.1:53"]);
}

#[tokio::test]
async fn a_changed_file_is_seen_within_seconds() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("resolv.conf");
    std::fs::write(&file, "nameserver 192.0.2.1").expect("written");
    let resolvers = Resolvers::in_file(file.clone());
    assert!(resolvers.current().await.is_some());
    assert_eq!(resolvers.lock().servers, ["192.0.2.1:53".parse().expect("an address")]);
    std::fs::write(&file, "nameserver 192.0.2.2").expect("written");
    assert!(!resolvers.is_due(Instant::now()));
    resolvers.lock().read_at = Instant::now().checked_sub(READ_EACH);
    assert!(resolvers.current().await.is_some());
    assert_eq!(resolvers.lock().servers, ["192.0.2.2:53".parse().expect("an address")]);
}
