//! The codec and both ends of a connection.

use bytes::{Bytes, BytesMut};
use infield_domain::Kind;
use infield_domain::command::{Ending, Signal, TerminalSize};
use tokio::io::AsyncWriteExt;

use super::*;
use crate::wire::{ErrorBody, ErrorDetail, Started};

fn frame(kind: u8, payload: &[u8]) -> Frame {
    Frame { kind, payload: Bytes::copy_from_slice(payload) }
}

/// Feeds `bytes` in steps of every size and expects the same frames each time.
fn check(bytes: &[u8], expected: &[Frame]) {
    for step in 1..=bytes.len() {
        let (mut buffer, mut seen) = (BytesMut::new(), Vec::new());
        for part in bytes.chunks(step) {
            buffer.extend_from_slice(part);
            while let Some(frame) = take(&mut buffer).expect("every frame is well formed") {
                seen.push(frame);
            }
        }
        assert_eq!(seen, expected, "in steps of {step}");
        assert!(buffer.is_empty());
    }
}

#[test]
fn takes_what_was_put_in_any_steps() {
    let frames = [frame(1, b"hello"), frame(17, b""), frame(255, &[0; 40])];
    let mut buffer = BytesMut::new();
    for frame in &frames {
        put(&mut buffer, frame).expect("it is short");
    }
    check(&buffer, &frames);
}

#[test]
fn the_layout_is_kind_length_payload() {
    let mut buffer = BytesMut::new();
    put(&mut buffer, &frame(2, b"ab")).expect("it is short");
    assert_eq!(&buffer[..], [2, 0, 0, 0, 2, b'a', b'b']);
}

#[test]
fn refuses_a_long_frame_at_its_header() {
    let mut header = BytesMut::from(&[1, 0, 0x10, 0, 1][..]);
    assert_eq!(take(&mut header).expect_err("one byte too many").kind(), Kind::Invalid);
    let longest = frame(1, &vec![0; MAX_PAYLOAD]);
    let mut buffer = BytesMut::new();
    put(&mut buffer, &longest).expect("it is just short enough");
    assert_eq!(take(&mut buffer).expect("it is well formed"), Some(longest));
    let longer = frame(1, &vec![0; MAX_PAYLOAD + 1]);
    assert_eq!(put(&mut buffer, &longer).expect_err("too long").kind(), Kind::Invalid);
}

#[test]
fn messages_survive_the_frames() {
    let error = ErrorDetail {
        kind: "internal".to_owned(),
        message: "it broke".to_owned(),
        hint: None,
        code: None,
    };
    let started = Started {
        execution_id: "ex-1".to_owned(),
        sandbox_id: "sbx-1".to_owned(),
        sandbox_name: "one".to_owned(),
    };
    let server = [
        ServerFrame::Started(started),
        ServerFrame::Stdout(Bytes::from_static(b"\xff out")),
        ServerFrame::Stderr(Bytes::from_static(b"err")),
        ServerFrame::Ended(Ending {
            exit_code: 137,
            signal: Some(9),
            stopped_by: None,
            wall_ms: 5,
        }),
        ServerFrame::Error(ErrorBody { error, request_id: "r".to_owned() }),
    ];
    for message in server {
        let frame = message.clone().into_frame().expect("it packs");
        assert_eq!(ServerFrame::from_frame(frame.clone()).expect("it unpacks"), message);
        assert!(ClientFrame::from_frame(frame).is_err(), "a server's frame is not a client's");
    }
    let client = [
        ClientFrame::Stdin(Bytes::from_static(b"in")),
        ClientFrame::StdinEnd,
        ClientFrame::Resize(TerminalSize { columns: 80, rows: 24 }),
        ClientFrame::Signal(Signal::Interrupt),
    ];
    for message in client {
        let frame = message.clone().into_frame().expect("it packs");
        assert_eq!(ClientFrame::from_frame(frame.clone()).expect("it unpacks"), message);
        assert!(ServerFrame::from_frame(frame).is_err(), "a client's frame is not a server's");
    }
}

#[tokio::test]
async fn frames_cross_a_narrow_connection() {
    let (near, far) = tokio::io::duplex(7);
    let sent = vec![7; MAX_PAYLOAD * 2 + 3];
    let expected = sent.clone();
    let send = tokio::spawn(async move {
        let mut writer = FrameWriter::new(near);
        writer.send_bytes(1, Bytes::from(sent)).await?;
        writer.shutdown().await
    });
    let (mut reader, mut seen) = (FrameReader::new(far), Vec::new());
    while let Some(frame) = reader.next().await.expect("the sender is honest") {
        assert!(reader.buffered() <= MAX_PAYLOAD);
        seen.extend_from_slice(&frame.payload);
    }
    assert!(seen == expected);
    send.await.expect("the task ends").expect("all was sent");
}

#[tokio::test]
async fn an_end_within_a_frame_is_an_error() {
    let (mut near, far) = tokio::io::duplex(64);
    near.write_all(&[1, 0, 0, 0, 9, b'x']).await.expect("there is room");
    drop(near);
    let mut reader = FrameReader::new(far);
    assert_eq!(reader.next().await.expect_err("it is cut").kind(), Kind::Unavailable);
}
