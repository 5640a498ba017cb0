use super::*;

fn wish(text: &str) -> wire::CreateSandbox {
    serde_json::from_str(text).expect("a wish")
}

#[test]
fn an_empty_wish_gives_what_the_contract_promises() {
    let bare = r#"{"env": {}, "labels": {"code-toolbox-language": "python"}, "volumes": []}"#;
    let create = create_sandbox(wish(bare)).expect("it is valid");
    assert_eq!(create.user.as_deref(), Some("daytona"));
    assert_eq!(create.image, None);
    assert_eq!(create.resources.memory_bytes, GIB);
    assert_eq!(create.resources.cpu_millis, 1_000);
    assert_eq!(create.retention.stop_after_idle_ms, Some(15 * MINUTE_MS));
    assert_eq!(create.retention.delete_after_stop_ms, None);
    assert!(create.retention.persistent);
    assert_eq!(create.network, Choice::of(Policy::Public));
}

#[test]
fn zero_and_negative_intervals_mean_what_the_contract_says() {
    let create = |text: &str| create_sandbox(wish(text)).expect("it is valid").retention;
    assert_eq!(create(r#"{"autoStopInterval": 0}"#).stop_after_idle_ms, None);
    assert_eq!(create(r#"{"autoDeleteInterval": 0}"#).delete_after_stop_ms, Some(0));
    assert_eq!(create(r#"{"autoDeleteInterval": -1}"#).delete_after_stop_ms, None);
    assert_eq!(create(r#"{"ttlMinutes": 2}"#).time_to_live_ms, Some(2 * MINUTE_MS));
}

#[test]
fn a_dockerfile_of_one_line_names_an_image_and_no_other_is_built() {
    let image = |text: &str| {
        let build = wire::BuildWish { dockerfile_content: text.to_owned(), ..Default::default() };
        image(&wire::CreateSandbox { build_info: Some(build), ..Default::default() })
    };
    let name = image("# syntax\nFROM debian:12\n").expect("it names one");
    assert_eq!(name.map(String::from).as_deref(), Some("debian:12"));
    for built in ["FROM a\nRUN true", "RUN true", ""] {
        let error = image(built).expect_err("it is not built");
        assert_eq!(error.kind(), infield_domain::Kind::Unsupported);
    }
}

#[test]
fn networks_are_blocked_narrowed_or_public() {
    let network =
        |text: &str| create_sandbox(wish(text)).map(|create| create.network).expect("it is valid");
    assert_eq!(network(r#"{"networkBlockAll": true}"#), Choice::of(Policy::None));
    let narrow = network(r#"{"domainAllowList": "pypi.org, *.example.com"}"#);
    let same = Choice::parse(Some("none"), &["pypi.org".into(), "*.example.com".into()], &[]);
    assert_eq!(Some(narrow), same.ok());
}

#[test]
fn volumes_go_to_plain_places() {
    let check = |path: &str, subpath: &str, expected: Option<(&str, Option<&str>)>| {
        let text = format!(
            r#"{{"volumes": [{{"volumeId": "v", "mountPath": "{path}", "subpath": {subpath}}}]}}"#
        );
        let made = create_sandbox(wish(&text));
        let found = made.as_ref().ok().map(|create| {
            let wanted = &create.volumes[0];
            (wanted.path.as_str(), wanted.subpath.as_ref().map(|subpath| subpath.as_str()))
        });
        assert_eq!(found, expected, "{text}");
    };
    check("/home/daytona/data", "null", Some(("/home/daytona/data", None)));
    check("/data", r#""""#, Some(("/data", None)));
    check("/data", r#""users/a""#, Some(("/data", Some("users/a"))));
    for (path, subpath) in [("/proc", "null"), ("/", "null"), ("data", "null"), ("/d", r#""../x""#)]
    {
        check(path, subpath, None);
    }
}

#[test]
fn what_cannot_be_done_is_refused_and_not_dropped() {
    let refused = create_sandbox(wish(r#"{"secrets": [{"no variable": "name"}]}"#));
    assert_eq!(refused.expect_err("no variable").kind(), infield_domain::Kind::Invalid);
    let held = create_sandbox(wish(r#"{"secrets": [{"KEY": "far-key"}]}"#)).expect("it is valid");
    assert_eq!(
        (held.secrets[0].secret.as_str(), held.secrets[0].variable.as_str()),
        ("far-key", "KEY")
    );
    let paused = create_sandbox(wish(r#"{"autoPauseInterval": 5}"#)).expect("it is valid");
    let Retention { stop_after_idle_ms, pause_after_idle_ms, .. } = paused.retention;
    assert_eq!((stop_after_idle_ms, pause_after_idle_ms), (None, Some(300_000)));
}
