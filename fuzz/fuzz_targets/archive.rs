//! Hostile archives: nothing outside of the folder changes, and nothing in it leads out.
//!
//! The first byte chooses between the image store and a folder of the host's. The sums of what
//! looks like headers are put right, or no change of a header would ever get past them.

#![no_main]

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use infield_jail::trees::{UnpackLimits, land, unpack};
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;

const LIMITS: UnpackLimits = UnpackLimits { bytes: 1 << 16, entries: 64 };

fuzz_target!(|data: &[u8]| {
    let Some((choice, archive)) = data.split_first() else { return };
    let archive = with_sums(archive);
    let top = tempfile::tempdir_in("/dev/shm").expect("there is a tmpfs");
    let (into, secret) = (top.path().join("into"), top.path().join("secret"));
    std::fs::create_dir(&into).expect("a folder can be made");
    std::fs::write(&secret, "secret").expect("a file can be written");
    let open = File::open(&into).expect("the folder is there");
    let is_image = choice % 2 == 0;
    let result = match is_image {
        true => unpack(archive.as_slice(), open.as_fd(), LIMITS),
        false => land(archive.as_slice(), open.as_fd(), None, LIMITS),
    };
    if let Ok(unpacked) = result {
        assert!(unpacked.files <= LIMITS.entries && unpacked.size_bytes <= LIMITS.bytes);
    }
    assert_eq!(std::fs::read(&secret).expect("it is there"), b"secret");
    assert_eq!(std::fs::read_dir(top.path()).expect("it is there").count(), 2);
    if !is_image {
        nothing_leads_out(&into);
    }
});

/// Puts the sum of each block right that says of itself that it is a header.
fn with_sums(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    for block in archive.chunks_exact_mut(BLOCK) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    archive
}

fn nothing_leads_out(top: &Path) {
    let mut waiting = vec![top.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if let Ok(real) = path.canonicalize() {
                assert!(real.starts_with(top), "{} leads out", path.display());
            }
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path);
            }
        }
    }
}
