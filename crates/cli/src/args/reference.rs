//! `docs/cli.md`, made from the commands themselves.

use clap::{Command, CommandFactory};

use super::Cli;

/// Where the reference is, relative to this package.
const FILE: &str = "../../docs/cli.md";

#[test]
fn the_reference_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let expected = reference();
    if std::env::var_os("INFIELD_BLESS").is_some() {
        std::fs::write(&path, &expected).expect("the reference can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/cli.md differs from the commands: run `INFIELD_BLESS=1 cargo test -p infield reference`"
    );
}

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_and_command_says_what_it_is_for() {
    fn check(command: &Command) {
        assert!(command.get_about().is_some(), "`{}` has no description", command.get_name());
        for option in command.get_arguments() {
            assert!(
                option.get_help().is_some(),
                "`{} {}` has no description",
                command.get_name(),
                option.get_id()
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

fn reference() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut out = "# Command line\n\n\
        Made from the commands by a test; `INFIELD_BLESS=1 cargo test -p infield reference` \
        writes it anew.\n"
        .to_owned();
    section(&mut command, "", &mut out);
    out
}

fn section(command: &mut Command, before: &str, out: &mut String) {
    let name = format!("{before}{}", command.get_name());
    let depth = name.matches(' ').count() + 2;
    let help = command.clone().bin_name(name.as_str()).render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    let text = lines.join("\n");
    out.push_str(&format!("\n{} {name}\n\n```text\n{}\n```\n", "#".repeat(depth), text.trim_end()));
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
        section(inner, &format!("{name} "), out);
    }
}
