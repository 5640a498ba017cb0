//! Words that are the same everywhere: programming languages, programs, ends of compounds.

use super::super::distance;
use super::Thing;

/// Programming languages by the word that operations use, with the other words for them.
#[rustfmt::skip]
const LANGUAGES: &[(&str, &[&str])] = &[
    ("python", &["python", "python3", "py", "cpython", "flask", "django", "fastapi"]),
    ("javascript", &["javascript", "js", "node", "nodejs", "node.js", "ecmascript", "express", "react", "vue", "next.js", "vue.js"]),
    ("typescript", &["typescript", "ts"]),
    ("bash", &["bash", "sh", "shell", "zsh", "shellscript"]),
    ("go", &["go", "golang"]),
    ("rust", &["rust", "rs"]),
    ("ruby", &["ruby", "rb", "rails"]),
    ("java", &["java"]),
    ("kotlin", &["kotlin"]),
    ("php", &["php"]),
    ("perl", &["perl"]),
    ("c", &["c"]),
    ("cpp", &["c++", "cpp"]),
    ("csharp", &["c#", "csharp", "dotnet", ".net"]),
    ("elixir", &["elixir"]),
    ("swift", &["swift"]),
    ("scala", &["scala"]),
    ("haskell", &["haskell"]),
    ("julia", &["julia"]),
    ("lua", &["lua"]),
    ("r", &["r"]),
];

/// Programs whose name begins a command and is no word of a language.
#[rustfmt::skip]
pub(in super::super) const PROGRAMS: &[&str] = &[
    "apt", "apt-get", "apk", "dnf", "yum", "brew", "dpkg", "npm", "npx", "pnpm", "yarn", "bun", "deno",
    "tsc", "eslint", "jest", "vitest", "webpack", "vite", "pip", "pip3", "pipx", "uv", "poetry", "conda", "pytest", "ruff",
    "black", "mypy", "tox", "flake8", "jupyter", "uvicorn", "gunicorn", "python3", "cargo", "rustc", "rustup", "rustfmt",
    "gofmt", "golangci-lint", "bundle", "gem", "rake", "rspec", "composer", "phpunit", "mvn", "gradle", "./gradlew", "javac", "dotnet",
    "mix", "gcc", "g++", "clang", "cmake", "ninja", "docker", "docker-compose", "podman", "kubectl", "helm", "terraform",
    "ansible", "psql", "mysql", "sqlite3", "redis-cli", "mongosh", "ls", "ll", "cp", "mv", "rm", "mkdir", "rmdir",
    "chmod", "chown", "ln", "du", "df", "ps", "grep", "rg", "sed", "awk", "xargs", "wc", "uniq", "tar", "zip", "unzip", "gzip",
    "gunzip", "curl", "wget", "ssh", "scp", "rsync", "ping", "netstat", "ss", "ip", "ifconfig", "dig", "uname", "whoami", "hostname",
    "uptime", "pwd", "printenv", "htop", "lsof", "lscpu", "lsblk", "nproc", "systemctl", "journalctl", "sudo",
    "tmux", "vim", "nano", "jq", "id", "echo", "printf", "cat", "tail", "stat", "nvidia-smi", "tree", "fd", "cd",
];

/// Programs whose name is also a word, with what may follow it in a command; a flag, a path and a
/// file always may.
#[rustfmt::skip]
pub(in super::super) const SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("make", &["all", "test", "tests", "check", "clean", "install", "build", "lint", "dist", "docs", "release", "format", "deps"]),
    ("go", &["build", "test", "run", "vet", "mod", "get", "fmt", "version", "generate", "install", "env"]),
    ("python", &["manage.py", "setup.py"]),
    ("node", &[]),
    ("bash", &[]),
    ("sh", &[]),
    ("zsh", &[]),
    ("env", &[]),
    ("export", &[]),
    ("ruby", &[]),
    ("java", &[]),
    ("php", &["artisan"]),
    ("perl", &[]),
    ("free", &[]),
    ("date", &[]),
    ("find", &[]),
    ("touch", &[]),
    ("head", &[]),
    ("sort", &[]),
    ("diff", &[]),
    ("time", &[]),
    ("sleep", &["1", "5", "10"]),
    ("kill", &[]),
    ("top", &[]),
    ("rails", &["db:migrate", "server", "test", "console", "routes"]),
    ("git", &["log", "diff", "show", "stash", "branch", "remote", "fetch", "rebase", "merge", "tag", "reset", "init", "config", "blame", "rev-parse", "add", "restore", "bisect", "cherry-pick"]),
];

/// Ends of words that are put together, and what they make the whole.
pub(super) const ENDS: &[(&str, Thing)] = &[
    ("miljo", Thing::Sandbox),
    ("miljon", Thing::Sandbox),
    ("miljoer", Thing::Sandboxes),
    ("miljoerna", Thing::Sandboxes),
    ("sandlada", Thing::Sandbox),
    ("sandladan", Thing::Sandbox),
    ("sandlador", Thing::Sandboxes),
    ("umgebung", Thing::Sandbox),
    ("umgebungen", Thing::Sandboxes),
    ("container", Thing::Sandbox),
    ("containern", Thing::Sandbox),
    ("sandboxen", Thing::Sandbox),
    ("sandbox", Thing::Sandbox),
    ("environment", Thing::Sandbox),
    ("workspace", Thing::Sandbox),
    ("code", Thing::Code),
    ("kod", Thing::Code),
    ("koden", Thing::Code),
    ("skript", Thing::Code),
    ("script", Thing::Code),
    ("snippet", Thing::Code),
    ("befehl", Thing::Command),
    ("kommando", Thing::Command),
    ("datei", Thing::File),
    ("dateien", Thing::Files),
    ("fil", Thing::File),
    ("filen", Thing::File),
    ("image", Thing::Image),
    ("abbild", Thing::Image),
];

/// First halves of such words that add nothing.
pub(super) const HEADS: &[&str] = &[
    "utvecklings",
    "test",
    "dev",
    "kor",
    "arbets",
    "entwicklungs",
    "arbeits",
    "test",
    "lauf",
    "sandbox",
    "container",
    "docker",
    "shell",
    "text",
    "program",
    "programm",
    "quell",
    "kall",
    "git",
    "projekt",
    "konfigurations",
    "log",
    "logg",
    "config",
];

/// The language that a word names.
pub(in super::super) fn language(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    LANGUAGES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(name, _)| *name)
}

/// The language that a word with slips names.
pub(super) fn near_language(word: &str) -> Option<(usize, &'static str)> {
    let bound = distance::allowed(word.chars().count());
    let names = LANGUAGES.iter().filter(|(name, _)| name.len() >= 4);
    let close = names.filter_map(|(name, _)| Some((distance::within(word, name, bound)?, *name)));
    close.min_by_key(|(distance, _)| *distance)
}
