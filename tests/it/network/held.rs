//! Every attempt from inside real sandboxes, where it must be held, while what the policy allows
//! goes on to work: a network that is dead holds everything and proves nothing.
//!
//! Attempts with the same policy share a sandbox, and one that uses up what others need has its
//! own. What went out is looked at when all of them are over: late bytes count too. And each again
//! where the one defence is left out that it is named for: there it must succeed.

mod floods;
pub(super) mod life;
mod weak;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::attempts::{Attempt, Policy, Success, all, program};
use super::product::Product;
use super::world::World;
use crate::attacks::Outcome;

/// Sandboxes that are busy at the same time.
const WORKERS: usize = 6;

/// Attempts in one sandbox at most.
const ROUND: usize = 12;

/// What an allowed name does for those who ask in the right way.
const ALLOWED_WORKS: &str = "
def fetched(name, port):
    with connect(name, port) as stream:
        if port == 443:
            stream = unverified().wrap_socket(stream, server_hostname=name)
        stream.sendall(get(name))
        return MARK in read(stream)
for name in ('allowed.example', 'only4.allowed.example', 'only6.allowed.example'):
    for port in (80, 443):
        for _ in range(2):
            assert fetched(name, port), (name, port)
for kind in (1, 28):
    assert answers(ask('www.allowed.example', kind)) == 1, kind
with connect(resolver(), 53) as stream:
    query = question('www.allowed.example', 1)
    stream.sendall(struct.pack('!H', len(query)) + query)
    answer = stream.recv(4096)
    assert answers(answer[2:]) == 1, answer
with connect('streams.allowed.example', 7) as stream:
    stream.sendall(b'echo\\n')
    answer = read(stream, b'echo')
    assert answer == b'echo\\n', answer
print('WORKS')";

/// The same where there is a proxy and no resolver.
const PROXY_WORKS: &str = "
def fetched(name, port):
    with connect(name, port) as stream:
        if port == 443:
            stream = unverified().wrap_socket(stream, server_hostname=name)
        stream.sendall(get(name))
        return MARK in read(stream)
for name in ('allowed.example', 'only4.allowed.example', 'only6.allowed.example'):
    for port in (80, 443):
        assert fetched(name, port), (name, port)
with connect('streams.allowed.example', 7) as stream:
    stream.sendall(b'echo\\n')
    answer = read(stream, b'echo')
    assert answer == b'echo\\n', answer
print('WORKS')";

/// The same where every public address is allowed.
const PUBLIC_WORKS: &str = "
for target in ('alone.example', EVIL4, EVIL6):
    assert where(target), target
print('WORKS')";

/// Somebody to be reached by another sandbox, and by nothing else.
const LISTEN: &str = "
def serve(port, answer):
    mine = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True)
    print('LISTENS', flush=True)
    while True:
        stream, _ = mine.accept()
        threading.Thread(target=answer, args=(stream,), daemon=True).start()
def mark(stream):
    stream.sendall(MARK + b'\\n')
    stream.close()
def echo(stream):
    while piece := stream.recv(65536):
        stream.sendall(piece)
    stream.close()
threading.Thread(target=serve, args=(NEIGHBOUR + 1, echo), daemon=True).start()
serve(NEIGHBOUR, mark)";

/// Attempts, and what each said.
type Said = Vec<(&'static Attempt, String)>;

/// What one sandbox has to do.
struct Round {
    policy: Policy,
    attempts: Vec<&'static Attempt>,
}

/// Attempts that one program makes in a sandbox that nothing happens to, and that others can share.
fn is_short(attempt: &Attempt) -> bool {
    attempt.left_out().is_none() && !attempt.has_steps() && !attempt.is_flood()
}

/// The attempts that the environment chooses; all of them when it does not.
fn chosen() -> impl Iterator<Item = &'static Attempt> {
    let chosen = std::env::var("INFIELD_ATTACK").unwrap_or_default();
    all().filter(move |attempt| attempt.name.contains(&chosen))
}

/// Whether nothing else works in its sandbox afterwards: whoever asked too often gets no answer for
/// a minute, and whoever moved all that it may moves nothing more.
fn is_greedy(attempt: &Attempt) -> bool {
    matches!(attempt.success, Success::AskedOften(..)) || attempt.has_ceiling()
}

/// Puts attempts into sandboxes, the longest work first.
fn rounds(product: &Product, attempts: impl Iterator<Item = &'static Attempt>) -> Vec<Round> {
    let mut shared: BTreeMap<String, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        let own = if is_greedy(attempt) { attempt.name.to_owned() } else { String::new() };
        let own = own + &attempt.options().join(" ");
        let key = own + &product.policy_of(attempt).words().join(" ");
        shared.entry(key).or_default().push(attempt);
    }
    let all = shared.values().flat_map(|attempts| attempts.chunks(ROUND));
    let mut rounds: Vec<Round> = all
        .map(|attempts| Round {
            policy: product.policy_of(attempts[0]),
            attempts: attempts.to_vec(),
        })
        .collect();
    rounds.sort_by_key(|round| std::cmp::Reverse(round.attempts.len()));
    rounds
}

/// Makes the attempts of one sandbox, and adds what each said.
fn play(product: &Product, sandbox: &str, round: &Round, said: &Mutex<Said>) -> Result<()> {
    let options = round.attempts.first().map(|attempt| attempt.options()).unwrap_or_default();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    product.create_with(sandbox, round.policy, &options)?;
    for attempt in &round.attempts {
        let words = product.python(sandbox, &attempt.program())?;
        said.lock().unwrap_or_else(PoisonError::into_inner).push((attempt, words));
    }
    if !round.attempts.iter().any(|attempt| is_greedy(attempt)) && product.left_out().is_none() {
        check_works(product, sandbox, round.policy)?;
    }
    product.run(&["rm", "-f", sandbox]).map(drop)
}

/// What a policy allows does work, after everything that went before.
fn check_works(product: &Product, sandbox: &str, policy: Policy) -> Result<()> {
    let script = match policy {
        Policy::Public => PUBLIC_WORKS,
        Policy::Custom(["allow allowed.example", "allow *.allowed.example"])
            if product.is_proxied() =>
        {
            PROXY_WORKS
        }
        Policy::Custom(["allow allowed.example", "allow *.allowed.example"]) => ALLOWED_WORKS,
        Policy::None | Policy::Limited | Policy::Custom(_) => return Ok(()),
    };
    let said = product.python(sandbox, &program(script))?;
    ensure!(said.starts_with("WORKS"), "what is allowed does not work: {said}");
    Ok(())
}

/// Runs rounds, some at a time, each in a sandbox of its own. Gives what was said, and faults.
fn play_all(product: &Product, rounds: &[Round], workers: usize) -> (Said, Vec<String>) {
    let waiting = Mutex::new(rounds.iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (said, faults) = (Mutex::default(), Mutex::new(Vec::new()));
    let work = || {
        while let Some((number, round)) = next() {
            if let Err(error) = play(product, &format!("try-{number}"), round, &said) {
                let fault = format!("{}: {error:#}", round.policy.words().join(" "));
                faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    (said.into_inner().unwrap_or_else(PoisonError::into_inner), faults)
}

/// Other sandboxes that listen, in one named network where they can be: one of the same owner, and
/// one of another.
fn neighbours(product: &Product, policy: Policy) -> Result<()> {
    let listen = program(LISTEN);
    let begin = |name: &str| -> Result<()> {
        product.run(&["exec", "-d", name, "/usr/bin/python3", "-c", &listen]).map(drop)
    };
    if matches!(policy, Policy::None) {
        product.create("neighbour", policy)?;
        return begin("neighbour");
    }
    product.create_with("neighbour", policy, &["--join=team"])?;
    let stranger = r#"{"name": "stranger", "network": "public", "join": ["team"]}"#;
    product.create_as("somebody", stranger)?;
    begin("neighbour")?;
    begin("stranger")
}

#[test]
fn every_attempt_is_held_in_a_sandbox() -> Result<()> {
    let test = "every_attempt_is_held_in_a_sandbox";
    // What INTERNET saw must come from sandboxes alone.
    let Some(world) = World::apart(test)? else { return Ok(()) };
    check_all_held(&Product::start(world)?)
}

/// Makes every short attempt in sandboxes, and fails for each that succeeds.
pub(super) fn check_all_held(product: &Product) -> Result<()> {
    neighbours(product, Policy::Public)?;
    let rounds = rounds(product, chosen().filter(|attempt| is_short(attempt)));
    let (said, mut faults) = play_all(product, &rounds, WORKERS);
    for (attempt, said) in &said {
        match attempt.outcome(product.world(), said) {
            Ok(Outcome::Held) => {}
            Ok(Outcome::Broke) => faults.push(format!("{}: broke: {said}", attempt.name)),
            Err(error) => faults.push(format!("{}: {error:#}", attempt.name)),
        }
    }
    let made: usize = rounds.iter().map(|round| round.attempts.len()).sum();
    ensure!(said.len() == made || !faults.is_empty(), "{} of {made} were made", said.len());
    ensure!(faults.is_empty(), "{} of {}:\n{}", faults.len(), said.len(), faults.join("\n"));
    Ok(())
}

#[test]
fn refused_connections_are_written_down() -> Result<()> {
    let Some(world) = World::shared("refused_connections_are_written_down")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.create("watched", Policy::Custom(&["allow allowed.example:80"]))?;
    let script = "
for name, port in (('allowed.example', 80), ('alone.example', 80), (EVIL4, 443)):
    where(name, port)
verdict(False)";
    product.python("watched", &program(script))?;
    let begun = Instant::now();
    loop {
        let log = product.run(&["net", "log", "watched"])?;
        let line = |word: &str| log.lines().find(|line| line.contains(word)).map(str::to_owned);
        if let (Some(made), Some(name), Some(address)) =
            (line("allowed.example"), line("alone.example"), line("93.184.200.66"))
        {
            ensure!(made.contains("ok"), "{log}");
            ensure!(!name.contains("ok ") && !address.contains("ok "), "{log}");
            return Ok(());
        }
        ensure!(begun.elapsed().as_secs() < 5, "not all is written down:\n{log}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
