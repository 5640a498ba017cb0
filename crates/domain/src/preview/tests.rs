use super::*;

const ID: &str = "sbx-0123456789abcdef";

fn port(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not zero")
}

fn check_host(origin: &str, host: &str, expected: Option<u16>) {
    let origin: Origin = origin.parse().expect("an origin");
    let found = origin.read_host(host);
    assert_eq!(found.as_ref().map(|name| name.port.get()), expected, "{host}");
    if let Some(name) = found {
        assert_eq!(name.sandbox.as_str(), ID);
    }
}

#[test]
fn a_host_names_a_port_of_a_sandbox_in_one_way() {
    let local = "http://localhost:3987";
    check_host(local, &format!("3000-{ID}.localhost:3987"), Some(3000));
    check_host(local, &format!("3000-{ID}.localhost"), Some(3000));
    check_host(local, &format!("3000-{ID}.LocalHost:80"), Some(3000));
    for strange in [
        format!("03000-{ID}.localhost"),
        format!("+3000-{ID}.localhost"),
        format!("0-{ID}.localhost"),
        format!("65536-{ID}.localhost"),
        format!("a.3000-{ID}.localhost"),
        format!("3000-{ID}.localhost."),
        format!("3000-{ID}.localhost:x"),
        format!("3000-{ID}localhost"),
        format!("3000-{ID}.example.org"),
        format!("3000-{ID}.localhost.example.org"),
        format!("3000-{ID}"),
        "localhost:3987".to_owned(),
        "127.0.0.1:3987".to_owned(),
        String::new(),
    ] {
        check_host(local, &strange, None);
    }
    check_host("https://p.example.org", &format!("1-{ID}.p.example.org"), Some(1));
    check_host("https://p.example.org", &format!("1-{ID}.example.org"), None);
}

#[test]
fn an_origin_is_written_as_it_was_read() {
    for text in ["http://localhost:3987", "https://preview.example.org"] {
        assert_eq!(text.parse::<Origin>().expect("an origin").to_string(), text);
    }
    for wrong in [
        "localhost",
        "ftp://a.b",
        "http://",
        "http://127.0.0.1:1",
        "http://a b",
        "http://a:b",
        "http://u@h",
    ] {
        assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
    }
    let origin: Origin = "https://preview.example.org".parse().expect("an origin");
    let name = PreviewName { port: port(80), sandbox: ID.parse().expect("an id") };
    assert_eq!(origin.of(&name), format!("https://80-{ID}.preview.example.org"));
}

#[test]
fn what_is_settled_is_bounded_and_default_is_nothing() {
    let mut previews = Previews::default();
    assert_eq!(previews.access(port(80)), Access::Private);
    previews.change(port(80), Change::Access(Access::Public)).expect("it is the first");
    previews.change(port(80), Change::Expire).expect("it is there");
    assert_eq!((previews.access(port(80)), previews.generation(port(80))), (Access::Public, 1));
    assert_eq!(previews.public(), BTreeSet::from([port(80)]));
    previews.change(port(80), Change::Access(Access::Private)).expect("it is there");
    assert_eq!(previews.generation(port(80)), 1, "old tokens stay ended");
    for number in 1..64 {
        previews.change(port(1000 + number), Change::Access(Access::Public)).expect("room");
    }
    let full = previews.change(port(9), Change::Access(Access::Public)).expect_err("it is full");
    assert_eq!(full.kind(), crate::Kind::Quota);
    previews.change(port(1001), Change::Access(Access::Private)).expect("it is there");
    previews.change(port(9), Change::Access(Access::Public)).expect("room again");
}

#[test]
fn listening_ports_are_read_from_the_kernels_table() {
    let four = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 1 1 0
   2: 0200120A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   3: 0100007F:0BB9 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0";
    assert_eq!(listening(four), BTreeSet::from([port(3000), port(8080)]));
    let zero = "0".repeat(32);
    let six = format!(
        "  sl  local_address\n\
         0: {zero}:9C40 {zero}:0000 0A 0:0 00:0 0 65534 0 1\n\
         1: {zero}:1F91 {zero}:0000 0A 0:0 00:0 0 0 0 1\n\
         2: 00000000000000000000000001000000:1F92 {zero}:0000 0A 0:0 00:0 0 0 0 1\n\
         3: 0000000000000000FFFF00000100007F:1F93 {zero}:0000 0A 0:0 00:0 0 0 0 1\n\
         4: 000080FE000000000000000001000000:1F94 {zero}:0000 0A 0:0 00:0 0 0 0 1"
    );
    assert_eq!(listening(&six), BTreeSet::from([port(8081), port(8082), port(8083)]));
    assert!(listening("x\n: :\n0: 1:2 3 0A").is_empty());
}
