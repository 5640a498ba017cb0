//! The word that somebody probably meant.

/// Letters that may differ between a mistyped word and the one that was meant.
const NEAR: usize = 3;

/// Characters of a mistyped word that count.
const GIVEN_CHARS: usize = 64;

/// Characters of foreign text in a message.
const SHOWN_CHARS: usize = 300;

#[cfg(test)]
mod tests;

/// A hint out of a parser's complaint about an unknown field or word: the complaint lists first
/// what was given and then what is known, each in backticks.
pub(crate) fn nearest_field(complaint: &str) -> Option<String> {
    if !complaint.contains("unknown field") && !complaint.contains("unknown variant") {
        return None;
    }
    let mut words = complaint.split('`').skip(1).step_by(2);
    let given = words.next()?;
    let known: Vec<&str> = words.collect();
    match nearest(given, known.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() => Some("leave it out".to_owned()),
        None => Some(format!("use one of {}", known.join(", "))),
    }
}

/// The known word that is nearest to `given`, when it is near.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given: String = given.chars().take(GIVEN_CHARS).collect();
    known
        .map(|word| (distance(&given, word), word))
        .filter(|(distance, word)| *distance <= NEAR && *distance < word.chars().count())
        .min()
        .map(|(_, word)| word)
}

/// Foreign text as messages show it: one line, bounded.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other
/// (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for line in 1..=one.len() {
        let mut next = vec![line];
        for column in 1..=other.len() {
            let replaced = row[column - 1] + usize::from(one[line - 1] != other[column - 1]);
            let mut least = replaced.min(row[column] + 1).min(next[column - 1] + 1);
            let swapped = line > 1
                && column > 1
                && one[line - 1] == other[column - 2]
                && one[line - 2] == other[column - 1];
            if swapped {
                least = least.min(above[column - 2] + 1);
            }
            next.push(least);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}
