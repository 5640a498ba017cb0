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

/// How a language runs. The code is in the file `$1`, in a private folder which is also the
/// place for what a compiler makes; the script is data of ours and never holds code of a user.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    /// Which language.
    pub language: Language,
    /// Other words for it; the first is the one that answers use.
    pub words: &'static [&'static str],
    /// The file that holds the code.
    pub file: &'static str,
    /// A program and its arguments; `{file}` stands for the code's path, `{folder}` for its folder.
    pub argv: &'static [&'static str],
    /// The programs of which one must exist inside; the first found is `{program}` in `argv`.
    pub programs: &'static [&'static str],
    /// What to tell a user whose image has none of the programs.
    pub missing: &'static str,
}

/// Every language, one line each.
#[rustfmt::skip]
pub const RUNNERS: &[Runner] = &[
    Runner { language: Language::Python, words: &["python", "python3", "py"], file: "main.py",
        programs: &["python3", "python"], argv: &["{program}", "-u", "{file}"],
        missing: "install `python3` in the image" },
    Runner { language: Language::JavaScript, words: &["javascript", "js", "node", "nodejs"], file: "main.mjs",
        programs: &["node", "nodejs"], argv: &["{program}", "{file}"],
        missing: "install `nodejs` in the image" },
    Runner { language: Language::TypeScript, words: &["typescript", "ts"], file: "main.ts",
        programs: &["tsx", "esbuild", "node"], argv: &["{program}", "{file}"],
        missing: "install `tsx` or `esbuild` from npm, or Node 22.18 or later, in the image" },
    Runner { language: Language::Bash, words: &["bash", "sh", "shell"], file: "main.sh",
        programs: &["bash"], argv: &["{program}", "{file}"],
        missing: "install `bash` in the image" },
    Runner { language: Language::C, words: &["c"], file: "main.c",
        programs: &["gcc", "cc", "clang"], argv: &["{program}", "-O1", "-o", "{folder}/main", "{file}", "-lm"],
        missing: "install `gcc` and `libc6-dev` in the image" },
    Runner { language: Language::Go, words: &["go", "golang"], file: "main.go",
        programs: &["go"], argv: &["{program}", "run", "{file}"],
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
