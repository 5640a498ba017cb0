//! From guest bytes to safe lines, one byte after the other, by ECMA-48 and UTF-8.

use crate::output::head_tail::HeadTail;

/// A line that is longer is handed on in parts, and no longer collapsed.
const LONG_LINE: usize = 4_096;
/// An escape sequence that is longer is none: an unfinished one must not swallow the output.
const LONG_SEQUENCE: usize = 4_096;

/// Where in an escape sequence the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// In none.
    No,
    /// After ESC.
    Begun,
    /// After ESC and an intermediate byte, such as in `ESC ( B`.
    Intermediate,
    /// In a control sequence, `ESC [`.
    Control(usize),
    /// In a string, such as a window title, which BEL or `ESC \` ends.
    Text(usize),
    /// After ESC in a string.
    TextEnd(usize),
}

/// What is known of the line that is being read.
pub(crate) struct Plain {
    escape: Escape,
    /// Bytes of a character that is not complete.
    carry: Vec<u8>,
    line: String,
    /// The byte of the stream at which the line begins.
    line_at: u64,
    /// The byte of the stream that comes next.
    at: u64,
    /// After `\r`: the next character begins the line anew.
    over: bool,
}

impl Plain {
    pub(crate) fn new() -> Self {
        Self {
            escape: Escape::No,
            carry: Vec::new(),
            line: String::new(),
            line_at: 0,
            at: 0,
            over: false,
        }
    }

    /// The line so far.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Reads the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], lines: &mut HeadTail) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let plain = if self.escape == Escape::No && self.carry.is_empty() {
                rest.iter().take_while(|byte| (0x20..0x7f).contains(*byte)).count()
            } else {
                0
            };
            if plain == 0 {
                self.at += 1;
                self.step(*first, lines);
                rest = &rest[1..];
                continue;
            }
            let part = plain.min(LONG_LINE);
            let text = std::str::from_utf8(&rest[..part]).expect("these bytes are ASCII");
            self.begin_anew();
            self.line.push_str(text);
            self.at += part as u64;
            rest = &rest[part..];
            self.cut_long_line(lines);
        }
    }

    /// The stream is over.
    pub(crate) fn finish(&mut self, lines: &mut HeadTail) {
        if !self.carry.is_empty() {
            self.carry.clear();
            self.letter('\u{fffd}');
        }
        self.flush(lines);
    }

    fn step(&mut self, byte: u8, lines: &mut HeadTail) {
        match self.escape {
            Escape::No => self.ground(byte, lines),
            Escape::Begun => {
                self.escape = match byte {
                    b'[' => Escape::Control(0),
                    b']' | b'P' | b'X' | b'^' | b'_' => Escape::Text(0),
                    0x20..=0x2f => Escape::Intermediate,
                    0x1b => Escape::Begun,
                    _ => Escape::No,
                };
                if byte < 0x20 && byte != 0x1b {
                    self.ground(byte, lines);
                }
            }
            Escape::Intermediate => {
                if !(0x20..=0x2f).contains(&byte) {
                    self.escape = Escape::No;
                }
            }
            Escape::Control(length) => self.control(byte, length, lines),
            Escape::Text(length) => {
                self.escape = match byte {
                    0x07 => Escape::No,
                    0x1b => Escape::TextEnd(length),
                    _ if length >= LONG_SEQUENCE => Escape::No,
                    _ => Escape::Text(length + 1),
                };
            }
            Escape::TextEnd(length) => {
                self.escape = if byte == b'\\' { Escape::No } else { Escape::Text(length + 1) };
            }
        }
    }

    fn control(&mut self, byte: u8, length: usize, lines: &mut HeadTail) {
        match byte {
            // "Erase in line": after `\r` it is how progress bars clear themselves.
            b'K' => {
                if self.over {
                    self.begin_anew();
                }
                self.escape = Escape::No;
            }
            0x40..=0x7e => self.escape = Escape::No,
            0x1b => self.escape = Escape::Begun,
            0x20..=0x3f if length < LONG_SEQUENCE => self.escape = Escape::Control(length + 1),
            _ => {
                self.escape = Escape::No;
                self.ground(byte, lines);
            }
        }
    }

    fn ground(&mut self, byte: u8, lines: &mut HeadTail) {
        if !self.carry.is_empty() || byte >= 0x80 {
            self.carry.push(byte);
            return self.read_carry(lines);
        }
        match byte {
            0x1b => self.escape = Escape::Begun,
            b'\n' => {
                self.over = false;
                self.line.push('\n');
                self.flush(lines);
            }
            b'\r' => self.over = true,
            // Backspace: spinners and man pages write over one letter.
            0x08 => drop(self.line.pop()),
            b'\t' | 0x20..=0x7e => self.letter(char::from(byte)),
            _ => {}
        }
    }

    fn read_carry(&mut self, lines: &mut HeadTail) {
        match std::str::from_utf8(&self.carry) {
            Ok(text) => {
                let letter = text.chars().next();
                self.carry.clear();
                if let Some(letter) = letter {
                    self.letter(letter);
                }
            }
            Err(error) => {
                if let Some(wrong) = error.error_len() {
                    self.letter('\u{fffd}');
                    let rest = self.carry.split_off(wrong);
                    self.carry.clear();
                    rest.into_iter().for_each(|byte| self.step(byte, lines));
                }
            }
        }
        self.cut_long_line(lines);
    }

    fn letter(&mut self, letter: char) {
        if is_deceptive(letter) {
            return;
        }
        self.begin_anew();
        self.line.push(letter);
    }

    fn begin_anew(&mut self) {
        if self.over {
            self.line.clear();
            self.over = false;
        }
    }

    fn cut_long_line(&mut self, lines: &mut HeadTail) {
        if self.line.len() >= LONG_LINE {
            self.flush(lines);
        }
    }

    fn flush(&mut self, lines: &mut HeadTail) {
        if !self.line.is_empty() {
            lines.push(&self.line, self.line_at);
        }
        self.line.clear();
        self.line_at = self.at;
    }
}

/// Characters that nobody sees and that change what others look like: C1 controls, marks and
/// overrides of direction (CVE-2021-42574), and tags, which carry hidden text to models.
fn is_deceptive(letter: char) -> bool {
    let control = letter.is_control() && letter != '\t' && letter != '\n';
    control
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The length up to which bytes end between two characters and two short escape sequences.
pub(crate) fn whole_length(bytes: &[u8]) -> usize {
    let escape = bytes.iter().rposition(|byte| *byte == 0x1b);
    if let Some(at) = escape.filter(|at| *at > 0 && bytes.len() - at < 32) {
        let mut plain = Plain::new();
        plain.push(&bytes[at..], &mut HeadTail::new(0));
        if plain.escape != Escape::No {
            return at;
        }
    }
    let last = bytes.len().saturating_sub(3);
    for at in (last..bytes.len()).rev() {
        let length = match bytes[at] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if at > 0 && at + length > bytes.len() { at } else { bytes.len() };
    }
    bytes.len()
}
