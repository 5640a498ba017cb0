//! The pieces of a request with what they may mean, and what a clause as a whole contains.

use super::lexer::{self, Kind, Token};
use super::names::Names;
use super::vocabulary::{self, Act, Place, Quality, Sense, Thing};

/// What a piece of a clause is for, once that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing yet.
    Free,
    /// It says in which sandbox.
    Where,
    /// It says in which folder.
    Folder,
    /// It is data: a command, a content, a name.
    Data,
}

/// A word, a phrase, or a piece of data.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) kind: Kind,
    pub(super) value: &'a str,
    pub(super) fence: Option<&'a str>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) senses: Vec<Sense>,
    /// Whether its senses are those of a word that is only near to it.
    pub(super) guessed: bool,
    pub(super) part: Part,
}

impl<'a> Piece<'a> {
    fn new(token: &Token<'a>) -> Self {
        let Token { kind, value, fence, start, end } = *token;
        Self {
            kind,
            value,
            fence,
            start,
            end,
            senses: Vec::new(),
            guessed: false,
            part: Part::Free,
        }
    }

    /// A piece of data that reaches over part of the text.
    pub(super) fn data(value: &'a str, start: usize, end: usize) -> Self {
        let token = Token { kind: Kind::Code, value, fence: None, start, end };
        Self::new(&token)
    }

    pub(super) fn is_free(&self) -> bool {
        self.part == Part::Free
    }

    pub(super) fn has(&self, sense: Sense) -> bool {
        self.is_free() && self.senses.contains(&sense)
    }

    pub(super) fn act(&self) -> Option<Act> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Act(act) if self.is_free() => Some(*act),
            _ => None,
        })
    }

    pub(super) fn thing(&self) -> Option<Thing> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Thing(thing) if self.is_free() => Some(*thing),
            _ => None,
        })
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Place(place) => Some(*place),
            _ => None,
        })
    }

    pub(super) fn language(&self) -> Option<&'static str> {
        self.senses.iter().find_map(|sense| match sense {
            Sense::Language(language) => Some(*language),
            _ => None,
        })
    }

    pub(super) fn is_sandbox(&self) -> bool {
        matches!(self.thing(), Some(Thing::Sandbox | Thing::Sandboxes))
    }

    /// Whether it is data by its form.
    pub(super) fn is_data(&self) -> bool {
        matches!(self.kind, Kind::Quote | Kind::Block | Kind::Code)
    }

    /// Whether it adds nothing.
    pub(super) fn is_filler(&self) -> bool {
        self.kind == Kind::Word
            && self.senses.iter().any(|sense| {
                matches!(
                    sense,
                    Sense::Filler
                        | Sense::Any
                        | Sense::Please
                        | Sense::Wonder
                        | Sense::Doubt
                        | Sense::Relative
                )
            })
            && !self.senses.iter().any(|sense| matches!(sense, Sense::Act(_) | Sense::Thing(_)))
    }

    /// A word that no table knows, so that it can be a name.
    pub(super) fn is_unknown(&self) -> bool {
        self.kind == Kind::Word
            && self.is_free()
            && (self.senses.is_empty() || self.guessed)
            && self.value.chars().any(char::is_alphanumeric)
    }

    /// Whether it parts clauses.
    pub(super) fn parts(&self) -> bool {
        let is_mark = self.kind == Kind::Mark && !matches!(self.value, ":" | ")" | "(" | "¿" | "¡");
        is_mark || [Sense::And, Sense::Then, Sense::But].iter().any(|sense| self.has(*sense))
    }
}

/// Cuts a request into pieces.
pub(super) fn pieces<'a>(text: &'a str, names: &Names<'_>) -> Vec<Piece<'a>> {
    let tokens = lexer::tokens(text);
    let words = tokens.iter().filter(|token| token.kind == Kind::Word).map(|token| token.value);
    let order = vocabulary::order(words);
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let mut piece = Piece::new(token);
        at += 1;
        let is_word = matches!(token.kind, Kind::Word | Kind::Path);
        if is_word && !names.owns(token.value) {
            let run: Vec<_> = tokens[at - 1..].iter().take(5).map_while(as_word).collect();
            if let Some((length, senses)) = order.phrase(&run) {
                let last = &tokens[at + length - 2];
                piece.senses = senses;
                piece.end = last.end;
                piece.value = &text[piece.start..piece.end];
                at += length - 1;
            } else if token.kind == Kind::Word {
                piece.senses = order.senses(token.value);
                if piece.senses.is_empty() && !names.has(token.value) {
                    piece.senses = order.near(token.value);
                    piece.guessed = !piece.senses.is_empty();
                }
            }
        }
        pieces.push(piece);
    }
    settle(&mut pieces);
    pieces
}

fn as_word<'a>(token: &Token<'a>) -> Option<&'a str> {
    (token.kind == Kind::Word).then_some(token.value)
}

/// `go` and `c` are languages beside a word for a sandbox or code, and words otherwise.
fn settle(pieces: &mut [Piece<'_>]) {
    for at in 0..pieces.len() {
        let piece = &pieces[at];
        if piece.kind != Kind::Word || piece.value.chars().count() > 2 {
            continue;
        }
        let Some(language) = vocabulary::language(piece.value) else { continue };
        let beside = |place: Option<usize>| {
            let near = place.and_then(|place| pieces.get(place));
            near.is_some_and(|near| {
                near.senses.iter().any(|sense| {
                    matches!(sense, Sense::Thing(Thing::Sandbox | Thing::Sandboxes | Thing::Code))
                })
            })
        };
        let is_capital = piece.value.starts_with(char::is_uppercase) && at > 0;
        let short = piece.value.chars().count() == 1;
        if beside(Some(at + 1))
            || beside(at.checked_sub(1))
            || (is_capital && !short)
            || ["js", "ts", "py"].contains(&piece.value.to_lowercase().as_str())
            || (at > 0 && pieces[at - 1].senses.contains(&Sense::Place(Place::In)) && !short)
            || (at > 0
                && [
                    "language", "sprache", "lenguaje", "språket", "langage", "for", "för", "für",
                    "de", "en",
                ]
                .contains(&pieces[at - 1].value.to_lowercase().as_str())
                && !short)
        {
            pieces[at].senses = vec![Sense::Language(language)];
            pieces[at].guessed = false;
        } else {
            pieces[at].senses.retain(|sense| !matches!(sense, Sense::Language(_)));
        }
    }
}

/// What a clause contains.
pub(super) struct Clause<'t, 'p> {
    pub(super) text: &'t str,
    pub(super) pieces: &'p mut [Piece<'t>],
}

impl<'t> Clause<'t, '_> {
    pub(super) fn free(&self) -> impl Iterator<Item = &Piece<'t>> {
        self.pieces.iter().filter(|piece| piece.is_free())
    }

    /// What is to be done, in order; what is not to be done is left out.
    pub(super) fn acts(&self) -> Vec<Act> {
        let mut others = self.denied();
        others.extend(self.describing());
        let acts = self.pieces.iter().enumerate().filter(|(at, _)| !others.contains(at));
        acts.filter_map(|(_, piece)| piece.act()).collect()
    }

    /// What is not to be done.
    pub(super) fn denied_acts(&self) -> Vec<Act> {
        self.denied().into_iter().filter_map(|at| self.pieces[at].act()).collect()
    }

    /// The places of verbs that describe something: `the script that deletes web`.
    fn describing(&self) -> impl Iterator<Item = usize> {
        let follows = |(at, piece): (usize, &Piece<'_>)| {
            let described = at.checked_sub(1).map(|before| &self.pieces[before])?;
            let is_noun = described.thing().is_some()
                || described.is_unknown()
                || !described.is_free()
                || described.kind == Kind::Path;
            let verb = (at + 1..self.pieces.len()).find(|next| !self.pieces[*next].is_filler())?;
            let is_verb = self.pieces[verb].act().is_some();
            (piece.senses.contains(&Sense::Relative) && is_noun && is_verb).then_some(verb)
        };
        self.pieces.iter().enumerate().filter_map(follows)
    }

    /// The places of verbs that a negation takes back: the next one, or else the last before.
    fn denied(&self) -> Vec<usize> {
        let mut denied = Vec::new();
        let is_verb = |piece: &Piece<'_>| piece.act().is_some_and(|act| act != Act::Ask);
        for (at, piece) in self.pieces.iter().enumerate() {
            if !piece.has(Sense::Not)
                || denied.last().is_some_and(|last| *last + 4 > at && *last < at)
            {
                continue;
            }
            let after = self.pieces[at + 1..].iter().take(4).take_while(|piece| !piece.parts());
            if let Some(next) = after.clone().position(is_verb) {
                denied.push(at + 1 + next);
            } else if self.pieces[at + 1..].iter().all(|piece| piece.is_filler() || piece.parts())
                && let Some(before) = self.pieces[..at].iter().rposition(is_verb)
            {
                denied.push(before);
            }
        }
        denied
    }

    pub(super) fn has(&self, sense: Sense) -> bool {
        self.pieces.iter().any(|piece| piece.has(sense))
    }

    pub(super) fn has_thing(&self, thing: Thing) -> bool {
        self.has(Sense::Thing(thing))
    }

    pub(super) fn has_quality(&self, quality: Quality) -> bool {
        self.has(Sense::Quality(quality))
    }

    pub(super) fn first(&self, wanted: impl Fn(&Piece<'t>) -> bool) -> Option<usize> {
        self.pieces.iter().position(|piece| piece.is_free() && wanted(piece))
    }

    /// The piece before `at` that is more than filling.
    pub(super) fn before(&self, at: usize) -> Option<usize> {
        self.pieces[..at].iter().rposition(|piece| !piece.is_filler())
    }

    pub(super) fn place_before(&self, at: usize) -> Option<Place> {
        self.before(at).and_then(|before| self.pieces[before].place())
    }

    pub(super) fn mark(&mut self, from: usize, to: usize, part: Part) {
        for piece in &mut self.pieces[from..to] {
            piece.part = part;
        }
    }
}
