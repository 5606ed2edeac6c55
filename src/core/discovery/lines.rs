//! Python source as logical lines of tokens: as much of the language as a glance needs.
//!
//! It gives up rather than guess: what Python's versions read differently, and what is no valid
//! source, is `None`. It knows no statements.

const USUAL_TOKENS: usize = 16;

/// One logical line: continuation lines are joined, comments gone.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The white space before it.
    pub(super) indent: &'a str,
    /// What is in it; at least one.
    pub(super) tokens: Vec<Token<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or keyword.
    Name(&'a str),
    /// A plain text that means what it looks like.
    Text(&'a str),
    /// Any other string or bytes.
    Quoted,
    /// An f-string with brackets in it: they may be a call, or bind a name.
    Formatted,
    Number,
    /// One byte of an operator or bracket.
    Op(u8),
}

/// All logical lines of `source`, or `None` if it cannot be told what they are.
pub(super) fn lines(source: &str) -> Option<Vec<Line<'_>>> {
    let mut lexer = Lexer { source, bytes: source.as_bytes(), at: 0 };
    let mut lines = Vec::new();
    while lexer.at < lexer.bytes.len() {
        lexer.line(&mut lines)?;
    }
    Some(lines)
}

struct Lexer<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run_of(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| belongs(*byte)) {
            self.at += 1;
        }
        &self.source[start..self.at]
    }

    /// Adds the next logical line, unless there is nothing in it.
    fn line(&mut self, lines: &mut Vec<Line<'a>>) -> Option<()> {
        let indent = self.run_of(|byte| matches!(byte, b' ' | b'\t'));
        let (mut tokens, mut open) = (Vec::with_capacity(USUAL_TOKENS), Vec::new());
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' | b'\r' => {
                    self.line_end()?;
                    if open.is_empty() {
                        break;
                    }
                }
                b' ' | b'\t' => self.at += 1,
                b'#' => {
                    self.run_of(|byte| !matches!(byte, b'\n' | b'\r'));
                }
                b'\\' => {
                    self.at += 1;
                    self.line_end()?;
                    if tokens.is_empty() {
                        return None; // Python's own opinion on the indentation of these has changed
                    }
                }
                _ => tokens.push(self.token(&mut open)?),
            }
        }
        if !open.is_empty() {
            return None;
        }
        if !tokens.is_empty() {
            lines.push(Line { indent, tokens });
        }
        Some(())
    }

    fn line_end(&mut self) -> Option<()> {
        self.at += match (self.peek(0), self.peek(1)) {
            (b'\n', _) => 1,
            (b'\r', b'\n') => 2,
            _ => return None,
        };
        Some(())
    }

    fn token(&mut self, open: &mut Vec<u8>) -> Option<Token<'a>> {
        match self.peek(0) {
            b'"' | b'\'' => self.quoted(""),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let name = self.run_of(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                match self.peek(0) {
                    b'"' | b'\'' => self.quoted(name),
                    0x80.. => None, // names are normalised before they are compared
                    _ => Some(Token::Name(name)),
                }
            }
            byte if byte.is_ascii_digit() => {
                self.run_of(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
                Some(Token::Number)
            }
            byte @ (b'(' | b'[' | b'{') => {
                open.push(byte);
                self.op(byte)
            }
            byte @ (b')' | b']' | b'}') => {
                let opening = open.pop()?;
                matches!((opening, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
                    .then_some(())?;
                self.op(byte)
            }
            byte if byte.is_ascii_punctuation() && !matches!(byte, b'$' | b'?' | b'`') => {
                self.op(byte)
            }
            _ => None,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as all that read a token")]
    fn op(&mut self, byte: u8) -> Option<Token<'a>> {
        self.at += 1;
        Some(Token::Op(byte))
    }

    /// A string, from its opening quote.
    fn quoted(&mut self, prefix: &str) -> Option<Token<'a>> {
        let prefix = prefix.to_ascii_lowercase();
        let formatted = match prefix.as_str() {
            "" | "u" | "r" | "b" | "br" | "rb" => false,
            "f" | "fr" | "rf" => true,
            _ => return None,
        };
        let quote = self.peek(0);
        let long = self.peek(1) == quote && self.peek(2) == quote;
        self.at += if long { 3 } else { 1 };
        let start = self.at;
        let is_plain = self.string_end(quote, long, formatted)?;
        let content = &self.source[start..self.at];
        self.at += if long { 3 } else { 1 };
        let is_text = prefix.is_empty() && is_plain && !content.contains('\r');
        Some(match () {
            () if is_text => Token::Text(content),
            () if formatted && content.contains('(') => Token::Formatted,
            () => Token::Quoted,
        })
    }

    /// Goes to the closing quote; whether there was no escape before it.
    fn string_end(&mut self, quote: u8, long: bool, formatted: bool) -> Option<bool> {
        let (mut is_plain, mut depth) = (true, 0_usize);
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte == quote && (!long || (self.peek(1) == quote && self.peek(2) == quote)) {
                return (depth == 0).then_some(is_plain);
            }
            match byte {
                b'\n' | b'\r' if !long => return None,
                b'\\' | b'#' if depth > 0 => return None,
                b'\\' if formatted && matches!(self.peek(1), b'{' | b'}' | b'N') => return None,
                b'\\' => {
                    is_plain = false;
                    self.at += if self.peek(1) == b'\r' && self.peek(2) == b'\n' { 2 } else { 1 };
                    self.bytes.get(self.at)?;
                }
                b'{' if formatted && depth == 0 && self.peek(1) == b'{' => self.at += 1,
                b'{' if formatted => depth += 1,
                b'}' if formatted && depth == 0 => {
                    self.at += 1;
                    (self.peek(0) == b'}').then_some(())?;
                }
                b'}' if formatted => depth -= 1,
                b'"' | b'\'' if depth > 0 => self.inner_string(byte, quote)?,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Goes to the last quote of a string inside the braces of an f-string, if all versions of
    /// Python agree on where it ends.
    fn inner_string(&mut self, quote: u8, outer: u8) -> Option<()> {
        if quote == outer {
            return None;
        }
        self.at += 1;
        self.run_of(|byte| {
            !matches!(byte, b'"' | b'\'' | b'\\' | b'\n' | b'\r' | b'{' | b'}' | b'#')
        });
        (self.peek(0) == quote && self.peek(1) != quote).then_some(())
    }
}
