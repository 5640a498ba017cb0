use super::*;

const FREE: Free = Free { bytes: 1 << 40, inodes: 1 << 30 };
const LIMIT: Allowance = Allowance { bytes: 1_000, inodes: 10 };

fn sandbox(letter: u8) -> SandboxId {
    SandboxId::from_random([letter; 16])
}

fn holds(bytes: u64) -> Usage {
    Usage { disk_bytes: Some(bytes), inodes: Some(1), ..Usage::default() }
}

#[test]
fn a_volume_is_looked_at_while_somebody_has_it() {
    let (mut volumes, volume) = (Volumes::default(), VolumeId::from_random([1; 16]));
    let now = Instant::now();
    volumes.join(volume.clone(), &sandbox(1), LIMIT, now);
    volumes.join(volume.clone(), &sandbox(2), LIMIT, now);
    assert_eq!(volumes.due(FREE, now), std::slice::from_ref(&volume));
    volumes.leave(&sandbox(1));
    assert_eq!(volumes.users_of(&volume), [sandbox(2)]);
    volumes.leave(&sandbox(2));
    assert!(volumes.is_empty());
    assert_eq!(volumes.due(FREE, now), []);
}

#[test]
fn a_full_volume_stops_its_sandboxes_and_leaves_the_next_one_time() {
    let (mut volumes, volume) = (Volumes::default(), VolumeId::from_random([1; 16]));
    let begin = Instant::now();
    let after = |seconds| begin + Duration::from_secs(seconds);
    let mut check = |bytes, seconds, stops: bool, joins: bool| {
        if joins {
            volumes.join(volume.clone(), &sandbox(1), LIMIT, after(seconds));
        }
        let told = volumes.record(&volume, holds(bytes), FREE, after(seconds));
        assert_eq!(told.is_some(), stops, "{bytes} bytes after {seconds} s: {told:?}");
        if stops {
            volumes.leave(&sandbox(1));
        }
    };
    check(900, 0, false, true);
    check(1_001, 1, true, false);
    // Long after that it is started again, and has its time as long as nothing grows.
    check(1_001, 500, false, true);
    check(1_001, 540, false, false);
    check(1_002, 541, true, false);
    check(1_002, 542, false, true);
    check(1_002, 603, true, false);
    // Room was made: the next time is a first time.
    check(500, 604, false, true);
    check(1_001, 605, true, false);
}
