//! Both sides over a pipe in memory, with real folders.

use std::fs;
use std::path::PathBuf;

use futures_util::TryStreamExt;
use infield_domain::Kind;
use infield_mcp::Folders;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;

struct Pair {
    outer: TempDir,
    seat: Seat,
    fronts: Fronts,
    allowed: Allowed,
}

impl Pair {
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).expect("writable");
        fs::write(inner.join("file"), "content").expect("writable");
        fs::write(outer.path().join("secret"), "secret").expect("writable");
        std::os::unix::fs::symlink("../secret", inner.join("link")).expect("writable");
        let fronts = Fronts::default();
        let allowed = Allowed::open(&[inner]).expect("it is there");
        let seat = fronts.seat("word", allowed.names()).expect("the word is new");
        Self { outer, seat, fronts, allowed }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.outer.path().join(below)
    }

    fn text(&self, below: &str) -> String {
        self.path(below).to_str().expect("temporary names are text").to_owned()
    }

    /// Gives the daemon one connection, which the front serves.
    async fn connect(&self) -> JoinHandle<Result<()>> {
        let (near, far) = tokio::io::duplex(4096);
        self.fronts.connect("word", Box::new(near)).await.expect("there is room");
        tokio::spawn(self.allowed.clone().serve_one(far))
    }

    fn folders(&self) -> std::sync::Arc<dyn Folders> {
        self.seat.folders()
    }
}

#[tokio::test]
async fn a_tree_goes_out_and_comes_back() {
    let pair = Pair::new();
    let serving = pair.connect().await;
    let archive = pair.folders().pack(&pair.text("inner/file"), "new").await.expect("allowed");
    let pieces: Vec<Bytes> = archive.try_collect().await.expect("it is readable");
    serving.await.expect("no panic").expect("it was served");
    assert!(pieces.concat().windows(7).any(|window| window == b"content"));

    let serving = pair.connect().await;
    let again = Box::pin(futures_util::stream::iter(pieces.into_iter().map(Ok)));
    let entries = pair.folders().land(&pair.text("inner/copy"), again).await;
    assert_eq!(entries.expect("allowed"), 1);
    serving.await.expect("no panic").expect("it was served");
    assert_eq!(fs::read_to_string(pair.path("inner/copy")).ok().as_deref(), Some("content"));
}

#[tokio::test]
async fn nothing_outside_of_the_folders_is_read_or_written() {
    let pair = Pair::new();
    for path in ["secret", "inner/../secret", "inner", "inner/missing/x"] {
        let serving = pair.connect().await;
        let empty = Box::pin(futures_util::stream::empty());
        let outcome = match path {
            "secret" | "inner/../secret" => {
                let packed =
                    pair.folders().pack(&pair.text(path), "x").await.expect("it was asked");
                packed.try_collect::<Vec<Bytes>>().await.map(drop)
            }
            _ => pair.folders().land(&pair.text(path), empty).await.map(drop),
        };
        let error = outcome.expect_err(path);
        assert!(matches!(error.kind(), Kind::Denied | Kind::NotFound | Kind::Invalid), "{error:?}");
        serving.await.expect("no panic").expect("it was answered");
    }
    let serving = pair.connect().await;
    let packed = pair.folders().pack(&pair.text("inner/link"), "x").await.expect("it was asked");
    let pieces: Vec<Bytes> = packed.try_collect().await.expect("a link is packed as a link");
    assert!(!pieces.concat().windows(6).any(|window| window == b"secret\n"));
    serving.await.expect("no panic").expect("it was served");
}

#[tokio::test]
async fn a_front_that_goes_is_told_of() {
    let pair = Pair::new();
    let (near, far) = tokio::io::duplex(64);
    pair.fronts.connect("word", Box::new(near)).await.expect("there is room");
    drop(far);
    let packed = pair.folders().pack("x", "x").await;
    assert_eq!(packed.err().map(|error| error.kind()), Some(Kind::Unavailable));
    let fronts = pair.fronts.clone();
    drop(pair);
    let (near, _far) = tokio::io::duplex(64);
    let late = fronts.connect("word", Box::new(near)).await.expect_err("the seat is gone");
    assert_eq!(late.kind(), Kind::NotFound);
}
