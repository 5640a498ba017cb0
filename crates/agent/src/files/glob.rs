//! Shell patterns for file names: `*`, `?`, `[a-z]`, `[!a-z]` and `\` before a letter of these.

#[cfg(test)]
mod tests;

/// Whether a name matches a pattern. Without recursion: the last `*` is what is tried again, so
/// that no pattern takes longer than its length times the name's.
pub(super) fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, place));
            at += 1;
            continue;
        }
        if let Some(next) = one(pattern, at, name[place]) {
            at = next;
            place += 1;
            continue;
        }
        let Some((star_at, star_place)) = star else { return false };
        star = Some((star_at, star_place + 1));
        at = star_at + 1;
        place = star_place + 1;
    }
    pattern[at.min(pattern.len())..].iter().all(|letter| *letter == '*')
}

/// Where the pattern goes on after it matched one letter.
fn one(pattern: &[char], at: usize, letter: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => match class(pattern, at, letter) {
            Some((true, next)) => Some(next),
            Some((false, _)) => None,
            None => (letter == '[').then_some(at + 1),
        },
        '\\' if at + 1 < pattern.len() => (pattern[at + 1] == letter).then_some(at + 2),
        own => (*own == letter).then_some(at + 1),
    }
}

/// Whether a letter is in the class that begins here, and where the class ends; none when it
/// never ends, for then it is a bracket like any letter.
fn class(pattern: &[char], at: usize, letter: char) -> Option<(bool, usize)> {
    let mut next = at + 1;
    let negated = matches!(pattern.get(next), Some('!' | '^'));
    next += usize::from(negated);
    let first = next;
    let mut found = false;
    loop {
        let low = *pattern.get(next)?;
        if low == ']' && next > first {
            return Some((found != negated, next + 1));
        }
        let range = pattern.get(next + 1) == Some(&'-');
        match pattern.get(next + 2) {
            Some(high) if range && *high != ']' => {
                found |= (low..=*high).contains(&letter);
                next += 3;
            }
            _ => {
                found |= low == letter;
                next += 1;
            }
        }
    }
}
