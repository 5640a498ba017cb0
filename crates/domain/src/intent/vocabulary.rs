//! What words mean, in each language: tables only, one file for each language.
//!
//! An entry is a sense and the words that have it, parted by commas. A word that ends in `*`
//! stands for all that begin so, and several words with blanks between them are a phrase. Accents
//! and capitals do not count. Whoever adds a language copies one file, translates it, and adds it
//! to [`TABLES`]; docs/intents.md says how.

mod english;
mod french;
mod german;
mod shared;
mod spanish;
mod swedish;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) use shared::{PROGRAMS, SUBCOMMANDS, language};

use super::{distance, lexer};

/// What somebody wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// Create, set up.
    Make,
    /// Start: a sandbox is made, a command is run.
    Start,
    /// Need, want, give me.
    Need,
    /// Show, open, print.
    Show,
    /// List.
    List,
    /// Describe, tell about.
    Describe,
    /// A question: is, are, what, how.
    Ask,
    /// Delete.
    Remove,
    /// Let go of what is no longer needed: weaker than remove.
    Discard,
    /// Run.
    Run,
    /// Try, test: a run, when there is something to run.
    Try,
    /// Install.
    Install,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Save: write here, or part of a download.
    Save,
    /// Put, add: a file's content, or a file.
    Put,
    /// Copy, send, in one direction or the other.
    Copy,
    /// Fetch: download, clone or pull.
    Fetch,
    /// Get: fetch or read.
    Get,
    /// Load: upload or download, as its particle says.
    Load,
    /// Upload.
    Upload,
    /// Download.
    Download,
    /// Clone.
    Clone,
    /// Pull.
    Pull,
    /// Push.
    Push,
    /// Commit.
    Commit,
    /// Update, sync.
    Update,
    /// Switch, check out.
    Switch,
    /// Move, change, go: a switch when there is a branch.
    Move,
    /// Keep: the opposite of removal.
    Keep,
    /// Give a name.
    Call,
    /// What no operation does: stop, rename and the like.
    Foreign,
}

/// What is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Sandbox,
    Sandboxes,
    File,
    Files,
    Folder,
    Repository,
    Branch,
    Commit,
    Changes,
    State,
    Details,
    Content,
    Code,
    Command,
    Message,
    Image,
    Variable,
    Text,
    Machine,
    Git,
    Dependencies,
}

/// How words hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    In,
    From,
    To,
    As,
    With,
    About,
}

/// How things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Quality {
    /// New or fresh: it does not exist yet.
    New,
    /// Safe, isolated, throw-away.
    Safe,
    /// It is not kept.
    Temporary,
    /// It is kept.
    Persistent,
    /// All, every, everything.
    All,
    /// Without content.
    Empty,
    /// On the caller's machine.
    Local,
    /// The newest state.
    Latest,
    /// Running.
    Running,
    /// Stopped.
    Stopped,
    /// The one in use.
    Current,
}

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sense {
    Act(Act),
    Thing(Thing),
    Place(Place),
    Quality(Quality),
    Language(&'static str),
    /// Something follows in time.
    Then,
    /// Something follows.
    And,
    /// But: what follows stands against what came before.
    But,
    /// No, not, without.
    Not,
    /// Named, called.
    Named,
    /// It: what was spoken of last.
    It,
    /// There, in it: the sandbox that was spoken of last.
    There,
    /// Set to, equals.
    Equals,
    /// What follows is asked about, or hangs on a condition or a time: nothing is changed now.
    Wonder,
    /// What follows may not be wanted at all: nothing is removed.
    Doubt,
    /// That, which: what follows describes what stands before it.
    Relative,
    /// Please, now: courtesies, also at the end of a command.
    Please,
    /// A, an: any one.
    Any,
    /// Articles, courtesies: nothing that matters.
    Filler,
}

/// One line of a table.
pub(super) type Entry = (Sense, &'static str);

/// The languages; where two know a word, the request's own language has it.
const TABLES: &[&[Entry]] =
    &[english::WORDS, swedish::WORDS, german::WORDS, spanish::WORDS, french::WORDS];

/// Phrases of more words than this do not occur in the tables.
const LONGEST_PHRASE: usize = 5;

#[derive(Default)]
struct Lexicon {
    words: HashMap<String, Vec<Sense>>,
    prefixes: Vec<(String, Sense)>,
}

static LEXICA: LazyLock<Vec<Lexicon>> =
    LazyLock::new(|| TABLES.iter().map(|table| Lexicon::new(table)).collect());

impl Lexicon {
    fn new(table: &[Entry]) -> Self {
        let mut lexicon = Self::default();
        for (sense, words) in table {
            for word in words.split(',').map(fold_phrase).filter(|word| !word.is_empty()) {
                match word.strip_suffix('*') {
                    Some(prefix) => lexicon.prefixes.push((prefix.to_owned(), *sense)),
                    None => lexicon.words.entry(word).or_default().push(*sense),
                }
            }
        }
        // The longest prefix knows best.
        lexicon.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        lexicon
    }

    fn get(&self, word: &str) -> Option<Vec<Sense>> {
        if let Some(senses) = self.words.get(word) {
            return Some(senses.clone());
        }
        let found = self.prefixes.iter().find(|(prefix, _)| word.starts_with(prefix.as_str()));
        found.map(|(_, sense)| vec![*sense])
    }

    /// The senses of the word nearest to one with slips, and how near it is.
    fn near(&self, word: &str) -> Option<(usize, Vec<Sense>)> {
        let bound = distance::allowed(word.chars().count());
        // A slip makes no condition of a name, and no removal of another short verb: `scrape`.
        let is_certain = |known: &str, senses: &[Sense]| {
            senses.iter().any(|sense| match sense {
                Sense::Wonder | Sense::Doubt | Sense::But => true,
                Sense::Act(Act::Remove | Act::Discard) => known.chars().count() < 6,
                _ => false,
            })
        };
        let words = self.words.iter().filter(|(known, senses)| {
            !is_certain(known, senses)
                && known.chars().count() >= 4
                && !known.contains(' ')
                && known.chars().next() == word.chars().next()
        });
        let close = words.filter_map(|(known, senses)| {
            Some((distance::within(word, known, bound)?, known, senses))
        });
        let best = close.min_by_key(|(distance, known, _)| (*distance, (*known).clone()))?;
        Some((best.0, best.2.clone()))
    }
}

/// Which language's meaning of a word is asked first.
#[derive(Clone, Debug)]
pub(super) struct Order(Vec<usize>);

/// The order that the words of a request suggest: the language that knows most of them first, and
/// of two the one that knows the first word.
pub(super) fn order<'a>(words: impl Iterator<Item = &'a str>) -> Order {
    let mut votes = vec![0_usize; TABLES.len()];
    for (place, word) in words.take(400).enumerate() {
        let word = fold(word);
        let more = usize::from(place == 0);
        for (vote, lexicon) in votes.iter_mut().zip(LEXICA.iter()) {
            *vote += usize::from(lexicon.words.contains_key(&word)) * 2
                + usize::from(lexicon.get(&word).is_some()) * (1 + more);
        }
    }
    let mut order: Vec<usize> = (0..TABLES.len()).collect();
    order.sort_by_key(|language| std::cmp::Reverse(votes[*language]));
    Order(order)
}

impl Order {
    /// The senses of exactly this word, or of the two that it is put together of.
    pub(super) fn senses(&self, word: &str) -> Vec<Sense> {
        let word = fold(word);
        if let Some(found) = self.known(&word) {
            return found;
        }
        if let Some(language) = shared::language(&word) {
            return vec![Sense::Language(language)];
        }
        let parts = compound(&word);
        if !parts.is_empty() {
            return parts;
        }
        // `montre-moi`: the verb and a word that adds nothing.
        let Some((head, tail)) = word.split_once('-') else { return Vec::new() };
        let adds_nothing = self.known(tail).is_some_and(|senses| {
            senses.iter().all(|sense| matches!(sense, Sense::Filler | Sense::It | Sense::There))
        });
        if adds_nothing { self.known(head).unwrap_or_default() } else { Vec::new() }
    }

    fn known(&self, word: &str) -> Option<Vec<Sense>> {
        self.0.iter().find_map(|one| LEXICA[*one].get(word))
    }

    /// The senses of the phrase that begins these words, and how many of them it takes.
    pub(super) fn phrase(&self, words: &[&str]) -> Option<(usize, Vec<Sense>)> {
        for length in (2..=words.len().min(LONGEST_PHRASE)).rev() {
            let phrase =
                words[..length].iter().map(|word| fold(word)).collect::<Vec<_>>().join(" ");
            let found = self.0.iter().find_map(|one| LEXICA[*one].words.get(&phrase));
            if let Some(senses) = found {
                return Some((length, senses.clone()));
            }
        }
        None
    }

    /// The senses of a word with slips of the finger.
    pub(super) fn near(&self, word: &str) -> Vec<Sense> {
        let word = fold(word);
        if !word.chars().all(char::is_alphabetic) {
            return Vec::new();
        }
        let all = self.0.iter().filter_map(|one| LEXICA[*one].near(&word));
        let language = shared::near_language(&word).map(|(d, l)| (d, vec![Sense::Language(l)]));
        all.chain(language).min_by_key(|(distance, _)| *distance).map_or(Vec::new(), |(_, s)| s)
    }
}

/// `pythonmiljö`, `Go-Umgebung`: a language and a word for a sandbox.
fn compound(word: &str) -> Vec<Sense> {
    for (end, sense) in shared::ENDS {
        let Some(head) = word.strip_suffix(end) else { continue };
        let head = head.trim_end_matches('-');
        if let Some(language) = shared::language(head) {
            return vec![Sense::Language(language), Sense::Thing(*sense)];
        }
        if shared::HEADS.contains(&head) {
            return vec![Sense::Thing(*sense)];
        }
    }
    Vec::new()
}

fn fold_phrase(words: &str) -> String {
    let mut folded = Vec::new();
    for word in words.split_whitespace() {
        match lexer::elision(word) {
            Some(length) => folded.extend([fold(&word[..length]), fold(&word[length..])]),
            None => folded.push(fold(word)),
        }
    }
    folded.join(" ")
}

/// Small letters without accents.
pub(super) fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for letter in word.chars().flat_map(char::to_lowercase) {
        match letter {
            'à' | 'á' | 'â' | 'ä' | 'å' | 'ã' => folded.push('a'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ò' | 'ó' | 'ô' | 'ö' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ç' => folded.push('c'),
            'ñ' => folded.push('n'),
            'œ' => folded.push_str("oe"),
            'ß' => folded.push_str("ss"),
            '’' => folded.push('\''),
            _ => folded.push(letter),
        }
    }
    folded
}
