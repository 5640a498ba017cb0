//! An ordinary user's sandboxes: they have a proxy instead of a network, on the same policy.

mod malice;

use anyhow::{Result, ensure};

use super::attempts::Policy;
use super::held::check_all_held;
use super::held::life::{check_all_lives_held, check_successor};
use super::inside::cargo::CARGO;
use super::inside::{CURL, Client, GIT, NPM, PIP, PLAIN_GIT, WIDER, check_fails, check_works};
use super::product::Product;
use super::secrets::Stage;
use super::world::World;

/// Ids that own nothing, one for each test: the host counts processes by them.
mod user {
    pub(super) const CLIENTS: u32 = 64_301;
    pub(super) const ATTEMPTS: u32 = 64_302;
    pub(super) const SECRETS: u32 = 64_303;
    pub(super) const LIFE: u32 = 64_304;
    pub(super) const SUCCESSOR: u32 = 64_305;
    pub(super) const MALICE: u32 = 64_306;
    pub(super) const CROWD: u32 = 64_307;
    pub(super) const MORE: u32 = 64_308;
    pub(super) const MEMBERS: u32 = 64_309;
}

#[test]
fn clients_work_through_the_proxy_of_an_ordinary_user() -> Result<()> {
    let test = "clients_work_through_the_proxy_of_an_ordinary_user";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::of_user(world, user::CLIENTS)?;
    product.trusting("limited", Policy::Limited)?;
    for client in [PIP, NPM, GIT] {
        check_works(&product, "limited", &client)?;
    }
    product.trusting("wider", WIDER)?;
    for client in [GIT, PLAIN_GIT, CURL] {
        check_works(&product, "wider", &client)?;
    }
    check_fails(&product, "wider", &PIP, &["infield refused the connection to pypi.org:443"])?;
    let plain = Client { script: "curl -sS -i http://alone.example/; false", ..CURL };
    check_fails(&product, "wider", &plain, &["infield refused the connection to alone.example"])?;
    product.trusting("closed", Policy::None)?;
    for client in [PIP, NPM, GIT, PLAIN_GIT, CURL] {
        let words = ["resolve", "resolution", "EAI_AGAIN", "ENOTFOUND", "unreachable"];
        check_fails(&product, "closed", &client, &words)?;
    }
    let info = product.run(&["info", "wider"])?;
    ensure!(info.contains("by a proxy: programs that know no proxy reach nothing"), "{info}");
    ensure!(!product.run(&["info", "closed"])?.contains("by a proxy"), "it has no network");
    let doctor = product.run(&["doctor"])?;
    ensure!(doctor.contains("programs that know no proxy reach nothing"), "{doctor}");
    Ok(())
}

/// apt on a tree of its own: one id cannot be root of the host's.
const APT: Client = Client {
    name: "apt",
    script: "mkdir -p apt/etc/apt/apt.conf.d apt/etc/apt/preferences.d apt/var/lib/dpkg \
             apt/var/cache/apt && : > apt/var/lib/dpkg/status && cd apt && \
             echo 'deb [trusted=yes] http://deb.debian.org/debian probe main' \
             > etc/apt/sources.list && \
             printf 'Dir \"%s\";\\nDir::State::status \"%s/var/lib/dpkg/status\";\\n\
             APT::Sandbox::User \"root\";\\n' \"$PWD\" \"$PWD\" > apt.conf && \
             export APT_CONFIG=$PWD/apt.conf && apt-get -q update && \
             apt-get -q download infield-probe && ls *.deb",
    printed: "infield-probe_1.0.0_all.deb",
};

#[test]
fn more_clients_work_through_the_proxy_of_an_ordinary_user() -> Result<()> {
    let test = "more_clients_work_through_the_proxy_of_an_ordinary_user";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::of_user(world, user::MORE)?;
    product.trusting("limited", Policy::Limited)?;
    check_works(&product, "limited", &APT)?;
    product.bring_cargo("limited")?;
    check_works(&product, "limited", &CARGO)?;
    product.trusting("streams", Policy::Custom(&["allow streams.allowed.example:7"]))?;
    let socks = Client {
        name: "curl by SOCKS",
        script: "echo hello | curl -sS --max-time 2 -x socks5h://127.0.0.1:13986 \
                 telnet://streams.allowed.example:7; true",
        printed: "hello",
    };
    check_works(&product, "streams", &socks)
}

#[test]
fn every_attempt_is_held_by_the_proxy() -> Result<()> {
    // What INTERNET saw must come from sandboxes alone.
    let Some(world) = World::apart("every_attempt_is_held_by_the_proxy")? else { return Ok(()) };
    check_all_held(&Product::of_user(world, user::ATTEMPTS)?)
}

#[test]
fn every_attempt_in_the_course_of_life_is_held_by_the_proxy() -> Result<()> {
    let test = "every_attempt_in_the_course_of_life_is_held_by_the_proxy";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    check_all_lives_held(&mut Product::of_user(world, user::LIFE)?)
}

#[test]
fn a_dead_proxy_has_a_successor_at_once() -> Result<()> {
    let test = "a_dead_proxy_has_a_successor_at_once";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    check_successor(&Product::of_user(world, user::SUCCESSOR)?)
}

#[test]
fn members_of_a_network_reach_each_other_through_the_proxy() -> Result<()> {
    let test = "members_of_a_network_reach_each_other_through_the_proxy";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::of_user(world, user::MEMBERS)?;
    for (name, options) in [("web", &["--join=team"][..]), ("db", &["--join=team"]), ("alone", &[])]
    {
        product.create_with(name, Policy::Limited, options)?;
    }
    let serve = "mkdir files && echo from-db > files/index.html && \
                 (python3 -m http.server -d files 8080 > /dev/null 2>&1 &) && \
                 until curl -sS -o /dev/null http://127.0.0.1:8080/; do sleep 0.1; done";
    product.run(&["exec", "db", "/bin/sh", "-c", serve])?;
    let ask = |from: &str, options: &str, host: &str| {
        let line = format!("curl -sS --max-time 10 {options} http://{host}:8080/ 2>&1; true");
        product.run(&["exec", from, "/bin/sh", "-c", &line])
    };
    for host in ["db", "db.infield.internal"] {
        // A request in absolute form, a tunnel, and SOCKS.
        for options in ["", "-p", "-x socks5h://127.0.0.1:13986"] {
            let said = ask("web", options, host)?;
            ensure!(said.trim() == "from-db", "{options} {host}: {said}");
        }
    }
    let said = ask("alone", "", "db")?;
    ensure!(said.contains("infield net join"), "{said}");
    product.run(&["net", "leave", "web", "team"])?;
    let said = ask("web", "-p", "db")?;
    ensure!(!said.contains("from-db"), "it left: {said}");
    Ok(())
}

#[test]
fn secrets_go_through_the_proxy() -> Result<()> {
    let Some(world) = World::shared("secrets_go_through_the_proxy")? else { return Ok(()) };
    let stage = Stage::of(Product::of_user(world, user::SECRETS)?)?;
    let said = stage.shell(
        "curl -sS -H \"Authorization: Bearer $TOKEN\" https://www.allowed.example/echo/proxied/plain",
    )?;
    ensure!(!said.contains(&stage.value), "the value came in: {said}");
    let got = stage.got("/echo/proxied/plain")?;
    ensure!(got.to_string().contains("Bearer"), "{got}");
    ensure!(!got.to_string().contains("infield_secret_"), "a placeholder went out: {got}");
    let bare = stage.shell("curl -sS -i http://www.allowed.example/?key=$TOKEN")?;
    ensure!(bare.contains("403") && bare.contains("infield refused the request"), "{bare}");
    Ok(())
}
