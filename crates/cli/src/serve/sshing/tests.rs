use std::os::unix::fs::PermissionsExt as _;

use infield_domain::Kind;

use super::*;

fn open(home: &tempfile::TempDir) -> OwnedFd {
    OwnedFd::from(File::open(home.path()).expect("opened"))
}

#[test]
fn the_key_is_made_once_and_is_nobody_elses() {
    let home = tempfile::tempdir().expect("a folder");
    let first = host_key(&open(&home)).expect("made");
    let again = host_key(&open(&home)).expect("read");
    assert_eq!(first.fingerprint(), again.fingerprint());
    let names: Vec<_> = std::fs::read_dir(home.path()).expect("listed").collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let mode = std::fs::metadata(home.path().join(KEY)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_that_is_none_is_refused_and_stays() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(KEY), "nothing").expect("written");
    let error = host_key(&open(&home)).err().expect("it is refused");
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(std::fs::read(home.path().join(KEY)).expect("it stays"), b"nothing");
}

#[test]
fn a_port_that_was_asked_for_must_be_free_and_the_one_beside_need_not() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address");
    let asked = Sshing::new(Some(at), None).expect("fine").bind(None);
    assert_eq!(asked.expect_err("it is taken").kind(), Kind::Unavailable);
    let http = SocketAddr::new(at.ip(), at.port() - BESIDE);
    let beside = Sshing::default().bind(Some(http)).expect("no reason to fail");
    assert!(beside.is_none());
    let far: SocketAddr = "192.0.2.1:80".parse().expect("an address");
    assert!(Sshing::default().bind(Some(far)).expect("fine").is_none(), "it was not asked for");
}

#[test]
fn a_name_that_is_no_word_of_a_command_is_refused() {
    let at = "127.0.0.1:0".parse().ok();
    for name in ["", "-oProxyCommand=x", "a b", "a;b", "$(x)"] {
        let refused = Sshing::new(at, Some(name.to_owned())).expect_err(name);
        assert_eq!(refused.kind(), Kind::Invalid);
    }
    let (_, name) = Sshing::new(at, Some("ssh.example.org".to_owned()))
        .and_then(|sshing| sshing.bind(None))
        .expect("bound")
        .expect("there is one");
    assert_eq!(name.host, "ssh.example.org");
}
