use futures_util::TryStreamExt;

use super::*;

/// Sends `sizes` bytes through both bridges and expects them unchanged.
async fn check(sizes: &'static [usize]) {
    let expected: Vec<u8> = sizes.iter().flat_map(|size| vec![*size as u8; *size]).collect();
    let written = written_by(move |out| {
        for size in sizes {
            out.write_all(&vec![*size as u8; *size]).expect("the other side reads");
        }
        Ok(())
    });
    let found = read_by(written, |input| {
        let mut found = Vec::new();
        input.read_to_end(&mut found).expect("the other side writes");
        Ok(found)
    });
    assert!(found.await.expect("both sides are well") == expected);
}

#[tokio::test]
async fn bytes_pass_unchanged() {
    check(&[]).await;
    check(&[1, 512, 0, 3]).await;
    check(&[PIECE_BYTES - 1, 2, PIECE_BYTES * 3, 7]).await;
}

#[tokio::test]
async fn the_failure_of_the_writer_ends_the_stream() {
    let written = written_by(|out| {
        out.write_all(b"half").expect("the other side reads");
        Err(Error::not_found("gone"))
    });
    let failed = read_by(written, |input| {
        let mut found = Vec::new();
        input.read_to_end(&mut found).map_err(|_| Error::internal("cut"))
    });
    assert_eq!(failed.await.expect_err("it failed").message(), "gone");
}

#[tokio::test]
async fn a_reader_that_stops_early_holds_nobody() {
    let written = written_by(|out| {
        loop {
            if out.write_all(&[0; 4096]).is_err() {
                return Ok(());
            }
        }
    });
    let read = read_by(written, |input| {
        let mut first = [1; 10];
        input.read_exact(&mut first).expect("there are bytes");
        Ok(first)
    });
    assert_eq!(read.await.expect("it read enough"), [0; 10]);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_ends_its_thread() {
    let (told, tells) = tokio::sync::oneshot::channel();
    let written = written_by(move |out| {
        while out.write_all(&[0; 4096]).is_ok() {}
        told.send(()).expect("the test waits");
        Ok(())
    });
    let (first, rest) = written.into_future().await;
    let first = first.expect("there are bytes");
    assert!(first.is_ok());
    drop(rest);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), tells).await;
    ended.expect("the thread ends").expect("the thread said so");
}

#[tokio::test]
async fn streams_are_streams() {
    let written = written_by(|out| out.write_all(b"x").map_err(|_| Error::internal("no room")));
    let pieces: Vec<Bytes> = written.try_collect().await.expect("it is well");
    assert_eq!(pieces, [Bytes::from_static(b"x")]);
}
