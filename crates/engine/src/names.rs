//! Ids and names that nobody chose: random, and in the case of names also readable.

use infield_domain::id::ID_LETTERS;
use infield_domain::{ExecutionId, KeyId, SandboxId, SandboxName, SecretId, SshAccessId, VolumeId};

const ADJECTIVES: &[&str] = &[
    "amber", "bold", "brave", "brisk", "calm", "clear", "cool", "crisp", "eager", "early", "fair",
    "fast", "fine", "fresh", "gentle", "glad", "golden", "green", "happy", "keen", "kind", "light",
    "lively", "lucky", "mellow", "mild", "neat", "nimble", "noble", "quick", "quiet", "rapid",
    "ready", "silver", "smart", "smooth", "solid", "steady", "sunny", "swift", "tidy", "warm",
    "wise", "witty",
];

const ANIMALS: &[&str] = &[
    "badger", "bear", "beaver", "bison", "crane", "crow", "deer", "dove", "eagle", "elk", "falcon",
    "finch", "fox", "gecko", "goose", "hare", "hawk", "heron", "ibex", "jay", "koala", "lark",
    "lemur", "lion", "lynx", "marten", "mole", "moose", "newt", "otter", "owl", "panda", "puffin",
    "quail", "raven", "robin", "seal", "stork", "swan", "tapir", "tern", "tiger", "whale", "wolf",
];

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("getrandom(2) does not fail once the pool is seeded");
    bytes
}

/// A sandbox's id.
pub(crate) fn sandbox_id() -> SandboxId {
    SandboxId::from_random(random::<ID_LETTERS>())
}

/// A command's id.
pub(crate) fn execution_id() -> ExecutionId {
    ExecutionId::from_random(random::<ID_LETTERS>())
}

/// A key's id.
pub(crate) fn key_id() -> KeyId {
    KeyId::from_random(random::<ID_LETTERS>())
}

/// A volume's id.
pub(crate) fn volume_id() -> VolumeId {
    VolumeId::from_random(random::<ID_LETTERS>())
}

/// A secret's id.
pub(crate) fn secret_id() -> SecretId {
    SecretId::from_random(random::<ID_LETTERS>())
}

/// The text of a key: 52 letters of five random bits, so 260 bits.
pub(crate) fn key_secret() -> String {
    format!("inf_{}", base32(&random::<52>()))
}

/// An SSH access's id.
pub(crate) fn ssh_access_id() -> SshAccessId {
    SshAccessId::from_random(random::<ID_LETTERS>())
}

/// The token of an SSH access, which is a user name there: letters and digits alone, 52 of five
/// random bits.
pub(crate) fn ssh_token() -> String {
    base32(&random::<52>())
}

/// A short random word behind a prefix.
pub(crate) fn letters(prefix: &str) -> String {
    format!("{prefix}{}", base32(&random::<12>()))
}

/// A name such as `calm-otter-42`.
pub(crate) fn sandbox_name() -> SandboxName {
    let [adjective, animal, high, low] = random::<4>();
    let number = u16::from_be_bytes([high, low]) % 1_000;
    let adjective = ADJECTIVES[usize::from(adjective) % ADJECTIVES.len()];
    let animal = ANIMALS[usize::from(animal) % ANIMALS.len()];
    format!("{adjective}-{animal}-{number}")
        .parse()
        .expect("words of the lists and a number make a name, as the test of all of them shows")
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests;
