//! Who is let in over a real socket.

use std::path::PathBuf;

use tokio::net::UnixStream;

use super::check;
use crate::serve::options::{Access, Lifetime, Names, Setup};

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
    assert!(super::looks_same(pid).expect("everybody may look at this"));
}
