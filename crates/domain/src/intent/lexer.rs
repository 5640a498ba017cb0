//! Cuts a request into words, quotes, code, paths and marks. It knows no language.

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, a name, a number, a flag: whatever none of the others is.
    Word,
    /// Something in quotes.
    Quote,
    /// A fenced block; `value` is its content.
    Block,
    /// An expression with brackets, such as `print(1)`.
    Code,
    /// A path or file name.
    Path,
    /// An address of a repository or page.
    Url,
    /// `NAME=value`.
    Assign,
    /// A mark that separates or ends.
    Mark,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// What it says, without quotes or fences.
    pub(super) value: &'a str,
    /// The language that a fence names.
    pub(super) fence: Option<&'a str>,
    /// Where it begins and ends in the text, quotes and fences included.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token<'_> {
    /// Whether it is too long for what it is.
    pub(super) fn is_endless(&self) -> bool {
        let is_data = matches!(self.kind, Kind::Quote | Kind::Block | Kind::Code);
        !is_data && self.value.len() > super::MAX_WORD_BYTES
    }
}

/// Pairs of quotes.
const QUOTES: &[(char, &[char])] = &[
    ('"', &['"']),
    ('\'', &['\'']),
    ('`', &['`']),
    ('“', &['”', '“']),
    ('„', &['“', '”', '„']),
    ('”', &['”']),
    ('«', &['»']),
    ('»', &['«', '»']),
    ('‘', &['’', '‘']),
    ('‚', &['‘', '’']),
    ('‹', &['›']),
];

/// Short words that French writes together with the next.
const ELISIONS: &[&str] =
    &["l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu"];

/// Every piece of `text`, in order.
/// What is more than [`super::MAX_WORDS`] is left out, since nobody reads on then.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, found: Vec::new() };
    while lexer.at < text.len() && lexer.found.len() <= super::MAX_WORDS {
        lexer.step();
    }
    lexer.found
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    found: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if rest.starts_with("```") {
            self.block();
        } else if let Some((inside, length)) = quote(rest).filter(|_| self.may_open()) {
            let inside = if first == '«' || first == '‹' { inside.trim() } else { inside };
            self.push(Kind::Quote, inside, length);
        } else if matches!(first, '{' | '[')
            && let Some(length) = balanced(rest).filter(|length| *length > 2)
        {
            self.push(Kind::Code, &rest[..length], length);
        } else if is_point(rest) || is_mark(first) || matches!(first, '(' | '¿' | '¡') {
            self.push(Kind::Mark, &rest[..first.len_utf8()], first.len_utf8());
        } else {
            self.chunk();
        }
    }

    /// A quote opens where no word goes on: `don't` and `dogs'` open none.
    fn may_open(&self) -> bool {
        self.text[..self.at].chars().next_back().is_none_or(|last| !last.is_alphanumeric())
    }

    fn push(&mut self, kind: Kind, value: &'a str, length: usize) {
        let (start, end) = (self.at, self.at + length);
        self.found.push(Token { kind, value, fence: None, start, end });
        self.at = end;
    }

    /// A fence without an end reaches to the end of the text: it is data all the same.
    fn block(&mut self) {
        let rest = self.rest();
        let inside = &rest[3..];
        let (inside, length) = match inside.find("```") {
            Some(end) => (&inside[..end], end + 6),
            None => (inside, rest.len()),
        };
        let first = inside.lines().next().unwrap_or_default();
        let is_named = inside.contains('\n') && !first.trim().contains(char::is_whitespace);
        let (fence, value) = match inside.split_once('\n') {
            Some((name, content)) if is_named => (Some(name.trim()), content),
            _ => (None, inside),
        };
        self.push(Kind::Block, value.strip_suffix('\n').unwrap_or(value), length);
        if let Some(token) = self.found.last_mut() {
            token.fence = fence.filter(|name| !name.is_empty());
        }
    }

    /// Whatever has no blank in it, save inside of brackets and of quotes after `=`.
    fn chunk(&mut self) {
        let rest = self.rest();
        let mut end = 0;
        let mut is_code = false;
        // What has no end is looked for once: anything else would be slow on purpose.
        let (mut may_call, mut may_quote) = (true, true);
        while let Some(letter) = rest[end..].chars().next() {
            if letter.is_whitespace() {
                break;
            }
            let so_far = &rest[..end];
            let calls = so_far.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ')');
            if matches!(letter, '(' | '[') && calls && may_call {
                if let Some(length) = balanced(&rest[end..]) {
                    (end, is_code) = (end + length, true);
                    continue;
                }
                may_call = false;
            }
            if so_far.ends_with('=') && may_quote && is_opener(letter) {
                if let Some((_, length)) = quote(&rest[end..]) {
                    end += length;
                    continue;
                }
                may_quote = false;
            }
            end += letter.len_utf8();
        }
        let chunk = trimmed(&rest[..end]);
        if is_code {
            return self.push(Kind::Code, chunk, chunk.len());
        }
        if let Some(length) = elision(chunk) {
            return self.push(Kind::Word, &chunk[..length], length);
        }
        let kind = classify(chunk);
        self.push(kind, chunk, chunk.len());
    }
}

/// Whether a point stands alone, as after a quote.
fn is_point(rest: &str) -> bool {
    rest.strip_prefix('.').is_some_and(|after| !after.starts_with(|c: char| !c.is_whitespace()))
}

fn is_mark(letter: char) -> bool {
    matches!(letter, ',' | ';' | ':' | '!' | '?' | ')' | '…')
}

/// Without the marks that end a sentence.
fn trimmed(chunk: &str) -> &str {
    let mut kept = chunk;
    let opened = chunk.matches('(').count();
    let mut closed = chunk.matches(')').count();
    loop {
        let shorter = kept.strip_suffix(|c| is_mark(c) || c == '.' || c == '"' || c == '\'');
        match shorter {
            // `./...`, `..` and `.` are paths to their last point; `:` ends no flag.
            Some(less) if !(less.is_empty() || kept.ends_with("..") || kept.ends_with("/.")) => {
                if kept.ends_with(')') {
                    closed -= 1;
                    if opened > closed {
                        return kept;
                    }
                }
                kept = less;
            }
            Some(_) | None => return kept,
        }
    }
}

fn is_opener(letter: char) -> bool {
    QUOTES.iter().any(|(open, _)| *open == letter)
}

/// What is in quotes at the start of `text`, and how long it is with them.
fn quote(text: &str) -> Option<(&str, usize)> {
    let open = text.chars().next()?;
    let (_, closers) = QUOTES.iter().find(|(one, _)| *one == open)?;
    let from = open.len_utf8();
    let mut escaped = false;
    for (place, letter) in text[from..].char_indices() {
        let after = text[from + place + letter.len_utf8()..].chars().next();
        let ends = after.is_none_or(|next| !next.is_alphanumeric());
        if closers.contains(&letter) && !escaped && (ends || open == '`') {
            let end = from + place;
            return Some((&text[from..end], end + letter.len_utf8()));
        }
        escaped = letter == '\\' && !escaped;
    }
    None
}

/// How long the brackets at the start of `text` are with all that is in them, quotes respected.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quoted: Option<char> = None;
    let mut escaped = false;
    for (place, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if let Some(open) = quoted {
            escaped = letter == '\\';
            if letter == open {
                quoted = None;
            }
        } else if matches!(letter, '"' | '\'' | '`') {
            quoted = Some(letter);
        } else if matches!(letter, '(' | '[' | '{') {
            depth += 1;
        } else if matches!(letter, ')' | ']' | '}') {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(place + 1);
            }
        }
    }
    None
}

pub(super) fn elision(chunk: &str) -> Option<usize> {
    let (place, mark) = chunk.char_indices().find(|(_, c)| matches!(c, '\'' | '’'))?;
    let head = chunk[..place].to_lowercase();
    let length = place + mark.len_utf8();
    (ELISIONS.contains(&head.as_str()) && chunk.len() > length).then_some(length)
}

fn classify(chunk: &str) -> Kind {
    let is_address = ["://", "git@"].iter().any(|mark| chunk.contains(mark))
        || ["github.com/", "gitlab.com/", "bitbucket.org/"].iter().any(|h| chunk.starts_with(h));
    if is_address && !chunk.contains('=') {
        Kind::Url
    } else if is_path(chunk) {
        Kind::Path
    } else if is_assignment(chunk) {
        Kind::Assign
    } else {
        Kind::Word
    }
}

fn is_assignment(chunk: &str) -> bool {
    chunk.split_once('=').is_some_and(|(name, value)| {
        let mut letters = name.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !value.starts_with('=')
    })
}

/// Names of programs and libraries that look like files.
const NO_FILES: &[&str] = &["js", "io", "net"];

/// Whether it can only be a path or a file's name.
pub(super) fn is_path(chunk: &str) -> bool {
    let starts = ["/", "./", "../", "~/"].iter().any(|start| chunk.starts_with(start));
    if (starts && chunk.len() > 1) || chunk == "/" || chunk == "~" {
        return true;
    }
    let last = chunk.rsplit('/').next().unwrap_or(chunk);
    if ["Dockerfile", "Makefile", ".env", ".gitignore", ".bashrc"].contains(&last) {
        return true;
    }
    let Some((stem, extension)) = last.rsplit_once('.') else { return false };
    let is_short = (1..=5).contains(&extension.len());
    let is_name = extension.chars().all(|c| c.is_ascii_alphanumeric())
        && extension.contains(|c: char| c.is_ascii_alphabetic());
    let is_library = NO_FILES.contains(&extension)
        && [
            "node", "next", "vue", "express", "react", "nuxt", "deno", "socket", "asp", "three",
            "d3",
        ]
        .contains(&stem.to_lowercase().as_str());
    is_short
        && is_name
        && !is_library
        && !chunk.contains([':', '=', '@', ',', '&', '|'])
        && stem.chars().all(|c| c.is_alphanumeric() || "._-+".contains(c))
}
