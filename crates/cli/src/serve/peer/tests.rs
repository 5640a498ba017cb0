//! Who is let in over a real socket.

use std::path::PathBuf;
use std::sync::OnceLock;

use tokio::net::UnixStream;

use super::check;
use crate::serve::networking::Networking;
use crate::serve::options::{Access, Lifetime, Names, Setup};
use crate::serve::secret_key::SecretKey;

fn admitted(operator: u32) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let setup = Setup {
            home: PathBuf::from("/nowhere"),
            account: None,
            operator,
            access: Access::Key,
            names: Names::default(),
            lifetime: Lifetime::Unlimited,
            networking: Networking::new(None, None, &[]).expect("the built-in preset"),
            key_check: SecretKey::Beside.check(),
            previews: None,
            ssh: None,
        };
        check(&setup)(&ours).is_ok()
    })
}

#[test]
fn the_operator_alone_is_let_in() {
    let me = rustix::process::geteuid().as_raw();
    assert!(admitted(me));
    assert!(!admitted(me + 1));
}

#[test]
fn our_own_process_is_of_our_namespaces_by_both_ways() {
    let pid = i32::try_from(std::process::id()).expect("a pid");
    assert!(super::is_same(pid).expect("we may look at ourselves"));
    let kept = OnceLock::new();
    let users = super::our_users(&kept).expect("we may look at ourselves");
    assert!(!users.is_empty());
    assert_eq!(super::our_users(&kept).expect("kept"), users);
    assert!(super::looks_same(pid, users).expect("everybody may look at this"));
    assert!(!super::looks_same(pid, "0 1000 1\n").expect("everybody may look at this"));
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let path = path.to_str().expect("text");
    for (content, fits) in [("", true), ("abc", true), ("abcd", false), ("abcdef", false)] {
        std::fs::write(path, content).expect("written");
        let read = super::read(path, &mut [0; 4]).map(str::to_owned);
        assert_eq!(read.is_ok(), fits, "{content}");
        assert!(!fits || read.is_ok_and(|read| read == content));
    }
}
