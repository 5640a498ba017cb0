use super::*;

fn check(arguments: &[&str], expected: Result<Settings, &str>) {
    let parsed = Settings::parse(arguments.iter().map(|&argument| argument.to_owned()));
    assert_eq!(parsed.map_err(|failure| failure.0.message), expected.map_err(str::to_owned));
}

fn settings(attach: usize) -> Settings {
    Settings {
        attach,
        open_files: None,
        oom_fd: None,
        workspace: "/workspace".to_owned(),
        without: Vec::new(),
    }
}

#[test]
fn every_setting_is_read() {
    check(&[], Ok(settings(0)));
    check(&["2"], Ok(settings(2)));
    check(
        &["3", "open_files=4096", "oom_fd=8", "workspace=/w"],
        Ok(Settings {
            open_files: Some(4096),
            oom_fd: Some(8),
            workspace: "/w".to_owned(),
            ..settings(3)
        }),
    );
}

#[test]
fn what_is_unknown_is_refused() {
    check(&["x"], Err("`x` is not a number"));
    check(&["0", "loud=yes"], Err("unknown setting `loud=yes`"));
    check(&["0", "workspace=here"], Err("unknown setting `workspace=here`"));
    #[cfg(not(feature = "weaken"))]
    check(&["0", "without=dumpable"], Err("unknown setting `without=dumpable`"));
}
