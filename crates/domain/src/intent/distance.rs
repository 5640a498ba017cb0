//! How many slips of the finger lie between two words, up to a bound.

/// Letters of a word at most that is looked at; longer ones are no words of a vocabulary.
const LONGEST: usize = 24;

/// Slips that a word of this many letters may have.
pub(super) fn allowed(letters: usize) -> usize {
    match letters {
        0..4 => 0,
        4..7 => 1,
        _ => 2,
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other;
/// nothing when they are more than `bound`.
pub(super) fn within(one: &str, other: &str, bound: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > bound || one.len().max(other.len()) > LONGEST {
        return None;
    }
    let mut before = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1; other.len() + 1];
        for (column, its) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != its);
            let mut least = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0
                && column > 0
                && *letter == other[column - 1]
                && one[row - 1] == other[column];
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            next[column + 1] = least;
        }
        before = last;
        last = next;
    }
    last.last().copied().filter(|distance| *distance <= bound)
}
