use super::*;

/// Puts bytes in, by pieces that end nowhere near a block's end.
fn put(kept: &mut Kept, bytes: &[u8]) {
    for piece in bytes.chunks(BLOCK_BYTES - 7) {
        kept.push(piece).expect("memory is there");
    }
}

fn all_from(kept: &Kept, mut place: u64) -> Vec<u8> {
    let mut seen = Vec::new();
    loop {
        let bytes = kept.at(place);
        if bytes.is_empty() {
            return seen;
        }
        seen.extend_from_slice(bytes);
        place += bytes.len() as u64;
    }
}

fn numbered(count: usize) -> Vec<u8> {
    (0..count).map(|place| u8::try_from(place % 251).expect("below 256")).collect()
}

#[test]
fn what_went_in_comes_out_from_any_place() {
    let bytes = numbered(3 * BLOCK_BYTES + 17);
    let mut kept = Kept::default();
    put(&mut kept, &bytes);
    for place in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 5, bytes.len()] {
        assert!(all_from(&kept, place as u64) == bytes[place..], "from {place}");
    }
    assert_eq!(kept.end(), bytes.len() as u64);
}

#[test]
fn a_stream_without_a_byte_takes_no_memory() {
    let mut kept = Kept::default();
    put(&mut kept, b"");
    assert_eq!((kept.held(), kept.end()), (0, 0));
}

#[test]
fn the_oldest_goes_and_places_stay() {
    let bytes = numbered(2 * BLOCK_BYTES + 10);
    let mut kept = Kept::default();
    put(&mut kept, &bytes);
    assert!(kept.drop_oldest());
    assert_eq!(kept.start(), BLOCK_BYTES as u64);
    put(&mut kept, b"more");
    assert_eq!(all_from(&kept, kept.end() - 4), b"more");
    while kept.drop_oldest() {}
    assert_eq!((kept.held(), kept.start()), (0, kept.end()));
    put(&mut kept, b"again");
    assert_eq!(all_from(&kept, kept.start()), b"again");
}
