use proptest::prelude::*;

use std::path::Path;

use super::*;
use crate::message::{self, Event, GENERATION, Input, Opening};

/// Encodes messages, delivers them in pieces of these sizes, and wants the same ones back.
fn check(messages: &[Vec<u8>], pieces: &[usize]) {
    let mut stream = Vec::new();
    for message in messages {
        encode(message, &mut stream).expect("the message fits");
    }
    let mut decoder = Decoder::default();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut sizes = pieces.iter().copied().cycle();
    let mut rest = stream.as_slice();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        decoder.push(piece);
        while let Some(body) = decoder.next_body().expect("frames are whole") {
            seen.push(decode(body).expect("bodies are whole"));
        }
        rest = after;
    }
    assert_eq!(seen, messages);
    assert!(!decoder.is_partial());
}

proptest! {
    #[test]
    fn any_messages_survive_any_pieces(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        pieces in prop::collection::vec(1_usize..200, 1..10),
    ) {
        check(&messages, &pieces);
    }

    #[test]
    fn any_bytes_are_bounded(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        while let Ok(Some(body)) = decoder.next_body() {
            prop_assert!(body.len() <= FRAME_BYTES);
        }
    }
}

#[test]
fn an_empty_message_is_a_frame() {
    check(&[Vec::new(), Vec::new()], &[1]);
}

#[test]
fn a_large_length_is_refused_before_the_body_comes() {
    let mut decoder = Decoder::default();
    decoder.push(&u32::MAX.to_be_bytes());
    assert!(matches!(decoder.next_body(), Err(FrameError::TooLarge { .. })));
}

#[test]
fn a_large_message_leaves_nothing_behind() {
    let mut out = vec![7];
    let refused = encode(&vec![1_u8; FRAME_BYTES + 1], &mut out);
    assert!(matches!(refused, Err(FrameError::TooLarge { .. })));
    assert_eq!(out, [7]);
}

#[test]
fn bytes_after_a_message_are_refused() {
    assert!(matches!(decode::<u8>(&[1, 2]), Err(FrameError::Malformed(_))));
}

/// What a body means to either side must be the same after it was said again.
fn look(body: &[u8]) {
    if let Ok(request) = message::open(body) {
        again(&Opening { generation: GENERATION, request });
    }
    if let Ok(input) = decode::<Input>(body) {
        again(&input);
    }
    if let Ok(event) = decode::<Event>(body) {
        again(&event);
    }
}

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).expect("it came in one frame");
    assert_eq!(&decode::<T>(&bytes[HEADER_BYTES..]).expect("the same message"), message);
}

/// The fuzz target's corpus: the first byte cuts the rest into pieces.
#[test]
fn the_corpus_of_hostile_frames_is_bounded() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/frames");
    let mut seeds = 0;
    for seed in std::fs::read_dir(corpus).expect("the corpus is there") {
        let seed = std::fs::read(seed.expect("a seed").path()).expect("a seed can be read");
        let (piece, bytes) = seed.split_first().expect("no seed is empty");
        let mut decoder = Decoder::default();
        for piece in bytes.chunks(usize::from(*piece) + 1) {
            decoder.push(piece);
            while let Ok(Some(body)) = decoder.next_body() {
                look(body);
            }
        }
        seeds += 1;
    }
    assert!(seeds > 50, "only {seeds} seeds");
}
