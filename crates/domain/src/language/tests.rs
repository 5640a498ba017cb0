use super::*;

const ALL: [Language; 6] = [
    Language::Python,
    Language::JavaScript,
    Language::TypeScript,
    Language::Bash,
    Language::C,
    Language::Go,
];

#[test]
fn the_table_has_one_line_for_every_language() {
    assert_eq!(RUNNERS.len(), ALL.len());
    for language in ALL {
        let runner = language.runner();
        assert_eq!(runner.language, language);
        for word in runner.words {
            assert_eq!(word.parse::<Language>().expect("a word of the table"), language);
        }
        let lines = runner.from_stdin.into_iter().chain([runner.from_file]);
        for line in lines {
            assert!(line.contains(&"{program}"), "{language:?} runs its program");
        }
    }
}

#[test]
fn an_unknown_language_is_told_the_known_ones() {
    let error = "cobol".parse::<Language>().expect_err("unknown");
    assert_eq!(error.message(), "there is no language `cobol`");
    assert_eq!(error.hint(), Some("choose one of python, javascript, typescript, bash, c, go"));
}
