use super::*;

#[test]
fn a_status_is_read() {
    let text = "# branch.oid 1\x00# branch.head main\x00# branch.upstream origin/main\x00\
        # branch.ab +2 -1\x001 M. N... 1 1 1 a a with space\x001 .D N... 1 1 1 a a gone\x00\
        2 R. N... 1 1 1 a a R100 new\x00old\x00u UU N... 1 1 1 1 a a a both\x00? left\x00";
    let status = status(text);
    assert_eq!((status.branch.as_str(), status.detached), ("main", false));
    assert_eq!(
        (status.upstream.as_deref(), status.ahead, status.behind),
        (Some("origin/main"), Some(2), Some(1))
    );
    let seen: Vec<_> = status
        .changes
        .iter()
        .map(|c| (c.name.as_str(), c.former.as_deref(), c.staging, c.worktree))
        .collect();
    use State::{Deleted, Modified, Renamed, Unmerged, Unmodified, Untracked};
    assert_eq!(
        seen,
        [
            ("with space", None, Modified, Unmodified),
            ("gone", None, Unmodified, Deleted),
            ("new", Some("old"), Renamed, Unmodified),
            ("both", None, Unmerged, Unmerged),
            ("left", None, Untracked, Untracked),
        ]
    );
}

#[test]
fn nonsense_is_read_to_its_end() {
    for text in ["", "\0\0", "1", "2 \0", "# branch.ab\0# branch.ab é\0# branch.ab + +", "?"] {
        drop((status(text), branches(text), history(text), remotes(text)));
    }
}

#[test]
fn histories_branches_and_remotes_are_read() {
    let commits = history("h1\x1fAnn\x1fa@b\x1f2026-01-01T00:00:00Z\x1ftwo\n\nlines\n\0");
    assert_eq!(commits[0].message, "two\n\nlines");
    let all = branches("*main\n other\n");
    assert_eq!(
        (all.names, all.current),
        (vec!["main".to_owned(), "other".to_owned()], Some("main".to_owned()))
    );
    let all = remotes("origin\thttp://a/b (fetch)\norigin\thttp://a/b (push)\n");
    assert_eq!(all, [RemoteAddress { name: "origin".to_owned(), url: "http://a/b".to_owned() }]);
}

#[test]
fn nothing_of_a_caller_is_an_option() {
    for step in [
        Step::Local(Local::CreateBranch("--force".to_owned())),
        Step::Local(Local::Checkout("-b".to_owned())),
        Step::Exchange(Exchange::Push {
            remote: Some("--mirror".to_owned()),
            branch: None,
            upstream: false,
        }),
        Step::Setting(Setting::GetConfig(Scope::Global, "--list".to_owned())),
    ] {
        assert!(step.parts(None).is_err(), "{step:?}");
    }
}

#[test]
fn a_credential_is_in_no_argument() {
    let request = RepositoryRequest {
        path: "repo".parse().ok(),
        step: Step::Exchange(Exchange::Pull { remote: None, branch: None }),
        credential: Some(Credential {
            username: "ann".to_owned(),
            password: "pass-word".to_owned(),
        }),
    };
    let asked = question(&request, vec!["pull".to_owned()], None);
    assert!(asked.argv.iter().all(|part| !part.contains("pass-word")), "{:?}", asked.argv);
    assert_eq!(asked.environment["INFIELD_GIT_PASSWORD"], "pass-word");
}

#[test]
fn refusals_are_told_apart() {
    let check = |stderr: &str, expected| {
        let said = Said { exit_code: 1, stderr: stderr.into(), stdout: Vec::new() };
        assert_eq!(refusal(&said).reason, expected, "{stderr}");
    };
    check("fatal: Authentication failed for 'http://x/'", Reason::Authentication);
    check("fatal: not a git repository", Reason::NoRepository);
    check("fatal: a branch named 'x' already exists", Reason::BranchExists);
    check("error: branch 'x' not found", Reason::NoBranch);
    check("! [rejected] main -> main (fetch first)", Reason::PushRejected);
    check("fatal: unable to access 'http://x/': Failed to connect", Reason::Transport);
    check("fatal: repository '/srv/none.git' does not exist", Reason::NoRepository);
    check("fatal: invalid reference: nowhere", Reason::NoBranch);
    check("fatal: pathspec 'none' did not match any files", Reason::Other);
    check("fatal: something new", Reason::Other);
}
