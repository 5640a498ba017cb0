//! Whether data is code or a command, and in which language.

use super::vocabulary::{self, PROGRAMS, SUBCOMMANDS};

/// What only occurs in one language, the surest first.
const SIGNS: &[(&str, &[&str])] = &[
    ("typescript", &[": number", ": string", ": boolean", "interface ", "as const"]),
    (
        "javascript",
        &[
            "console.",
            "=> ",
            "=>{",
            "const ",
            "let ",
            "require(",
            "===",
            "function ",
            "process.",
            "document.",
            "JSON.",
            "Math.",
            "new Date",
            "typeof ",
            "async () ",
        ],
    ),
    ("go", &["package main", "fmt.Print", "func main"]),
    ("rust", &["fn main", "println!"]),
    ("java", &["public class", "System.out.", "public static void"]),
    ("c", &["#include"]),
    ("php", &["<?php", "echo $"]),
    ("ruby", &["puts ", ".each do"]),
    ("python", &["print(", "import ", "def ", "from ", "lambda ", "range(", "len(", "sum(", "__"]),
];

/// The language that code is in by its looks.
pub(super) fn language_of(code: &str) -> Option<&'static str> {
    let has = |signs: &[&str]| signs.iter().any(|sign| code.contains(sign));
    SIGNS.iter().find(|(_, signs)| has(signs)).map(|(language, _)| *language)
}

/// The language that a fence names.
pub(super) fn fence_language(fence: &str) -> Option<&'static str> {
    vocabulary::language(&fence.to_lowercase())
}

/// Whether this is a program rather than a command for the shell.
pub(super) fn looks_like_code(text: &str) -> bool {
    let text = text.trim();
    let first = text.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    if is_program(first) && !text.starts_with(&format!("{first}(")) {
        return false;
    }
    let keywords = [
        "import ",
        "def ",
        "const ",
        "let ",
        "var ",
        "function ",
        "for ",
        "from ",
        "class ",
        "return ",
        "#include",
        "package ",
        "fn ",
        "use ",
        "puts ",
        "console.",
        "while ",
        "if ",
    ];
    let calls = text.find('(').is_some_and(|open| {
        let head = &text[..open];
        let name: String =
            head.chars().rev().take_while(|c| c.is_alphanumeric() || "_.".contains(*c)).collect();
        !name.is_empty() && text[open..].contains(')') && !head.trim_end().ends_with('$')
    });
    let sums = text.chars().any(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || " +-*/().%<>=".contains(c));
    let sets = text.split_once('=').is_some_and(|(name, value)| {
        let name = name.trim_end();
        name.chars().all(|c| c.is_alphanumeric() || c == '_') && value.starts_with(' ')
    });
    keywords.iter().any(|word| text.starts_with(word)) || calls || sums || sets
}

/// Whether a command may begin with this word.
pub(super) fn is_program(word: &str) -> bool {
    PROGRAMS.contains(&word)
        || SUBCOMMANDS.iter().any(|(program, _)| *program == word)
        || word.starts_with("./")
}
