//! The languages that `execute_code` runs: one table, one line for each.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A language that a sandbox can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// CPython.
    Python,
    /// Node.
    JavaScript,
    /// Node, or esbuild or tsx of the image.
    TypeScript,
    /// GNU bash.
    Bash,
    /// gcc or cc.
    C,
    /// The Go tool.
    Go,
}

/// How a language runs.
///
/// The arguments and scripts are data of ours and never hold code of a user: code arrives on
/// standard input or in a private file. In them `{program}` stands for the program that was
/// found, `{file}` for the file that holds the code, `{folder}` for the private folder around it,
/// which is also the place for what a compiler makes, and `{prelude}` for the engine's own start
/// of Python programs. The caller's arguments follow.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    /// Which language.
    pub language: Language,
    /// Other words for it; the first is the one that answers use.
    pub words: &'static [&'static str],
    /// The programs of which one must exist inside, the best first.
    pub programs: &'static [&'static str],
    /// How it runs with the code on standard input, in one step; the fastest way, where there
    /// is one and the caller has no input of its own.
    pub from_stdin: Option<&'static [&'static str]>,
    /// The name of the file that holds the code.
    pub file: &'static str,
    /// How it runs with the code in a file.
    pub from_file: &'static [&'static str],
    /// What to tell a user whose image has none of the programs.
    pub missing: &'static str,
}

/// Compiles, then becomes the program.
const C_STEPS: &str = r#"program=$1 folder=$2; shift 2
"$program" -O1 -o "$folder/main" "$folder/main.c" -lm -pthread && exec "$folder/main" "$@""#;

/// Node strips types from 22.18 on; before, tsx runs them and esbuild takes them out.
const TYPESCRIPT_STEPS: &str = r#"program=$1 folder=$2; shift 2
NODE_PATH="$PWD/node_modules${NODE_PATH:+:$NODE_PATH}"; export NODE_PATH
case "$program" in
*esbuild) "$program" --log-level=warning --bundle --platform=node --packages=external \
    --format=cjs --loader=ts --sourcefile=main.ts --outfile="$folder/main.cjs" \
    < "$folder/main.ts" && exec node "$folder/main.cjs" "$@" ;;
*) exec "$program" "$folder/main.ts" "$@" ;;
esac"#;

/// Every language, one line each.
#[rustfmt::skip]
pub const RUNNERS: &[Runner] = &[
    Runner { language: Language::Python, words: &["python", "python3", "py"], programs: &["python3", "python"],
        from_stdin: Some(&["{program}", "-u", "-c", "{prelude}"]),
        file: "main.py", from_file: &["{program}", "-u", "-c", "{prelude}"],
        missing: "install `python3` in the image" },
    Runner { language: Language::JavaScript, words: &["javascript", "js", "node", "nodejs"], programs: &["node", "nodejs"],
        from_stdin: Some(&["{program}", "-"]),
        file: "main.js", from_file: &["{program}", "{file}"],
        missing: "install `nodejs` in the image" },
    Runner { language: Language::TypeScript, words: &["typescript", "ts"], programs: &["tsx", "esbuild", "node"],
        from_stdin: None,
        file: "main.ts", from_file: &["sh", "-c", TYPESCRIPT_STEPS, "sh", "{program}", "{folder}"],
        missing: "run `npm install -g tsx` or bring Node 22.18 or later into the image" },
    Runner { language: Language::Bash, words: &["bash", "sh", "shell"], programs: &["bash"],
        from_stdin: Some(&["{program}", "-c", r#"eval "$(</dev/stdin)""#, "main.sh"]),
        file: "main.sh", from_file: &["{program}", "{file}"],
        missing: "install `bash` in the image" },
    Runner { language: Language::C, words: &["c"], programs: &["gcc", "cc", "clang"],
        from_stdin: None,
        file: "main.c", from_file: &["sh", "-c", C_STEPS, "sh", "{program}", "{folder}"],
        missing: "install `gcc` and `libc6-dev` in the image" },
    Runner { language: Language::Go, words: &["go", "golang"], programs: &["go"],
        from_stdin: None,
        file: "main.go", from_file: &["{program}", "run", "{file}"],
        missing: "install `golang` in the image" },
];

impl Language {
    /// How it runs.
    pub fn runner(self) -> &'static Runner {
        RUNNERS
            .iter()
            .find(|runner| runner.language == self)
            .expect("the table has a line for every language, as its test shows")
    }

    /// The word that answers use.
    pub fn as_str(self) -> &'static str {
        self.runner().words[0]
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = text.trim().to_ascii_lowercase();
        let runner = RUNNERS.iter().find(|runner| runner.words.contains(&word.as_str()));
        runner.map(|runner| runner.language).ok_or_else(|| {
            let known: Vec<_> = RUNNERS.iter().map(|runner| runner.words[0]).collect();
            let shown: String = text.chars().filter(|c| !c.is_control()).take(32).collect();
            Error::invalid(format!("there is no language `{shown}`"))
                .with_hint(format!("choose one of {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests;
