use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::*;

/// Paths with the names of their parts left out, which only readers need.
fn shape(method: &str, path: &str) -> (String, String) {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    (method.to_owned(), path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

fn specified(text: &str) -> BTreeSet<(String, String)> {
    let specification: Value = serde_json::from_str(text).expect("the specification is JSON");
    let paths = specification["paths"].as_object().expect("it has paths");
    let methods = ["get", "post", "put", "delete", "patch"];
    let routes = paths.iter().flat_map(|(path, item)| {
        let known = methods.into_iter().filter(|method| item.get(*method).is_some());
        known.map(|method| shape(&method.to_uppercase(), path))
    });
    routes.collect()
}

/// Each route of the specification is in one of the tables and in no other.
fn is_whole(text: &str, built: &[&[Route]], later: &[(&str, &str)], elsewhere: &[(&str, &str)]) {
    let mut routed = BTreeSet::new();
    let built = built.iter().copied().flatten().map(|route| (route.method, route.path));
    for (method, path) in built.chain(later.iter().copied()).chain(elsewhere.iter().copied()) {
        assert!(routed.insert(shape(method, path)), "{method} {path} is there twice");
    }
    let missing: Vec<_> = specified(text).into_iter().filter(|one| !routed.contains(one)).collect();
    assert_eq!(missing, [], "the specification has them");
    for (method, path) in later {
        assert!(specified(text).contains(&shape(method, path)), "{method} {path} is not specified");
    }
}

#[test]
fn every_specified_route_is_routed() {
    let api = include_str!("../../../../daytona/openapi/api.json");
    is_whole(api, API_ROUTES, later::API, &[("GET", "/health")]);
    let toolbox = include_str!("../../../../daytona/openapi/toolbox.json");
    is_whole(toolbox, TOOLBOX_ROUTES, later::TOOLBOX, &[]);
}

#[test]
fn no_two_routes_are_in_each_others_way() {
    // It panics where the router finds two at one place.
    drop(with_daytona(Router::new()));
}

const PAGE_HEAD: &str = "\
# What of Daytona's API is there

Generated from the tables of routes by `INFIELD_BLESS=1 cargo test -p infield-rest compatibility`; the
test fails when this page is not what the tables say. Every route of both published specifications is
here, and what newer SDKs ask for besides. \"Built\" says that the route does its work, not that every
SDK was seen to use it: `tests/it/daytona` holds what the Python and TypeScript SDKs were run with. A
route that is not built answers 501 with the code `NOT_IMPLEMENTED`.

The SDKs for Go, Ruby and Java and the command line `daytona` are replayed, not run: `tests/it/daytona/replays`
holds requests as those clients write them, from making a sandbox to deleting it, and what is expected
of the answers. Where a client itself was not seen, its table says what is known of its bytes.
";

fn table(title: &str, built: &[&[Route]], later: &[(&str, &str)]) -> String {
    let built = built.iter().copied().flatten().map(|route| (route.path, route.method, "built"));
    let later = later.iter().map(|(method, path)| (*path, *method, "501"));
    let mut rows: Vec<_> = built.chain(later).collect();
    rows.sort_unstable();
    let there = rows.iter().filter(|(_, _, state)| *state == "built").count();
    let mut text = format!("\n## {title}\n\n{there} of {} routes are built.\n\n", rows.len());
    text.push_str("| route | state |\n| --- | --- |\n");
    for (path, method, state) in rows {
        writeln!(text, "| `{method} {path}` | {state} |").expect("a string takes every write");
    }
    text
}

#[test]
fn the_page_of_compatibility_is_what_the_tables_say() {
    let api = table("The control API, below `/api`", API_ROUTES, later::API);
    let title = "The toolbox, below `/toolbox/{sandboxId}`";
    let toolbox = table(title, TOOLBOX_ROUTES, later::TOOLBOX);
    let wanted = [PAGE_HEAD, &api, &toolbox].concat();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    if std::env::var_os("INFIELD_BLESS").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == wanted, "docs/compatibility.md is not what the tables say: bless it");
}
