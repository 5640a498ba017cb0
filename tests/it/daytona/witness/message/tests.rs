use super::*;

fn answers(bytes: &[u8], step: usize) -> Vec<(Option<u16>, String)> {
    let (mut reader, mut found) = (Answering::default(), Vec::new());
    for part in bytes.chunks(step) {
        reader.read(part, |message| {
            found.push((message.status(), String::from_utf8_lossy(&message.body).into_owned()));
        });
    }
    found
}

#[test]
fn answers_are_found_however_they_come() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}\
        HTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
        3\r\n{\"b\r\n4;x=y\r\n\":2}\r\n0\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi\
        HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01HTTP/1.1 500 no\r\n\r\n";
    let expected = [
        (Some(200), "{\"a\":1}"),
        (Some(204), ""),
        (Some(200), "{\"b\":2}"),
        (Some(200), ""),
        (Some(101), ""),
    ];
    let expected = expected.map(|(status, body)| (status, body.to_owned()));
    for step in [1, 2, 3, 7, bytes.len()] {
        assert_eq!(answers(bytes, step), expected, "{step} bytes at once");
    }
}

#[test]
fn questions_are_found_as_soon_as_their_heads_are_there() {
    let bytes = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n\
        POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
        GET /d HTTP/1.1\r\nUpgrade: websocket\r\n\r\nGET /e HTTP/1.1\r\n\r\n";
    for step in [1, 2, 5, bytes.len()] {
        let (mut reader, mut found) = (Asking::default(), Vec::new());
        for part in bytes.chunks(step) {
            reader.read(part, |message| found.push(message.first.clone()));
        }
        let expected = ["POST /a", "GET /b", "POST /c", "GET /d"];
        assert_eq!(found, expected.map(|line| format!("{line} HTTP/1.1")), "{step} bytes at once");
    }
}
