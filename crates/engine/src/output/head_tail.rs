//! The first and the last characters of a text that is too long to keep.

/// Keeps as many characters as can be shown from either end.
pub(crate) struct HeadTail {
    limit: usize,
    head: String,
    head_chars: usize,
    tail: String,
    tail_chars: usize,
    total: usize,
    /// Where lines begin: characters before them, and the byte of the stream.
    marks: Vec<(usize, u64)>,
}

impl HeadTail {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            head: String::new(),
            head_chars: 0,
            tail: String::new(),
            tail_chars: 0,
            total: 0,
            marks: Vec::new(),
        }
    }

    /// Adds a line, or a part of a long one, that begins at this byte of the stream.
    pub(crate) fn push(&mut self, line: &str, offset: u64) {
        let count = line.chars().count();
        if self.head_chars < self.limit {
            self.marks.push((self.total, offset));
        }
        self.total += count;
        let room = self.limit - self.head_chars;
        if count <= room {
            self.head.push_str(line);
            self.head_chars += count;
            return;
        }
        let cut = byte_of(line, room);
        self.head.push_str(&line[..cut]);
        self.head_chars += room;
        self.tail.push_str(&line[cut..]);
        self.tail_chars += count - room;
        if self.tail_chars > self.limit.saturating_mul(2) {
            let cut = byte_of(&self.tail, self.tail_chars - self.limit);
            self.tail.drain(..cut);
            self.tail_chars = self.limit;
        }
    }

    /// Characters in all.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// The text, when nothing of it was dropped.
    pub(crate) fn whole(self) -> String {
        self.head + &self.tail
    }

    /// The last line that is complete.
    pub(crate) fn last_line(&self) -> &str {
        let text = if self.tail.is_empty() { &self.head } else { &self.tail };
        text.trim_end().rsplit('\n').next().unwrap_or("")
    }

    /// At most `budget` characters: 40 % from the start, the marker, and the rest from the end.
    /// The marker is told how many characters are left out, and from which byte to read on.
    pub(crate) fn cut(self, budget: usize, marker: impl FnOnce(usize, u64) -> String) -> String {
        if self.total <= budget {
            return self.whole();
        }
        let head_chars = (budget * 2 / 5).min(self.head_chars);
        let tail_chars = budget - head_chars;
        let before = self.marks.iter().rev().find(|(chars, _)| *chars <= head_chars);
        let offset = before.map_or(0, |(_, offset)| *offset);
        let head = &self.head[..byte_of(&self.head, head_chars)];
        let marker = marker(self.total - budget, offset);
        let from_head = tail_chars.saturating_sub(self.tail_chars).min(self.head_chars);
        let head_rest = &self.head[byte_of(&self.head, self.head_chars - from_head)..];
        let skipped = self.tail_chars.saturating_sub(tail_chars);
        let tail = &self.tail[byte_of(&self.tail, skipped)..];
        format!("{head}{marker}{head_rest}{tail}")
    }
}

/// The byte at which this many characters are over.
fn byte_of(text: &str, chars: usize) -> usize {
    if chars >= text.len() {
        return text.len();
    }
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}
