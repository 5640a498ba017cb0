//! Commands and code that stand in a sentence without quotes.

use super::facts::{Clause, Part, Piece};
use super::lexer::Kind;
use super::vocabulary::{Act, PROGRAMS, Place, SUBCOMMANDS, Sense, Thing};

/// Verbs that run something.
pub(super) const RUNS: &[Act] = &[Act::Run, Act::Try, Act::Start];

/// Whether the pieces begin with a command.
pub(super) fn begins_command(pieces: &[Piece<'_>]) -> bool {
    first_of_all(pieces).is_some_and(|at| is_command(pieces, at))
}

fn first_of_all(pieces: &[Piece<'_>]) -> Option<usize> {
    let adds_nothing = |(at, piece): (usize, &Piece<'_>)| {
        let is_mark = piece.kind == Kind::Mark;
        (piece.is_filler() && !is_program(pieces, at))
            || is_mark
            || piece.has(Sense::Then)
            || piece.has(Sense::And)
            || !piece.is_free()
    };
    let at = pieces.iter().enumerate().find(|piece| !adds_nothing(*piece));
    at.map(|(at, _)| at)
}

/// Whether a program's name stands here; `du` is also a word that adds nothing, and then what
/// only a program takes must follow it.
fn is_program(pieces: &[Piece<'_>], at: usize) -> bool {
    let word = pieces[at].value.split_whitespace().next().unwrap_or_default();
    let takes = |next: &Piece<'_>| next.value.starts_with('-') || next.kind == Kind::Path;
    PROGRAMS.contains(&word) && (!pieces[at].is_filler() || pieces.get(at + 1).is_some_and(takes))
}

/// Whether a command begins here: with a program, or with a word that is also one and something
/// after it that only a program takes.
fn is_command(pieces: &[Piece<'_>], at: usize) -> bool {
    let piece = &pieces[at];
    let word = piece.value.split_whitespace().next().unwrap_or_default();
    if !matches!(piece.kind, Kind::Word | Kind::Path) {
        return false;
    }
    let next = pieces.get(at + 1);
    if is_program(pieces, at) {
        // `ls of /opt` asks for files and is no command.
        let lists = next.is_some_and(|next| next.place() == Some(Place::From))
            && pieces.get(at + 2).is_some_and(|after| after.kind == Kind::Path);
        return !lists;
    }
    if piece.value.starts_with("./") && next.is_none_or(|next| next.value.starts_with('-')) {
        return true;
    }
    let Some((_, words)) = SUBCOMMANDS.iter().find(|(program, _)| *program == word) else {
        return false;
    };
    // `git log` may have become one phrase.
    let follows = match piece.value.split_whitespace().nth(1) {
        Some(second) => Some(second),
        None => next.map(|next| next.value),
    };
    let is_sandbox_next = pieces.get(at + 2).is_some_and(|after| after.is_sandbox());
    let is_path = next.is_some_and(|next| next.kind == Kind::Path);
    let takes = |word: &str| {
        word.starts_with('-')
            || words.iter().any(|known| word.split_whitespace().next() == Some(known))
    };
    (is_path && word != "go" && word != "make") || (follows.is_some_and(takes) && !is_sandbox_next)
}

/// Whether the clause runs something.
pub(super) fn runs(clause: &Clause<'_, '_>) -> bool {
    clause.acts().iter().any(|act| RUNS.contains(act)) || begins_command(clause.pieces)
}

/// Takes the command or code out of the clause that stands there unquoted.
pub(super) fn take<'t>(clause: &mut Clause<'t, '_>) -> Option<&'t str> {
    let (from, to) = span(clause)?;
    let text = clause.text;
    let (start, end) = (clause.pieces[from].start, clause.pieces[to - 1].end);
    clause.mark(from, to, Part::Data);
    let command = text[start..end].trim_end_matches([',', ';']).trim();
    (!command.is_empty()).then_some(command)
}

fn span(clause: &Clause<'_, '_>) -> Option<(usize, usize)> {
    let pieces = &clause.pieces;
    let verb = clause.first(|piece| piece.act().is_some_and(|act| RUNS.contains(&act)));
    let from = match verb {
        Some(verb) if !begins_command(pieces) => after_verb(pieces, verb)?,
        Some(_) | None => {
            let first = first_of_all(pieces)?;
            is_command(pieces, first).then_some(first)?
        }
    };
    let mut to = pieces.len();
    while to > from + 1 && ends_nothing(&pieces[to - 1]) {
        to -= 1;
    }
    Some((from, to))
}

/// Where what is run begins: behind words such as `this code:` and behind the sandbox.
fn after_verb(pieces: &[Piece<'_>], verb: usize) -> Option<usize> {
    let strict = pieces[verb].act() != Some(Act::Run);
    let mut at = verb + 1;
    loop {
        let piece = pieces.get(at)?;
        if is_command(pieces, at) && piece.is_free() {
            return Some(at);
        }
        let names_it = matches!(piece.thing(), Some(Thing::Code | Thing::Command | Thing::Text));
        let is_passed = !piece.is_free()
            || piece.is_filler()
            || piece.kind == Kind::Mark
            || names_it
            || [Sense::It, Sense::There].iter().any(|sense| piece.has(*sense))
            || (piece.language().is_some() && !piece.guessed);
        if is_passed {
            at += 1;
        } else {
            let is_raw = piece.kind == Kind::Code
                || piece.kind == Kind::Assign
                || (piece.is_unknown() && !strict)
                || (piece.kind == Kind::Path && !strict);
            // `run the tests with `pytest -q``: what is quoted is the command.
            let is_told = (at + 1..pieces.len()).any(|data| {
                let word = pieces[data].value.split_whitespace().next().unwrap_or_default();
                pieces[data].is_data()
                    && pieces[data - 1].place() == Some(Place::With)
                    && super::code::is_program(word)
            });
            if is_told && piece.is_unknown() {
                return None;
            }
            let looks = super::code::looks_like_code(piece.value);
            return (is_raw || looks && piece.kind == Kind::Word).then_some(at);
        }
    }
}

/// What may stand behind a command and is no part of it.
fn ends_nothing(piece: &Piece<'_>) -> bool {
    matches!(piece.part, Part::Where | Part::Folder)
        || (piece.kind == Kind::Mark && !matches!(piece.value, ")" | "("))
        || piece.has(Sense::Please)
        || piece.has(Sense::Then)
        || (piece.has(Sense::There) && !piece.guessed)
        || (piece.place().is_some() && piece.kind == Kind::Word && !piece.guessed)
        || (piece.act() == Some(Act::Run) && !piece.guessed)
}

/// Takes the folder out of the clause that something is run in.
pub(super) fn take_folder<'t>(clause: &mut Clause<'t, '_>) -> Option<&'t str> {
    let is_folder = |piece: &Piece<'_>| {
        piece.kind == Kind::Path || (piece.kind == Kind::Quote && piece.value.starts_with('/'))
    };
    let at = (0..clause.pieces.len()).rev().find(|at| {
        let named = folder_start(clause, *at);
        is_folder(&clause.pieces[*at])
            && clause.pieces[*at].is_free()
            && (clause.pieces[*at].value.starts_with(['/', '~']) || named.is_some_and(|(_, n)| n))
            && named.is_some()
    })?;
    let (from, _) = folder_start(clause, at)?;
    let value = clause.pieces[at].value;
    clause.mark(from, at + 1, Part::Folder);
    Some(value)
}

/// Where the words begin that make a path a folder, and whether they call it one.
fn folder_start(clause: &Clause<'_, '_>, path: usize) -> Option<(usize, bool)> {
    let mut at = clause.before(path)?;
    let mut is_named = false;
    while clause.pieces[at].has(Sense::Thing(Thing::Folder))
        || clause.pieces[at].has(Sense::Thing(Thing::Repository))
    {
        is_named = true;
        at = clause.before(at)?;
    }
    let place = clause.pieces[at].place();
    matches!(place, Some(Place::In | Place::From)).then_some((at, is_named))
}
