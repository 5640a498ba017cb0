use http::HeaderValue;

use super::*;

/// What a body says, in whatever pieces it comes.
async fn read(body: &[u8], size: usize) -> Result<Vec<(String, Vec<u8>)>> {
    let pieces: Vec<Result<Bytes>> =
        body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("multipart/form-data; boundary=\"b b\"");
    headers.insert(header::CONTENT_TYPE, kind);
    let mut form = Multipart::new(&headers, Box::pin(futures_util::stream::iter(pieces)))?;
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(piece) = form.next().await? {
        match piece {
            Piece::Begin(name) => parts.push((name, Vec::new())),
            Piece::Data(bytes) => {
                parts.last_mut().expect("a part began").1.extend_from_slice(&bytes);
            }
        }
    }
    Ok(parts)
}

#[tokio::test]
async fn parts_are_the_same_however_they_come() {
    let body = b"--b b\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\n1\r\n--b\r\n\
        \r\n--b b \r\ncontent-type: x\r\ncontent-disposition: form-data; filename=\"a;\\\"b\"; \
        name=two\r\n\r\n\r\n--b b--\r\nepilogue";
    let expected =
        vec![("one".to_owned(), b"1\r\n--b\r\n".to_vec()), ("two".to_owned(), Vec::new())];
    for size in 1..body.len() {
        assert_eq!(read(body, size).await.expect("it is well-formed"), expected, "{size}");
    }
}

#[tokio::test]
async fn what_is_broken_is_refused() {
    let long = [b"--b b\r\nX: ".to_vec(), vec![b'x'; HEADER_BYTES + 1]].concat();
    for body in [
        &b""[..],
        b"--b b",
        b"--b bX\r\n\r\n",
        b"--b b\r\n\r\nnameless\r\n--b b--",
        b"--b b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end",
        &long,
    ] {
        assert!(read(body, 7).await.is_err(), "{}", String::from_utf8_lossy(body));
    }
}
