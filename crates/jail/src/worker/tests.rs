use rustix::fs::{FlockOperation, flock};

use super::*;

#[test]
fn a_folder_is_taken_when_an_earlier_worker_is_gone() {
    let place = tempfile::tempdir().expect("a folder");
    let open = || OwnedFd::from(std::fs::File::open(place.path()).expect("it is there"));
    let (earlier, later) = (open(), open());
    take(earlier.as_fd()).expect("nobody has it");
    // A copy of the descriptor is the same holder, as a worker's is.
    take(earlier.try_clone().expect("a copy").as_fd()).expect("it has it");
    let waiting = std::thread::spawn(move || {
        let taken = take(later.as_fd());
        (taken, later)
    });
    drop(earlier);
    let (taken, later) = waiting.join().expect("it ends");
    taken.expect("it is free");
    let third = open();
    let refused = flock(&third, FlockOperation::NonBlockingLockExclusive);
    assert_eq!(refused, Err(Errno::WOULDBLOCK), "the later one has it");
    drop(later);
}
