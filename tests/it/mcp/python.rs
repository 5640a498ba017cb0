//! The official Python client, versions 1.x and 2.x. What happens is in `scenarios.py`.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use infield_tests::{Home, Server, binary};

use crate::programs::{clean, succeed, tool};

/// The clients: the environment that has it, and the era that it speaks.
const CLIENTS: [(&str, &str); 3] =
    [("venv-mcp1", "legacy"), ("venv-mcp2", "legacy"), ("venv-mcp2", "modern")];

/// How a client reaches infield.
enum Way {
    Stdio(String),
    Http(String, String),
}

impl Way {
    fn stdio(home: &Home) -> Self {
        Self::Stdio(home.path().display().to_string())
    }

    fn http(server: &Server) -> Result<Self> {
        Ok(Self::Http(server.url("/mcp"), server.key("python")?))
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Stdio(home) => {
                let binary = binary().display().to_string();
                ["stdio", &binary, "--home", home, "mcp"].map(str::to_owned).into()
            }
            Self::Http(url, key) => vec!["http".to_owned(), url.clone(), key.clone()],
        }
    }
}

fn check(way: &Way, (environment, mode): (&str, &str), scenario: &str, limit: u64) -> Result<()> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/mcp/client.py");
    let mut command = clean(tool(&format!("{environment}/bin/python"))?)?;
    command.arg("-B").arg(driver).args([scenario, mode]).args(way.words());
    succeed(command, Duration::from_secs(limit)).map(drop)
}

fn check_all(way: &Way, scenarios: &[&str]) -> Result<()> {
    for client in CLIENTS {
        for scenario in scenarios {
            check(way, client, scenario, 120)?;
        }
    }
    Ok(())
}

#[test]
fn every_client_works_over_stdio() -> Result<()> {
    let home = Home::new()?;
    check_all(&Way::stdio(&home), &["surface", "work", "together", "restarted"])
}

#[test]
fn every_client_works_over_http() -> Result<()> {
    let server = Server::start(&[])?;
    check_all(&Way::http(&server)?, &["surface", "work", "together"])
}

#[test]
fn a_cancelled_call_leaves_no_process() -> Result<()> {
    let server = Server::start(&[])?;
    check_all(&Way::stdio(&server.home), &["cancel"])?;
    check_all(&Way::http(&server)?, &["cancel"])
}

#[test]
fn figures_come_as_images() -> Result<()> {
    let home = Home::new()?;
    let way = Way::stdio(&home);
    check(&way, ("venv-mcp1", "legacy"), "figures", 120)?;
    check(&way, ("venv-mcp2", "modern"), "figures", 120)
}

#[test]
fn ten_megabytes_of_output_are_all_read() -> Result<()> {
    let server = Server::start(&[])?;
    check(&Way::stdio(&server.home), ("venv-mcp1", "legacy"), "flood", 300)?;
    check(&Way::http(&server)?, ("venv-mcp2", "modern"), "flood", 300)
}

/// With the real numbers: it sleeps nearly all of the time.
#[test]
fn a_command_outlasts_the_clients_patience() -> Result<()> {
    let server = Server::start(&[])?;
    let (stdio, http) = (Way::stdio(&server.home), Way::http(&server)?);
    thread::scope(|scope| {
        let old = scope.spawn(|| check(&stdio, ("venv-mcp1", "legacy"), "long", 240));
        let new = scope.spawn(|| check(&http, ("venv-mcp2", "modern"), "long", 240));
        let results = [old.join(), new.join()];
        for result in results {
            result.expect("a check does not panic")?;
        }
        Ok(())
    })
}
