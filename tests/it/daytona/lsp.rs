//! Language servers, by the SDKs: real ones, put into a sandbox as its user would install them, and
//! false ones that do what none should.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use infield_tests::Server;

use super::{Besides, LIMIT, python_with, typescript_with};
use crate::programs::{clean, succeed, tool};

/// Where the user of a sandbox has what they installed.
const INSTALL: &str = r#"
site="$(python3 -m site --user-site)"; mkdir -p "$site" ~/.local/bin ~/.local/lib/node_modules
tar -xf /tmp/pylsp.tar -C "$site"; tar -xf /tmp/tsls.tar -C ~/.local/lib/node_modules
printf '#!/usr/bin/python3\nfrom pylsp.__main__ import main\nmain()\n' > ~/.local/bin/pylsp
ln -s ../lib/node_modules/typescript-language-server/lib/cli.mjs \
    ~/.local/bin/typescript-language-server
chmod +x ~/.local/bin/* ~/.local/lib/node_modules/typescript-language-server/lib/cli.mjs
"#;
/// What came with the packages and has nothing to do with language servers.
const LEFT_OUT: &[&str] = &[
    "pip",
    "setuptools",
    "pkg_resources",
    "black",
    "blib2to3",
    "*__mypyc*",
    "jedi/third_party/django-stubs",
    "typescript/lib/_tsc.js",
];
/// Sees the sandbox that another key made.
const SEES_ALL: Besides<'_> = Besides { key: &["--sees-all"], variables: &[] };

#[test]
fn language_servers_know_symbols_and_completions() -> Result<()> {
    let server = Server::start(&[])?;
    server.home.run(&["create", "--name", "code", "--user", "daytona"])?;
    let packages = packed_pylsp(&server)?;
    server.home.run(&["cp", &packages.to_string_lossy(), "code:/tmp/pylsp.tar"])?;
    let modules = server.home.path().join("tsls.tar");
    let names = ["typescript", "typescript-language-server"];
    pack(&modules, &tool("node_modules")?, &names)?;
    server.home.run(&["cp", &modules.to_string_lossy(), "code:/tmp/tsls.tar"])?;
    server.home.run(&["exec", "code", "sh", "-c", INSTALL])?;
    python_with(&server, ("lsp.py", "knowledge knowledge_async"), SEES_ALL)?;
    typescript_with(&server, "lsp.mjs", SEES_ALL)
}

#[test]
fn a_language_server_that_is_missing_or_hostile_costs_an_error() -> Result<()> {
    let server = Server::start(&[])?;
    python_with(&server, ("lsp.py", "hostile"), Besides::default())
}

/// The packages of a language server for Python, as an archive.
pub(super) fn packed_pylsp(server: &Server) -> Result<PathBuf> {
    let folder = tool("venv-lsp/lib")?;
    let version = std::fs::read_dir(&folder)?.next().context("the environment is empty")??;
    let packages = server.home.path().join("pylsp.tar");
    pack(&packages, &version.path().join("site-packages"), &["."])?;
    Ok(packages)
}

fn pack(archive: &Path, folder: &Path, names: &[&str]) -> Result<()> {
    let mut tar = clean(PathBuf::from("tar"))?;
    tar.arg("-cf").arg(archive).arg("-C").arg(folder);
    tar.args(LEFT_OUT.iter().map(|name| format!("--exclude={name}"))).args(names);
    succeed(tar, LIMIT).map(drop)
}
