//! The real clients inside sandboxes: what people install and clone works under a policy that
//! allows it, without a setting but the authority's, and fails under `none` with words that say
//! what to look at.

mod apt;
pub(super) mod cargo;

use anyhow::{Result, ensure};

use super::attempts::Policy;
use super::product::Product;
use super::world::{Authority, World, place};

/// Where the authority's file lies inside.
const FILE: &str = "/tmp/authority.pem";
/// Package registries and git hosts, with what `limited` leaves out.
pub(super) const WIDER: Policy =
    Policy::Custom(&["allow github.com:80", "allow github.com:443", "allow *.allowed.example"]);

/// One client: what it is told to a shell, and what must be there afterwards.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) script: &'static str,
    pub(super) printed: &'static str,
}

pub(super) const PIP: Client = Client {
    name: "pip",
    script: "/usr/bin/python3 -m pip --isolated --disable-pip-version-check install --no-cache-dir \
             --quiet --retries 1 --target pip infield-probe && \
             PYTHONPATH=pip /usr/bin/python3 -c 'import infield_probe; print(infield_probe.MOTTO)'",
    printed: "probed",
};
pub(super) const NPM: Client = Client {
    name: "npm",
    script: "mkdir npm && cd npm && echo '{}' > package.json && npm install --no-audit --no-fund \
             --fetch-retries=0 --loglevel=error infield-probe && node -p 'require(\"infield-probe\")'",
    printed: "probed",
};
pub(super) const GIT: Client = Client {
    name: "git",
    script: "git clone --quiet https://github.com/team/probe.git git && cat git/README.md",
    printed: "probed",
};
pub(super) const PLAIN_GIT: Client = Client {
    name: "git over http",
    script: "git clone --quiet http://github.com/team/probe.git plain && cat plain/README.md",
    printed: "probed",
};
pub(super) const CURL: Client = Client {
    name: "curl",
    script: "curl -sS https://www.allowed.example/ && curl -sS http://www.allowed.example/",
    printed: "as www.allowed.example",
};

impl Product {
    /// Runs a client, and gives what it printed and whether it ended well.
    pub(super) fn client(&self, sandbox: &str, client: &Client) -> Result<(bool, String)> {
        let mut words = vec!["exec".to_owned(), "--timeout=60s".to_owned()];
        let trust = Authority::variables(FILE);
        words.extend(trust.map(|(name, value)| format!("--env={name}={value}")));
        let line = format!("cd /workspace && {{ {}; }} 2>&1", client.script);
        words.extend([sandbox, "/bin/sh", "-c", &line].map(str::to_owned));
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = self.command(&words).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.success(), text(&output.stdout) + &text(&output.stderr)))
    }

    /// A sandbox that trusts the world's authority where clients are told to.
    pub(super) fn trusting(&self, name: &str, policy: Policy) -> Result<()> {
        self.create(name, policy)?;
        let file = self.trust().to_string_lossy().into_owned();
        self.run(&["cp", &file, &format!("{name}:{FILE}")]).map(drop)
    }
}

pub(super) fn check_works(product: &Product, sandbox: &str, client: &Client) -> Result<()> {
    let (is_well, said) = product.client(sandbox, client)?;
    ensure!(is_well && said.contains(client.printed), "{}: {said}", client.name);
    Ok(())
}

/// It fails, and what it prints has one of these words in it.
pub(super) fn check_fails(
    product: &Product,
    sandbox: &str,
    client: &Client,
    words: &[&str],
) -> Result<()> {
    let (is_well, said) = product.client(sandbox, client)?;
    ensure!(!is_well && !said.contains(client.printed), "{} works: {said}", client.name);
    ensure!(words.iter().any(|word| said.contains(word)), "{}: {said}", client.name);
    Ok(())
}

#[test]
fn clients_work_under_limited() -> Result<()> {
    let Some(world) = World::shared("clients_work_under_limited")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.trusting("limited", Policy::Limited)?;
    for client in [PIP, NPM, GIT] {
        check_works(&product, "limited", &client)?;
    }
    // What `limited` leaves out is refused in words, where there is a language for them.
    let plain = Client { script: "curl -sS -i http://alone.example/; false", ..CURL };
    check_fails(&product, "limited", &plain, &["infield refused the connection to alone.example"])?;
    let secret = Client { script: "curl -sS https://alone.example/", ..CURL };
    check_fails(&product, "limited", &secret, &["access denied"])?;
    check_fails(&product, "limited", &PLAIN_GIT, &["403"])
}

#[test]
fn clients_work_under_custom_rules() -> Result<()> {
    let Some(world) = World::shared("clients_work_under_custom_rules")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.trusting("wider", WIDER)?;
    for client in [GIT, PLAIN_GIT, CURL] {
        check_works(&product, "wider", &client)?;
    }
    for (address, family) in [(place("CDN").four, "-4"), (place("CDN").six, "-6")] {
        let script = match family {
            "-4" => "curl -sS -4 https://only4.allowed.example/",
            _ => "curl -sS -6 https://only6.allowed.example/",
        };
        check_works(&product, "wider", &Client { name: "curl", script, printed: address })?;
    }
    check_fails(&product, "wider", &PIP, &["access denied", "ACCESS_DENIED", "alert"])
}

#[test]
fn clients_fail_clearly_under_none() -> Result<()> {
    let Some(world) = World::shared("clients_fail_clearly_under_none")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.trusting("closed", Policy::None)?;
    let words = ["resolve", "resolution", "EAI_AGAIN", "ENOTFOUND", "unreachable"];
    for client in [PIP, NPM, GIT, PLAIN_GIT, CURL] {
        check_fails(&product, "closed", &client, &words)?;
    }
    Ok(())
}

#[test]
fn a_sandbox_is_made_with_a_repository() -> Result<()> {
    let Some(world) = World::shared("a_sandbox_is_made_with_a_repository")? else { return Ok(()) };
    let product = Product::start(world)?;
    let make = |name: &str, network: &str, allow: &[&str]| -> Result<String> {
        let wish = serde_json::json!({
            "name": name, "network": network, "allow": allow,
            "git_repo": "http://github.com/team/probe.git",
        });
        let socket = product.home().join("infield.sock").to_string_lossy().into_owned();
        let words =
            ["curl", "-sS", "--unix-socket", &socket, "-H", "Content-Type: application/json"];
        let wish = wish.to_string();
        let rest = ["-d", &wish, "http://localhost/v1/sandboxes"];
        let answer = product.world().client(&[&words[..], &rest[..]].concat())?.output()?;
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    };
    let made = make("cloned", "none", &["github.com:80"])?;
    let find =
        ["exec", "cloned", "/bin/sh", "-c", "cat /workspace/README.md /workspace/*/README.md"];
    let output = product.command(&find).output()?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(found == "probed\n", "{made}\n{output:?}");
    let refused = make("lonely", "none", &[])?;
    ensure!(refused.contains("github.com"), "it says what could not be reached: {refused}");
    Ok(())
}
