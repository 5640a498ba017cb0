use super::*;
use crate::testing::{SOON, fixture};

fn code(context: Option<&str>) -> RunInContext {
    RunInContext {
        context: context.map(str::to_owned),
        code: "1".to_owned(),
        environment: BTreeMap::new(),
        time_limit: None,
    }
}

#[tokio::test]
async fn contexts_are_made_within_bounds() {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    // A driver that says nothing.
    let guest = f.provider.inside(&sandbox.id).expect("it is there");
    guest.set_script(|_| vec![infield_testkit::Step::Hang]);
    let make = || f.engine.create_context(&f.who, "web", (None, Language::Python));
    let other = f.engine.create_context(&f.who, "web", (None, Language::Go)).await;
    assert_eq!(other.expect_err("no Go").kind(), Kind::Invalid);
    let mut made = Vec::new();
    for _ in 0..MOST_CONTEXTS {
        made.push(make().await.expect("made"));
    }
    assert_eq!(make().await.expect_err("too many").kind(), Kind::Quota);
    assert_eq!(f.engine.list_contexts(&f.who, "web").expect("listed").len(), MOST_CONTEXTS);
    f.engine.delete_context(&f.who, "web", &made[0].id).await.expect("gone");
    let run = f.engine.run_in_context(&f.who, "web", code(Some(&made[0].id))).await;
    assert_eq!(run.err().expect("it is gone").kind(), Kind::NotFound);
    let mut waits = Vec::new();
    let full = loop {
        match f.engine.run_in_context(&f.who, "web", code(None)).await {
            Ok(running) => waits.push(running),
            Err(error) => break error,
        }
    };
    // One of them may run already.
    assert_eq!(full.kind(), Kind::Quota);
    assert!((MOST_WAITING..=MOST_WAITING + 1).contains(&waits.len()), "{}", waits.len());
    let default = f.engine.delete_context(&f.who, "web", DEFAULT).await;
    assert_eq!(default.expect_err("it stays").kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_context_that_ends_says_so() {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    let guest = f.provider.inside(&sandbox.id).expect("it is there");
    guest.set_script(|_| vec![infield_testkit::Step::Hang]);
    let mut running = f.engine.run_in_context(&f.who, "web", code(None)).await.expect("begun");
    assert!(f.engine.list_contexts(&f.who, "web").expect("listed").is_empty(), "it is hidden");
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let last = tokio::time::timeout(SOON, async {
        let mut last = None;
        while let Some(news) = running.next().await {
            last = Some(news);
        }
        last
    });
    let last = last.await.expect("it ends");
    assert!(matches!(last, None | Some(News::Gone(_))), "{last:?}");
}
