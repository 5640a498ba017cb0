use super::*;
use crate::testing::{Fixture, SOON, fixture};

fn open(id: &str) -> OpenTerminal {
    OpenTerminal {
        id: id.to_owned(),
        size: None,
        working_directory: None,
        environment: BTreeMap::from([("SHAPE".to_owned(), "round".to_owned())]),
        starts: Starts::Now,
    }
}

/// A sandbox whose shells run until they are ended.
async fn with_shell() -> Fixture {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    let guest = f.provider.inside(&sandbox.id).expect("it runs");
    guest.set_script(|_| vec![infield_testkit::Step::Hang]);
    f
}

async fn refused(f: &Fixture, open: OpenTerminal) -> Kind {
    f.engine.open_terminal(&f.who, "web", open).await.expect_err("refused").kind()
}

#[tokio::test]
async fn a_terminal_is_opened_once_within_bounds() {
    let f = with_shell().await;
    f.engine.open_terminal(&f.who, "web", open("one")).await.expect("opened");
    assert_eq!(refused(&f, open("one")).await, Kind::Conflict);
    assert_eq!(refused(&f, open("")).await, Kind::Invalid);
    let size = Some(TerminalSize { columns: 0, rows: 24 });
    assert_eq!(refused(&f, OpenTerminal { size, ..open("flat") }).await, Kind::Invalid);
    let one = f.engine.get_terminal(&f.who, "web", "one").expect("there");
    assert_eq!((one.size, one.is_active), (STANDARD, true));
    assert_eq!(one.environment["SHAPE"], MASK, "values are not told");
    for number in 1..MOST_TERMINALS {
        f.engine.open_terminal(&f.who, "web", open(&format!("t{number}"))).await.expect("opened");
    }
    assert_eq!(refused(&f, open("more")).await, Kind::Quota);
    f.engine.close_terminal(&f.who, "web", "one").await.expect("closed");
    let gone = f.engine.get_terminal(&f.who, "web", "one").expect_err("gone");
    assert_eq!(gone.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_terminal_ends_with_its_sandbox_and_says_so() {
    let f = with_shell().await;
    f.engine.open_terminal(&f.who, "web", open("one")).await.expect("opened");
    let mut viewer = f.engine.view_terminal(&f.who, "web", "one").expect("seen");
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let end = async {
        loop {
            if let Seen::Ended(end) = viewer.next().await.expect("not slow") {
                return end;
            }
        }
    };
    let end = tokio::time::timeout(SOON, end).await.expect("it ends");
    assert!(end.reason.is_some(), "{end:?}");
    assert_eq!(f.engine.list_terminals(&f.who, "web").expect("listed"), []);
}

#[tokio::test]
async fn a_lazy_shell_starts_with_its_first_viewer_and_viewers_are_bounded() {
    let f = with_shell().await;
    let lazy = OpenTerminal { starts: Starts::WithFirstViewer, ..open("lazy") };
    f.engine.open_terminal(&f.who, "web", lazy).await.expect("opened");
    assert!(!f.engine.get_terminal(&f.who, "web", "lazy").expect("there").is_active);
    let look = || f.engine.view_terminal(&f.who, "web", "lazy");
    let mut viewers: Vec<_> = (0..MOST_VIEWERS).map(|_| look().expect("seen")).collect();
    assert_eq!(look().err().expect("too many").kind(), Kind::Quota);
    viewers.pop();
    viewers.push(look().expect("there is room again"));
    assert!(f.engine.get_terminal(&f.who, "web", "lazy").expect("there").is_active);
}
