//! Hostile frames, on either side: nothing is held beyond one frame, and what was understood is
//! said again in the same way.

#![no_main]

use infield_protocol::frame::{self, Decoder, FRAME_BYTES};
use infield_protocol::message::{self, Event, GENERATION, Input, Opening};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::default();
    // The first byte cuts the rest into pieces, as a socket may.
    let Some((piece, bytes)) = data.split_first() else { return };
    for piece in bytes.chunks(usize::from(*piece) + 1) {
        decoder.push(piece);
        loop {
            match decoder.next_body() {
                Ok(Some(body)) => look(body),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});

fn look(body: &[u8]) {
    assert!(body.len() <= FRAME_BYTES);
    if let Ok(request) = message::open(body) {
        again(&Opening { generation: GENERATION, request });
    }
    if let Ok(input) = frame::decode::<Input>(body) {
        again(&input);
    }
    if let Ok(event) = frame::decode::<Event>(body) {
        again(&event);
    }
}

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) {
    let mut bytes = Vec::new();
    frame::encode(message, &mut bytes).expect("it came in one frame");
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    let body = decoder.next_body().expect("a frame").expect("a whole one");
    assert_eq!(&frame::decode::<T>(body).expect("the same message"), message);
}
