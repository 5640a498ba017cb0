use super::*;

/// What comes out of these pieces: messages, and the failure that ended it.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
    let (mut frames, mut messages) = (Frames::default(), Vec::new());
    for piece in pieces {
        frames.push(piece);
        loop {
            match frames.next() {
                Ok(Some(message)) => messages.push(String::from_utf8_lossy(&message).into_owned()),
                Ok(None) => break,
                Err(error) => return (messages, Some(error.message().to_owned())),
            }
        }
    }
    (messages, None)
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let text =
        b"Content-Length: 2\r\n\r\n{}content-length:4\r\nContent-Type: x\r\n\r\nnullContent-L";
    for size in 1..text.len() {
        let pieces: Vec<&[u8]> = text.chunks(size).collect();
        assert_eq!(read(&pieces), (vec!["{}".to_owned(), "null".to_owned()], None), "{size}");
    }
}

#[test]
fn what_is_no_frame_is_refused_before_it_is_kept() {
    let refused = |bytes: &[u8], words: &str| {
        let (messages, failure) = read(&[bytes]);
        assert!(messages.is_empty(), "{messages:?}");
        assert!(failure.as_deref().is_some_and(|text| text.contains(words)), "{failure:?}");
    };
    refused(&[b'x'; MOST_HEADERS], "no end");
    refused(&b"A: b\r\n".repeat(MOST_HEADERS), "no end");
    refused(b"\r\n\r\n{}", "no `Content-Length`");
    refused(b"Content-Length: many\r\n\r\n", "no number");
    refused(b"Content-Length: -1\r\n\r\n", "no number");
    refused(b"Content-Length: 99999999999999999999999\r\n\r\n", "no number");
    refused(format!("Content-Length: {}\r\n\r\n", MOST_MESSAGE + 1).as_bytes(), "more than");
}

#[test]
fn what_is_sent_is_bounded_too() {
    assert_eq!(&*framed(&"hé").expect("fits"), "Content-Length: 5\r\n\r\n\"hé\"".as_bytes());
    let error = framed(&"x".repeat(MOST_MESSAGE)).expect_err("too long");
    assert_eq!(error.kind(), Kind::Quota);
}
