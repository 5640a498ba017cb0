use super::*;

#[test]
fn a_character_in_two_pieces_is_whole() {
    let piece = |stream, data: &'static [u8]| Piece { stream, data: Bytes::from_static(data) };
    let pieces = [
        piece(Stream::Stdout, b"caf\xc3"),
        piece(Stream::Stdout, b"\xa9\n"),
        piece(Stream::Stderr, b"bad\n"),
    ];
    let logs = texts(&pieces);
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("café\n", "bad\n"));
    assert_eq!(logs.output, "café\nbad\n");
}
