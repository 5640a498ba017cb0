//! The language servers that are known by name, and which files are theirs.

use infield_domain::{Error, Result};

/// A language, as callers name it.
#[derive(Debug)]
pub(super) struct Language {
    /// The word for it.
    pub(super) word: &'static str,
    /// What speaks for it; the first that the image has is taken.
    pub(super) servers: &'static [&'static [&'static str]],
    /// How one of them is had.
    pub(super) install: &'static str,
    /// Ends of the names of its files, each with the protocol's word for what is in them.
    pub(super) files: &'static [(&'static str, &'static str)],
}

const TYPESCRIPT_SERVERS: &[&[&str]] = &[&["typescript-language-server", "--stdio"]];
const TYPESCRIPT_INSTALL: &str = "npm install -g typescript@5 typescript-language-server";
#[rustfmt::skip]
const TYPESCRIPT_FILES: &[(&str, &str)] = &[
    ("ts", "typescript"), ("mts", "typescript"), ("cts", "typescript"), ("tsx", "typescriptreact"),
    ("js", "javascript"), ("mjs", "javascript"), ("cjs", "javascript"), ("jsx", "javascriptreact"),
];

#[rustfmt::skip]
const LANGUAGES: &[Language] = &[
    Language {
        word: "python",
        servers: &[
            &["pylsp"],
            &["basedpyright-langserver", "--stdio"],
            &["pyright-langserver", "--stdio"],
            &["jedi-language-server"],
        ],
        install: "pip install python-lsp-server",
        files: &[("py", "python"), ("pyi", "python")],
    },
    Language {
        word: "typescript",
        servers: TYPESCRIPT_SERVERS,
        install: TYPESCRIPT_INSTALL,
        files: TYPESCRIPT_FILES,
    },
    Language {
        word: "javascript",
        servers: TYPESCRIPT_SERVERS,
        install: TYPESCRIPT_INSTALL,
        files: TYPESCRIPT_FILES,
    },
    Language {
        word: "go",
        servers: &[&["gopls"]],
        install: "go install golang.org/x/tools/gopls@latest",
        files: &[("go", "go")],
    },
    Language {
        word: "rust",
        servers: &[&["rust-analyzer"]],
        install: "rustup component add rust-analyzer",
        files: &[("rs", "rust")],
    },
    Language {
        word: "c",
        servers: &[&["clangd"]],
        install: "apt-get install clangd",
        files: &[("c", "c"), ("h", "c")],
    },
    Language {
        word: "cpp",
        servers: &[&["clangd"]],
        install: "apt-get install clangd",
        files: &[("cpp", "cpp"), ("cc", "cpp"), ("cxx", "cpp"), ("hpp", "cpp"), ("h", "cpp")],
    },
];

/// Looked at behind the image's own PATH: where users and projects put programs without rights.
const MORE_PATH: &str = "$HOME/.local/bin:$PWD/node_modules/.bin:$PWD/.venv/bin:$HOME/go/bin";
/// How a shell ends that found none of the servers.
pub(super) const NONE_FOUND: i32 = 127;

impl Language {
    /// The language of this word.
    pub(super) fn named(word: &str) -> Result<&'static Self> {
        LANGUAGES.iter().find(|language| language.word == word).ok_or_else(|| {
            let words: Vec<_> = LANGUAGES.iter().map(|language| language.word).collect();
            Error::invalid("no language server is known for this language")
                .with_hint(format!("`languageId` is one of {}", words.join(", ")))
        })
    }

    /// What becomes the first server that there is.
    pub(super) fn argv(&self) -> Vec<String> {
        let mut script = format!("PATH=\"$PATH:{MORE_PATH}\"\n");
        for server in self.servers {
            let (program, line) = (server.first().copied().unwrap_or_default(), server.join(" "));
            script.push_str(&format!("command -v {program} >/dev/null && exec {line}\n"));
        }
        script.push_str(&format!("exit {NONE_FOUND}\n"));
        vec!["sh".to_owned(), "-c".to_owned(), script]
    }

    /// The protocol's word for what is in a file of this name.
    pub(super) fn content_of(&self, path: &str) -> &'static str {
        self.known_content(path).unwrap_or(self.word)
    }

    /// Whether a file of this name is one of its own.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.known_content(path).is_some()
    }

    /// That the sandbox has no server for it.
    pub(super) fn missing(&self) -> Error {
        Error::unsupported(format!("the sandbox has no language server for `{}`", self.word))
            .with_hint(format!("install one in the sandbox: `{}`", self.install))
    }

    fn known_content(&self, path: &str) -> Option<&'static str> {
        let (_, end) = path.rsplit('/').next()?.rsplit_once('.')?;
        self.files.iter().find(|(known, _)| *known == end).map(|(_, content)| *content)
    }
}
