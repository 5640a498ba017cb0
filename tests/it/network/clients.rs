//! The world by itself: what the real clients get on HOST, where nothing stands in their way. Only
//! what works here can be said to work, or to be held, in a sandbox.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use super::world::{BAIT_PORT, HOST, World, place};

/// Seconds that one program may take.
const PATIENCE: &str = "40";

/// A program on HOST, with a limit.
fn command(world: &World, words: &[&str]) -> Result<Command> {
    world.client(&[&["timeout", PATIENCE], words].concat())
}

fn ended(mut command: Command) -> Result<Output> {
    command.output().context("ip(8) of iproute2 is missing")
}

/// Runs it to its end and gives what it printed; fails with both streams.
fn said(command: Command) -> Result<String> {
    let words: Vec<_> = command.get_args().skip(3).map(|word| word.to_owned()).collect();
    let output = ended(command)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "{words:?}: {}\n{out}{error}", output.status);
    Ok(out)
}

fn run(world: &World, words: &[&str]) -> Result<String> {
    said(command(world, words)?)
}

/// The short answer of dig(1), its lines in order.
fn dig(world: &World, words: &[&str]) -> Result<Vec<String>> {
    let text = run(world, &[&["dig", "+short", "+time=5", "+tries=1"], words].concat())?;
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

#[test]
fn names_are_what_the_plan_says() -> Result<()> {
    let Some(world) = World::shared("names_are_what_the_plan_says")? else { return Ok(()) };
    let cdn = place("CDN");
    assert_eq!(dig(&world, &["allowed.example", "A"])?, [cdn.four]);
    assert_eq!(dig(&world, &["allowed.example", "AAAA"])?, [cdn.six]);
    assert_eq!(dig(&world, &["only4.allowed.example", "AAAA"])?, [""; 0]);
    assert_eq!(dig(&world, &["only6.allowed.example", "AAAA"])?, [cdn.six]);
    assert_eq!(dig(&world, &["alias.allowed.example", "A"])?, [cdn.four, "allowed.example."]);
    assert_eq!(dig(&world, &["any.tunnel.allowed.example", "TXT", "+tcp"])?.len(), 1);
    assert_eq!(dig(&world, &["many.allowed.example", "A", "+noedns"])?.len(), 32, "over TCP");
    let both = dig(&world, &["mixed.allowed.example", "A"])?;
    assert_eq!(both, ["169.254.169.254", "93.184.200.99"]);
    let resolver = format!("@{}", place("FOREIGN_RESOLVER").six);
    assert_eq!(dig(&world, &["allowed.example", "A", &resolver])?, [cdn.four]);
    let missing = run(&world, &["dig", "nowhere.example", "A"])?;
    ensure!(missing.contains("status: NXDOMAIN"), "{missing}");
    let asked = world.queries()?;
    let saw = |name: &str, kind: &str, via: &str| {
        asked.iter().any(|query| query.name == name && query.kind == kind && query.via == via)
    };
    ensure!(saw("nowhere.example", "A", "udp"), "{asked:?}");
    ensure!(saw("any.tunnel.allowed.example", "TXT", "tcp"), "{asked:?}");
    ensure!(asked.iter().any(|query| query.at == place("FOREIGN_RESOLVER").six), "{asked:?}");
    Ok(())
}

#[test]
fn a_name_that_rebinds_takes_its_answers_in_turn() -> Result<()> {
    let Some(world) = World::shared("a_name_that_rebinds_takes_its_answers_in_turn")? else {
        return Ok(());
    };
    let resolver = format!("@{}", world.resolver()?.ip());
    let turns: Vec<_> = (0..4)
        .map(|_| dig(&world, &["rebind.allowed.example", "AAAA", &resolver]))
        .collect::<Result<_>>()?;
    // Whoever looked it up before has moved the beginning.
    for address in ["2606:2800:200::70", "fd00:ec2::254", "::1", "fd00::5"] {
        ensure!(turns.contains(&vec![address.to_owned()]), "{address}: {turns:?}");
    }
    Ok(())
}

#[test]
fn the_web_answers_by_both_families() -> Result<()> {
    let Some(world) = World::shared("the_web_answers_by_both_families")? else { return Ok(()) };
    let cdn = place("CDN");
    for (family, address, peer) in [("-4", cdn.four, HOST[0]), ("-6", cdn.six, HOST[1])] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://www.allowed.example/");
            let body = run(&world, &["curl", "-sS", family, &url])?;
            assert_eq!(body, format!("got-through {address} as www.allowed.example\n"));
        }
        let known = |request: &super::world::Request| {
            request.at == address
                && request.peer == peer
                && (request.sni.as_str(), request.port) == ("www.allowed.example", 443)
                && request.line.starts_with("GET / ")
        };
        ensure!(world.requests()?.iter().any(known), "{:?}", world.requests()?);
    }
    // Nothing on the server's side keeps a client from fronting.
    let front = ["curl", "-sS", "-H", "Host: evil.example", "https://allowed.example/"];
    assert_eq!(run(&world, &front)?.trim().rsplit(' ').next(), Some("evil.example"));
    ensure!(world.requests()?.iter().any(|request| request.host == "evil.example"));
    let stranger = ended(command(&world, &["curl", "-sS", "https://strange.allowed.example/"])?)?;
    assert_eq!(stranger.status.code(), Some(60), "{stranger:?}");
    ensure!(world.authority().pem().contains("BEGIN CERTIFICATE"));
    Ok(())
}

#[test]
fn sockets_without_a_protocol_answer() -> Result<()> {
    let Some(world) = World::shared("sockets_without_a_protocol_answer")? else { return Ok(()) };
    let curl = |url: &str| run(&world, &["curl", "-sS", "-g", "--max-time", "5", url]);
    for address in ["169.254.169.254", "10.0.0.5", "[fd00:ec2::254]", "[fe80::9%25uplink]"] {
        let answer = curl(&format!("http://{address}/"))?;
        ensure!(answer.starts_with("got-through"), "{address}: {answer}");
    }
    for address in ["127.0.0.1", HOST[0], "10.77.0.1"] {
        let answer = curl(&format!("http://{address}:{BAIT_PORT}/bait"))?;
        assert_eq!(answer, format!("got-through {address}\n"));
    }
    let seen = world.pieces()?;
    ensure!(seen.iter().any(|piece| piece.at == HOST[0] && piece.data.contains("GET /bait")));
    let proxy = ["--proxy", "http://proxy.allowed.example:3128", "https://alone.example/"];
    let through = run(&world, &[&["curl", "-sS"], &proxy[..]].concat())?;
    assert_eq!(through, format!("got-through {} as alone.example\n", place("EVIL").four));
    let talk = "exec 3<>/dev/tcp/streams.allowed.example/22; head -n1 <&3";
    assert_eq!(run(&world, &["bash", "-c", talk])?, "SSH-2.0-got-through\r\n");
    let pull = "head -c 50000000 < /dev/tcp/streams.allowed.example/19 | wc -c";
    assert_eq!(run(&world, &["bash", "-c", pull])?.trim(), "50000000");
    let echo = "exec 3<>/dev/udp/streams.allowed.example/7; echo hello >&3; head -n1 <&3";
    assert_eq!(run(&world, &["bash", "-c", echo])?, "got-through hello\n");
    Ok(())
}

#[test]
fn pip_downloads_a_package() -> Result<()> {
    let Some(world) = World::shared("pip_downloads_a_package")? else { return Ok(()) };
    let words = ["/usr/bin/python3", "-m", "pip", "--isolated", "download", "--no-cache-dir"];
    let mut pip = command(&world, &[&words[..], &["infield-probe"]].concat())?;
    pip.env("PIP_CONFIG_FILE", "/dev/null").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    said(pip)?;
    let wheel = world.folder().join("client/infield_probe-1.0.0-py3-none-any.whl");
    ensure!(wheel.exists(), "no wheel");
    Ok(())
}

#[test]
fn npm_installs_a_package() -> Result<()> {
    let Some(world) = World::shared("npm_installs_a_package")? else { return Ok(()) };
    let folder = world.folder().join("client-npm");
    fs::create_dir(&folder)?;
    fs::write(folder.join("package.json"), "{}")?;
    let npm = |words: &[&str]| -> Result<String> {
        let mut npm = command(&world, &[&["npm"], words].concat())?;
        npm.current_dir(&folder).env("npm_config_update_notifier", "false");
        said(npm)
    };
    assert_eq!(npm(&["view", "infield-probe", "version"])?.trim(), "1.0.0");
    npm(&["install", "--no-audit", "--no-fund", "infield-probe"])?;
    let module = fs::read_to_string(folder.join("node_modules/infield-probe/index.js"))?;
    ensure!(module.contains("probed"), "{module}");
    Ok(())
}

#[test]
fn cargo_fetches_a_crate() -> Result<()> {
    let Some(world) = World::shared("cargo_fetches_a_crate")? else { return Ok(()) };
    let folder = world.folder().join("client-cargo");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let manifest = "[package]\nname = \"client\"\nedition = \"2021\"\n[workspace]\n";
    let manifest = format!("{manifest}[dependencies]\ninfield-probe = \"1\"\n");
    fs::write(folder.join("Cargo.toml"), manifest)?;
    // The one that runs this test, and rustc beside it: what stands for them on PATH may look for
    // its settings in a home that is not there.
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tools = Path::new(&program).parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)))?;
    let mut cargo = command(&world, &[&program, "fetch"])?;
    cargo.env("CARGO_HOME", folder.join("home")).env("PATH", path).current_dir(&folder);
    said(cargo)?;
    let lock = fs::read_to_string(folder.join("Cargo.lock"))?;
    ensure!(lock.contains("name = \"infield-probe\""), "{lock}");
    Ok(())
}

#[test]
fn git_clones_over_https_and_http() -> Result<()> {
    let Some(world) = World::shared("git_clones_over_https_and_http")? else { return Ok(()) };
    for scheme in ["https", "http"] {
        let url = format!("{scheme}://github.com/team/probe.git");
        let into = format!("clone-{scheme}");
        run(&world, &["git", "clone", "--quiet", &url, &into])?;
        let file = world.folder().join("client").join(into).join("README.md");
        assert_eq!(fs::read_to_string(file)?, "probed\n");
    }
    Ok(())
}

#[test]
fn apt_downloads_a_package() -> Result<()> {
    let Some(world) = World::shared("apt_downloads_a_package")? else { return Ok(()) };
    let root = world.folder().join("client-apt");
    for folder in ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/dpkg", "var/cache/apt"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let line = "deb [trusted=yes] http://deb.debian.org/debian probe main\n";
    fs::write(root.join("etc/apt/sources.list"), line)?;
    fs::write(root.join("var/lib/dpkg/status"), "")?;
    let dir = format!("Dir={}", root.display());
    let apt = |words: &[&str]| -> Result<String> {
        let status = format!("Dir::State::status={}/var/lib/dpkg/status", root.display());
        let base = ["apt-get", "-q", "-o", &dir, "-o", &status, "-o", "APT::Sandbox::User=root"];
        let mut apt = command(&world, &[&base[..], words].concat())?;
        apt.current_dir(&root);
        said(apt)
    };
    apt(&["update"])?;
    apt(&["download", "infield-probe"])?;
    ensure!(root.join("infield-probe_1.0.0_all.deb").exists(), "no package");
    Ok(())
}
