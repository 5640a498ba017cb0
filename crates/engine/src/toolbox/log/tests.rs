use super::*;

fn text(pieces: &[Piece]) -> String {
    let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.data.to_vec()).collect();
    String::from_utf8(bytes).expect("text")
}

async fn next(follow: &mut Follow) -> Piece {
    follow.next().await.expect("not left behind").expect("more")
}

#[tokio::test]
async fn a_follower_sees_all_in_its_order() {
    let log = Log::new(&Budget::of(1 << 20), 1 << 10);
    log.push(Stream::Stdout, b"one");
    let mut follow = log.follow();
    let first = next(&mut follow).await;
    assert_eq!((first.stream, &first.data[..]), (Stream::Stdout, &b"one"[..]));
    log.push(Stream::Stdout, b" two");
    log.push(Stream::Stderr, b"bad");
    log.close();
    assert_eq!(&next(&mut follow).await.data[..], b" two");
    assert_eq!(next(&mut follow).await.stream, Stream::Stderr);
    assert_eq!(follow.next().await.expect("the end"), None);
    assert_eq!(text(&log.pieces()), "one twobad");
}

#[tokio::test]
async fn the_oldest_gives_way_and_the_slow_are_told() {
    let budget = Budget::of(3 * BLOCK_BYTES);
    let log = Log::new(&budget, 2 * BLOCK_BYTES);
    let mut follow = log.follow();
    for letter in *b"abcd" {
        log.push(Stream::Stdout, &vec![letter; BLOCK_BYTES]);
    }
    assert_eq!(follow.next().await.expect_err("it missed some").kind(), Kind::Quota);
    assert_eq!(next(&mut log.follow()).await.data[0], b'c');
    let other = Log::new(&budget, 2 * BLOCK_BYTES);
    other.push(Stream::Stdout, &vec![b'e'; 2 * BLOCK_BYTES]);
    assert_eq!(text(&other.pieces()).len(), BLOCK_BYTES, "the sandbox's budget holds");
    drop(log);
    drop(follow);
    other.push(Stream::Stdout, &vec![b'f'; BLOCK_BYTES]);
    assert_eq!(text(&other.pieces()).len(), 2 * BLOCK_BYTES, "what goes gives its memory back");
}

#[tokio::test]
async fn a_writer_waits_for_readers_who_read_and_leaves_the_others() {
    let mut log = Log::new(&Budget::of(8 << 20), 4 << 20);
    let patience = Duration::from_millis(50);
    Arc::get_mut(&mut log).expect("nobody else has it").patience = patience;
    let (mut reads, mut sleeps) = (log.follow(), log.follow());
    assert!(!log.is_ahead());
    let much = vec![b'x'; 1 << 20];
    log.push(Stream::Stdout, &much);
    log.push(Stream::Stdout, b"y");
    assert!(log.is_ahead());
    next(&mut reads).await;
    let begun = tokio::time::Instant::now();
    log.readers().await;
    assert!(begun.elapsed() >= patience, "it waits for who sleeps");
    assert_eq!(sleeps.next().await.expect_err("left behind").kind(), Kind::Quota);
    while log.is_ahead() {
        next(&mut reads).await;
    }
    log.push(Stream::Stdout, &much);
    drop(reads);
    assert!(!log.is_ahead(), "who is gone holds nobody up");
}

#[tokio::test]
async fn late_readers_begin_with_a_line() {
    let log = Log::new(&Budget::of(1 << 20), 1 << 20);
    log.push(Stream::Stdout, b"first line\nsecond line\nthird");
    assert_eq!(
        &next(&mut log.follow_last(1_000)).await.data[..],
        b"first line\nsecond line\nthird"
    );
    assert_eq!(&next(&mut log.follow_last(15)).await.data[..], b"third");
    assert_eq!(&next(&mut log.follow_last(3)).await.data[..], b"ird");
}
