//! Which sandbox a clause speaks of.
//!
//! Names are compared with what the caller can see; where nobody knows that, a name is taken as
//! it was written. A slip in a name is forgiven when it fits one sandbox, but what is to be
//! destroyed must be named exactly.

use std::collections::{HashMap, HashSet};

use super::distance;
use super::facts::{Clause, Part, Piece};
use super::lexer::Kind;
use super::raw;
use super::vocabulary::{Act, Place, Quality, Sense, Thing, fold};
use super::{Scope, Visible};

/// What a clause says of its sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Nothing.
    Unsaid,
    /// This one, by id or by the name as it was written.
    Known(String),
    /// This one, if a slip is forgiven.
    Near(String),
    /// The one that this step makes.
    Made(usize),
    /// It fits these, by part of a name or by what they are.
    Fits(Vec<String>),
    /// Nothing that can be seen.
    Unknown(String),
    /// One that is to be made.
    Fresh,
    /// More than one.
    All,
}

/// The sandboxes that a request can speak of.
pub(super) struct Names<'s> {
    pub(super) scope: &'s Scope,
    /// Names that earlier steps give, with the steps.
    pub(super) made: Vec<(String, usize)>,
    ids: HashSet<&'s str>,
    /// What can be seen, by its name as [`fold`] writes it.
    by_name: HashMap<String, &'s Visible>,
}

impl<'s> Names<'s> {
    pub(super) fn new(scope: &'s Scope) -> Self {
        let visible = scope.sandboxes.as_deref().unwrap_or_default();
        let ids = visible.iter().map(|one| one.id.as_str()).collect();
        let named = visible.iter().rev().filter(|one| !one.name.is_empty());
        let by_name = named.map(|one| (fold(&one.name), one)).collect();
        Self { scope, made: Vec::new(), ids, by_name }
    }

    pub(super) fn visible(&self) -> &[Visible] {
        self.scope.sandboxes.as_deref().unwrap_or_default()
    }

    fn exact(&self, word: &str) -> Option<Whereabouts> {
        let folded = fold(word);
        if let Some((_, step)) = self.made.iter().rev().find(|(name, _)| fold(name) == folded) {
            return Some(Whereabouts::Made(*step));
        }
        if self.ids.contains(word) {
            return Some(Whereabouts::Known(word.to_owned()));
        }
        self.by_name.get(&folded).map(|one| Whereabouts::Known(one.id.clone()))
    }

    /// Whether a word is a sandbox's name and could not be anything else.
    pub(super) fn owns(&self, word: &str) -> bool {
        let is_plain = word.chars().all(char::is_alphabetic);
        self.exact(word).is_some() && !is_plain
    }

    /// Whether a word is a sandbox's name as it stands, so that it is no other word with a typo.
    pub(super) fn has(&self, word: &str) -> bool {
        self.exact(word).is_some()
    }

    /// Whether a sandbox's name begins here.
    pub(super) fn is_name(&self, pieces: &[Piece<'_>], at: usize) -> bool {
        name_at(pieces, at, self).is_some()
    }

    /// What a word that nobody knows may mean.
    fn guess(&self, word: &str) -> Whereabouts {
        if self.scope.sandboxes.is_none() {
            return Whereabouts::Known(word.to_owned());
        }
        self.near(word).unwrap_or_else(|| match self.partly(&[word]) {
            fits if fits.is_empty() => Whereabouts::Unknown(word.to_owned()),
            fits => Whereabouts::Fits(fits),
        })
    }

    fn near(&self, word: &str) -> Option<Whereabouts> {
        let word = fold(word);
        let bound = distance::allowed(word.chars().count());
        if bound == 0 {
            return None;
        }
        let close = |one: &&Visible| {
            [&one.name, &one.id].into_iter().any(|name| {
                let is_number =
                    name.chars().any(|c| c.is_ascii_digit()) && digits(name) != digits(&word);
                !is_number && distance::within(&word, &fold(name), bound).is_some_and(|d| d > 0)
            })
        };
        let fits: Vec<_> = self.visible().iter().filter(close).map(|one| one.id.clone()).collect();
        match fits.as_slice() {
            [] => None,
            [one] => Some(Whereabouts::Near(one.clone())),
            _ => Some(Whereabouts::Fits(fits)),
        }
    }

    /// The sandboxes in whose names all of these words are parts.
    fn partly(&self, words: &[&str]) -> Vec<String> {
        let words: Vec<_> = words.iter().map(|word| fold(word)).collect();
        let fits = self.visible().iter().filter(|one| {
            let name = fold(&one.name);
            let mut parts = name.split(|c: char| !c.is_alphanumeric());
            words.iter().all(|word| {
                parts.clone().any(|part| part == word)
                    || (word.len() > 2 && name.starts_with(word.as_str()))
            }) && parts.next().is_some()
        });
        fits.map(|one| one.id.clone()).collect()
    }
}

fn digits(word: &str) -> String {
    word.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a clause makes its sandbox or uses one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Makes,
    Uses,
}

/// Finds and marks what says in which sandbox.
pub(super) fn find(clause: &mut Clause<'_, '_>, names: &Names<'_>, role: Role) -> Whereabouts {
    if let Some(found) = by_name(clause, names) {
        return found;
    }
    if role == Role::Makes {
        return Whereabouts::Unsaid;
    }
    if let Some(found) = by_unknown_name(clause, names) {
        return found;
    }
    by_description(clause, names)
}

fn by_name(clause: &mut Clause<'_, '_>, names: &Names<'_>) -> Option<Whereabouts> {
    let mut hits = Vec::new();
    let runs = raw::runs(clause);
    let verb = clause.first(|piece| piece.act().is_some_and(|act| raw::RUNS.contains(&act)));
    for at in 0..clause.pieces.len() {
        let Some((length, found)) = name_at(clause.pieces, at, names) else { continue };
        let is_strong = is_placed(clause, at, at + length);
        let is_quote = clause.pieces[at].kind == Kind::Quote;
        let in_command = runs && verb.is_none_or(|verb| at > verb);
        if is_strong || (!is_quote && !in_command) {
            hits.push((at, length, found, is_strong));
        }
    }
    if hits.iter().any(|hit| hit.3) {
        hits.retain(|hit| hit.3);
    }
    let first = hits.first()?.2.clone();
    let mut all: Vec<_> = hits.iter().map(|hit| hit.2.clone()).collect();
    all.dedup();
    for (at, length, _, _) in &hits {
        mark_phrase(clause, *at, at + length);
    }
    if all.iter().all(|one| *one == first) {
        return Some(first);
    }
    let ids = all.into_iter().filter_map(|one| match one {
        Whereabouts::Known(id) => Some(id),
        _ => None,
    });
    Some(Whereabouts::Fits(ids.collect()))
}

/// The name that begins here, which may have blanks where the sandbox's has hyphens.
fn name_at(pieces: &[Piece<'_>], at: usize, names: &Names<'_>) -> Option<(usize, Whereabouts)> {
    if !pieces[at].is_free() {
        return None;
    }
    if matches!(pieces[at].kind, Kind::Quote | Kind::Path) {
        return names.exact(pieces[at].value).map(|found| (1, found));
    }
    for length in (1..=3).rev() {
        let Some(run) = pieces.get(at..at + length) else { continue };
        if !run.iter().all(|piece| piece.kind == Kind::Word && piece.is_free()) {
            continue;
        }
        let words: Vec<_> = run.iter().map(|piece| piece.value).collect();
        let joined = ["-", " ", "_", ""].iter().find_map(|with| names.exact(&words.join(with)));
        if let Some(found) = joined {
            return Some((length, found));
        }
    }
    None
}

/// Whether a preposition or a word for a sandbox says that this is where.
fn is_placed(clause: &Clause<'_, '_>, from: usize, to: usize) -> bool {
    let says = |at: Option<usize>| {
        at.is_some_and(|at| {
            let piece = &clause.pieces[at];
            let place =
                matches!(piece.place(), Some(Place::In | Place::From | Place::To | Place::About));
            place || piece.is_sandbox()
        })
    };
    let sandbox_after = clause.pieces.get(to).is_some_and(Piece::is_sandbox);
    says(clause.before(from)) || sandbox_after
}

/// Marks a name with the words around it that only lead to it.
fn mark_phrase(clause: &mut Clause<'_, '_>, from: usize, to: usize) {
    let leads = |piece: &Piece<'_>| {
        piece.is_filler()
            || piece.is_sandbox()
            || piece.has(Sense::Named)
            || piece.has(Sense::Quality(Quality::Current))
    };
    let mut start = from;
    while start > 0 && leads(&clause.pieces[start - 1]) {
        start -= 1;
    }
    if start > 0 && clause.pieces[start - 1].place().is_some() && clause.pieces[start - 1].is_free()
    {
        start -= 1;
    }
    let mut end = to;
    while clause.pieces.get(end).is_some_and(Piece::is_sandbox) {
        end += 1;
    }
    clause.mark(start, end, Part::Where);
}

/// A word that no table and no list of sandboxes knows, where only a sandbox's name can stand.
fn by_unknown_name(clause: &mut Clause<'_, '_>, names: &Names<'_>) -> Option<Whereabouts> {
    let acts = clause.acts();
    let is_object = acts
        .iter()
        .any(|act| matches!(act, Act::Remove | Act::Discard | Act::Describe | Act::Keep))
        || (clause.has_thing(Thing::State) || clause.has_thing(Thing::Details));
    let switches = acts.iter().any(|act| matches!(act, Act::Switch | Act::Move))
        || clause.has_thing(Thing::Branch);
    let runs = raw::runs(clause);
    let has_path = clause.pieces.iter().any(|piece| piece.kind == Kind::Path);
    let mut best = None;
    for at in 0..clause.pieces.len() {
        let piece = &clause.pieces[at];
        let before = clause.before(at);
        let after_sandbox = before.is_some_and(|b| {
            clause.pieces[b].is_sandbox()
                && (b + 1 == at || clause.pieces[b + 1..at].iter().all(Piece::is_filler))
        });
        let is_quote = piece.kind == Kind::Quote && after_sandbox && !runs;
        if (!piece.is_unknown() || piece.value.starts_with('-')) && !is_quote {
            continue;
        }
        let place = clause.place_before(at);
        let is_direct =
            clause.pieces.get(at.wrapping_sub(1)).is_some_and(|piece| !piece.has(Sense::Any));
        let ends = clause.pieces.get(at + 1).is_none_or(|next| {
            next.kind == Kind::Mark
                || next.kind == Kind::Block
                || next.is_filler()
                || next.place().is_some()
                || next.act().is_some()
                || next.parts()
                || !next.is_free()
                || next.is_data()
                || next.has(Sense::Thing(Thing::Git))
        });
        let is_where = match place {
            Some(Place::In | Place::From) => {
                is_direct && ends && !(switches && before_is_branch(clause, at))
            }
            Some(Place::To | Place::About) => is_direct && ends && !switches,
            Some(Place::As | Place::With) | None => false,
        };
        let near = !runs && matches!(names.near(piece.value), Some(Whereabouts::Near(_)));
        let bare = is_object
            && !has_path
            && !runs
            && clause.pieces.get(at + 1).is_none_or(|next| !next.is_sandbox());
        if after_sandbox || is_where || (best.is_none() && (near || bare)) {
            best = Some(at);
        }
    }
    let at = best?;
    let found = names.guess(clause.pieces[at].value);
    mark_phrase(clause, at, at + 1);
    Some(found)
}

fn before_is_branch(clause: &Clause<'_, '_>, at: usize) -> bool {
    let place = clause.before(at);
    let before = place.and_then(|place| clause.before(place));
    before.is_some_and(|before| clause.pieces[before].act().is_some())
        && !clause.pieces.iter().any(|piece| piece.has(Sense::Thing(Thing::Branch)))
}

/// `my node environment`, `the old one`, `somewhere safe`.
fn by_description(clause: &mut Clause<'_, '_>, names: &Names<'_>) -> Whereabouts {
    let Some(noun) = clause.first(Piece::is_sandbox) else {
        let safe = clause.first(|piece| piece.has(Sense::Quality(Quality::Safe)));
        let all = clause.has_quality(Quality::All);
        return match safe {
            Some(at) => {
                clause.mark(at, at + 1, Part::Where);
                Whereabouts::Fresh
            }
            None if all => Whereabouts::All,
            None => Whereabouts::Unsaid,
        };
    };
    let (from, to) = noun_phrase(clause, noun);
    let phrase = &clause.pieces[from..to];
    let quality = |quality| phrase.iter().any(|piece| piece.has(Sense::Quality(quality)));
    let plural = phrase.iter().any(|piece| piece.thing() == Some(Thing::Sandboxes));
    let found = if plural || quality(Quality::All) {
        Whereabouts::All
    } else if [Quality::New, Quality::Safe, Quality::Temporary].into_iter().any(quality) {
        Whereabouts::Fresh
    } else {
        described(phrase, names)
    };
    let start = match from.checked_sub(1) {
        Some(before) if clause.pieces[before].place().is_some() => before,
        Some(_) | None => from,
    };
    if found != Whereabouts::All {
        clause.mark(start, to, Part::Where);
    }
    found
}

fn noun_phrase(clause: &Clause<'_, '_>, noun: usize) -> (usize, usize) {
    let belongs = |piece: &Piece<'_>| {
        let describes = piece.senses.iter().any(|sense| matches!(sense, Sense::Quality(_)));
        piece.is_filler()
            || describes
            || piece.language().is_some()
            || piece.is_unknown()
            || piece.has(Sense::It)
    };
    let mut from = noun;
    while from > 0
        && noun - from < 5
        && belongs(&clause.pieces[from - 1])
        && clause.pieces[from - 1].act().is_none()
    {
        from -= 1;
    }
    let mut to = noun + 1;
    while clause
        .pieces
        .get(to)
        .is_some_and(|piece| belongs(piece) && !piece.is_filler() || piece.is_sandbox())
    {
        to += 1;
    }
    let joined = clause.pieces.get(to).is_some_and(|piece| piece.place() == Some(Place::From));
    let language = clause.pieces.get(to + 1).is_some_and(|piece| piece.language().is_some());
    if joined && language {
        to += 2;
    }
    (from, to)
}

fn described(phrase: &[Piece<'_>], names: &Names<'_>) -> Whereabouts {
    let languages: Vec<_> = phrase.iter().filter_map(Piece::language).collect();
    let has = |quality| phrase.iter().any(|piece| piece.has(Sense::Quality(quality)));
    let words: Vec<_> =
        phrase.iter().filter(|piece| piece.is_unknown()).map(|piece| piece.value).collect();
    let any = phrase.iter().any(|piece| piece.has(Sense::Any));
    if languages.is_empty() && words.is_empty() && !has(Quality::Stopped) {
        return if any { Whereabouts::Fresh } else { Whereabouts::Unsaid };
    }
    let partly = if words.is_empty() { None } else { Some(names.partly(&words)) };
    let fits = names.visible().iter().filter(|one| {
        let language = one.language.as_deref().unwrap_or_default();
        let status = one.status.as_deref().unwrap_or_default();
        languages.iter().all(|wanted| *wanted == language)
            && (!has(Quality::Stopped) || status == "stopped")
            && partly.as_ref().is_none_or(|ids| ids.contains(&one.id))
    });
    let fits: Vec<_> = fits.map(|one| one.id.clone()).collect();
    match (fits.as_slice(), words.is_empty()) {
        ([one], true) if names.visible().len() > 1 || !any => Whereabouts::Known(one.clone()),
        ([], _) if any && words.is_empty() => Whereabouts::Fresh,
        ([], _) => {
            let said: Vec<_> = phrase.iter().map(|piece| piece.value).collect();
            Whereabouts::Unknown(said.join(" "))
        }
        _ => Whereabouts::Fits(fits),
    }
}
