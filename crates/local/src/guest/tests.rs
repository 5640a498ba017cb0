use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::time::Instant;

use infield_domain::id::ID_LETTERS;

use super::*;

struct Scene {
    _home: tempfile::TempDir,
    listener: UnixListener,
    lines: Arc<Lines>,
    id: SandboxId,
}

fn scene() -> Scene {
    let home = tempfile::tempdir().expect("a folder");
    let id = SandboxId::from_random([7; ID_LETTERS]);
    let folder = home.path().join("sandboxes").join(id.as_str());
    std::fs::create_dir_all(&folder).expect("a folder");
    let listener = UnixListener::bind(folder.join("agent.sock")).expect("a socket");
    let opened = std::fs::File::open(home.path()).expect("it is there");
    let lines = Lines::new(Arc::new(opened.into()));
    Scene { _home: home, listener, lines, id }
}

impl Scene {
    fn open(&self) -> UnixStream {
        self.lines.open(&self.id).expect("somebody listens")
    }

    fn accept(&self) -> UnixStream {
        self.listener.accept().expect("somebody connects").0
    }

    async fn made(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        let is_made = || self.lines.lock().get(&self.id).is_some_and(|one| one.stream.is_some());
        while !is_made() {
            assert!(Instant::now() < until, "nothing is made ahead");
            sleep(Duration::from_millis(1)).await;
        }
    }
}

fn check_joined(mut ours: UnixStream, mut theirs: UnixStream) {
    ours.set_nonblocking(false).expect("a socket");
    ours.write_all(b"x").expect("it is open");
    let mut letter = [0];
    theirs.read_exact(&mut letter).expect("it came");
    assert_eq!(&letter, b"x");
}

#[tokio::test]
async fn the_next_connection_is_made_ahead_and_used_once() {
    let scene = scene();
    check_joined(scene.open(), scene.accept());
    scene.made().await;
    let theirs = scene.accept();
    check_joined(scene.open(), theirs);
    // Another one is under way, and nobody waits for it.
    check_joined(scene.open(), scene.accept());
}

#[tokio::test]
async fn one_whose_agent_is_gone_or_speaks_unasked_is_not_used() {
    for speaks in [b"".as_slice(), b"hello"] {
        let scene = scene();
        let _first = scene.open();
        let _accepted = scene.accept();
        scene.made().await;
        let mut theirs = scene.accept();
        theirs.write_all(speaks).expect("it is open");
        if speaks.is_empty() {
            drop(theirs);
        }
        check_joined(scene.open(), scene.accept());
    }
}
