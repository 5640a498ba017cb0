use infield_domain::Kind;

use super::*;
use crate::SandboxChange;
use crate::testing::{Fixture, fixture};

fn find(sort: Sort, order: Order) -> FindSandboxes {
    let list =
        ListSandboxes { states: Vec::new(), labels: BTreeMap::new(), limit: 2, cursor: None };
    FindSandboxes { sort, order, ..FindSandboxes::newest_first(list) }
}

async fn three() -> Fixture {
    let f = fixture().await;
    for name in ["beta", "alpha", "gamma"] {
        f.create(name).await;
    }
    f
}

async fn names(f: &Fixture, mut find: FindSandboxes) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = f.engine.find_sandboxes(&f.who, find.clone()).await.expect("listed");
        assert!(page.items.len() <= 2);
        names.extend(page.items.iter().map(|sandbox| sandbox.spec.name.to_string()));
        let Some(cursor) = page.next_cursor else { return names };
        find.list.cursor = Some(cursor);
    }
}

#[tokio::test]
async fn pages_go_on_in_any_order() {
    let f = three().await;
    let sorted = |sort, order| names(&f, find(sort, order));
    assert_eq!(sorted(Sort::Name, Order::Ascending).await, ["alpha", "beta", "gamma"]);
    assert_eq!(sorted(Sort::Name, Order::Descending).await, ["gamma", "beta", "alpha"]);
    for sort in [Sort::CreatedAt, Sort::ChangedAt, Sort::ActiveAt, Sort::Cpu, Sort::Memory] {
        let mut up = sorted(sort, Order::Ascending).await;
        up.reverse();
        assert_eq!(up, sorted(sort, Order::Descending).await, "{sort:?}");
        assert_eq!(up.len(), 3);
    }
    let cursor = Some("alpha.sbx-0000000000000000".to_owned());
    let mut wrong = find(Sort::Cpu, Order::Ascending);
    wrong.list.cursor = cursor;
    let error = f.engine.find_sandboxes(&f.who, wrong).await.expect_err("of another list");
    assert_eq!(error.kind(), Kind::Invalid);
}

#[tokio::test]
async fn pages_are_numbered_and_counted() {
    let f = three().await;
    let page = async |number| {
        let find = find(Sort::Name, Order::Ascending);
        let page = f.engine.page_sandboxes(&f.who, find, number).await.expect("listed");
        (page.items.len(), page.total)
    };
    assert_eq!(page(1).await, (2, 3));
    assert_eq!(page(2).await, (1, 3));
    assert_eq!(page(3).await, (0, 3));
    assert_eq!(page(usize::MAX).await, (0, 3));
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let f = three().await;
    let open = SandboxChange::Previews(Access::Public);
    let beta = f.engine.change_sandbox(&f.who, "beta", open).await.expect("changed");
    let filtered =
        |filter: Filter| names(&f, FindSandboxes { filter, ..find(Sort::Name, Order::Ascending) });
    let of = |most| Span { least: None, most: Some(most) };
    let begins = |text: &str| Some(Text::Beginning(text.to_owned()));
    let checks: [(Filter, &[&str]); 9] = [
        (Filter { name: begins("AL"), ..Filter::default() }, &["alpha"]),
        (Filter { name: begins("amma"), ..Filter::default() }, &[]),
        (Filter { name: Some(Text::Part("AMM".to_owned())), ..Filter::default() }, &["gamma"]),
        (Filter { id: begins(beta.id.as_str()), ..Filter::default() }, &["beta"]),
        (Filter { previews: Some(Access::Public), ..Filter::default() }, &["beta"]),
        (Filter { images: vec!["other".to_owned()], ..Filter::default() }, &[]),
        (Filter { cpu_millis: of(1_000), ..Filter::default() }, &[]),
        (Filter { expires_at: of(u64::MAX), ..Filter::default() }, &[]),
        (Filter { created_at: of(u64::MAX), ..Filter::default() }, &["alpha", "beta", "gamma"]),
    ];
    for (filter, expected) in checks {
        assert_eq!(filtered(filter.clone()).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn what_runs_is_allotted_to_its_owner_alone() {
    let f = three().await;
    f.engine.stop_sandbox(&f.who, "beta").await.expect("stops");
    let all = f.engine.allotted(&f.who).await.expect("counted");
    assert_eq!(all.cpu_millis, 4_000);
    assert_eq!(all.disk_bytes, 3 * (3 << 30));
    let stranger = Principal::operator("mallory");
    let others = f.engine.allotted(&stranger).await.expect("counted");
    assert_eq!(others, Allotted { images: all.images, ..Allotted::default() });
}
