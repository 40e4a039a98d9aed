//! Goes over a JSON text once, from its start to its end: RFC 8259.
//!
//! Nothing is built but what is asked for, and what is passed over is looked at as
//! closely as what is read. Whether a member name occurs twice is for the caller to
//! see.

use std::borrow::Cow;

use super::JsonError;

/// A place in a JSON text.
///
/// After an error the place is undefined: there is nothing more to read.
#[derive(Clone)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many arrays and objects may still be opened.
    depth: usize,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// The start of `text`, in which at most `depth` arrays and objects are open at once.
    pub const fn new(text: &'a str, depth: usize) -> Self {
        Self { text, at: 0, depth }
    }

    /// The first byte of the value that comes next, white space passed over; nothing
    /// at the end of the text.
    #[inline]
    pub fn first_byte(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Opens the object that comes next. [`Self::member`] reads on.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is no object, or one too many.
    pub fn open_object(&mut self) -> Result<(), JsonError> {
        self.open(b'{')
    }

    /// The name of the next member, its escapes resolved, with the reader at the
    /// value; nothing if the object ends. `is_first` is for the first member.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if there is something else.
    #[inline]
    pub fn member(&mut self, is_first: bool) -> Result<Option<Cow<'a, str>>, JsonError> {
        if !self.goes_on(is_first, b'}')? {
            return Ok(None);
        }
        let name = self.string()?;
        self.expect(b':')?;
        Ok(Some(name))
    }

    /// Opens the array that comes next. [`Self::element`] reads on.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is no array, or one too many.
    pub fn open_array(&mut self) -> Result<(), JsonError> {
        self.open(b'[')
    }

    /// Whether the array goes on, with the reader at the next element. `is_first` is
    /// for the first one.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if there is something else.
    pub fn element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        self.goes_on(is_first, b']')
    }

    /// The string that comes next, its escapes resolved.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is no string.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        self.pass_plain();
        if self.byte() == Some(b'"') {
            let text = self.text_from(start)?;
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        self.string_with_escapes(start).map(Cow::Owned)
    }

    /// Passes over the value that comes next, whatever it is, and returns its text.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is no value.
    pub fn pass(&mut self) -> Result<&'a str, JsonError> {
        let first = self.first_byte().ok_or(JsonError::Syntax)?;
        let start = self.at;
        match first {
            b'"' => {
                self.at += 1;
                self.pass_string()?;
            }
            b'{' => {
                self.open_object()?;
                let mut is_first = true;
                while self.goes_on(is_first, b'}')? {
                    self.expect(b'"')?;
                    self.pass_string()?;
                    self.expect(b':')?;
                    self.pass()?;
                    is_first = false;
                }
            }
            b'[' => {
                self.open_array()?;
                let mut is_first = true;
                while self.goes_on(is_first, b']')? {
                    self.pass()?;
                    is_first = false;
                }
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.pass_number()?,
        }
        self.text_from(start)
    }

    /// Where the reader is. Behind [`Self::first_byte`] a value starts there.
    pub const fn place(&self) -> usize {
        self.at
    }

    /// The text from `place`, where the reader was, to where it is.
    ///
    /// # Errors
    ///
    /// [`JsonError::Syntax`] if it was never there.
    #[inline]
    pub fn text_from(&self, place: usize) -> Result<&'a str, JsonError> {
        self.text.get(place..self.at).ok_or(JsonError::Syntax)
    }

    /// Whether nothing but white space is left.
    ///
    /// # Errors
    ///
    /// [`JsonError::Syntax`] if there is.
    pub fn end(mut self) -> Result<(), JsonError> {
        match self.first_byte() {
            None => Ok(()),
            Some(_) => Err(JsonError::Syntax),
        }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn expect(&mut self, expected: u8) -> Result<(), JsonError> {
        if self.first_byte() == Some(expected) {
            self.at += 1;
            return Ok(());
        }
        Err(JsonError::Syntax)
    }

    fn open(&mut self, bracket: u8) -> Result<(), JsonError> {
        self.expect(bracket)?;
        self.depth = self.depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
        Ok(())
    }

    /// Passes over a comma, or over the bracket that ends what is open.
    #[inline]
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, JsonError> {
        match self.first_byte() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth += 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(JsonError::Syntax),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259 §6.
    fn pass_number(&mut self) -> Result<(), JsonError> {
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.pass_digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.pass_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.pass_digits()?;
        }
        Ok(())
    }

    fn pass_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(JsonError::Syntax);
        }
        Ok(())
    }

    /// Passes over the characters of a string that stand for themselves.
    #[inline]
    fn pass_plain(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(eight) = bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let ends = ends_of_plain(u64::from_le_bytes(*eight));
            if ends != 0 {
                self.at += usize::try_from(ends.trailing_zeros() / 8).unwrap_or_default();
                return;
            }
            self.at += eight.len();
        }
        while bytes
            .get(self.at)
            .is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\')
        {
            self.at += 1;
        }
    }

    /// To the end of a string whose quote was passed.
    fn pass_string(&mut self) -> Result<(), JsonError> {
        loop {
            self.pass_plain();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => drop(self.escape()?),
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    /// The string that began at `start`, from its first escape on.
    #[cold]
    fn string_with_escapes(&mut self, mut start: usize) -> Result<String, JsonError> {
        let mut string = String::new();
        loop {
            string.push_str(self.text_from(start)?);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                _ => return Err(JsonError::Syntax),
            }
            start = self.at;
            self.pass_plain();
        }
    }

    /// One escaped character (RFC 8259 §7); half of a surrogate pair is none.
    fn escape(&mut self) -> Result<char, JsonError> {
        let kind = self.text.as_bytes().get(self.at + 1);
        self.at += 2;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.code_unit()?;
                let code = if matches!(unit, 0xD800..=0xDBFF) {
                    self.word("\\u")?;
                    let low = self.code_unit()?;
                    if !matches!(low, 0xDC00..=0xDFFF) {
                        return Err(JsonError::Syntax);
                    }
                    0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                } else {
                    unit
                };
                // Nothing but a second half alone is no character.
                char::from_u32(code).ok_or(JsonError::Syntax)?
            }
            _ => return Err(JsonError::Syntax),
        })
    }

    fn code_unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or(JsonError::Syntax)?;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// Eight characters at once: the lowest bit that is set is in the first byte that is
/// a quote, a backslash or a control character.
const fn ends_of_plain(eight: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = eight ^ (ONES * b'"' as u64);
    let backslash = eight ^ (ONES * b'\\' as u64);
    // A byte borrows from the next one only if it is found itself.
    let control = eight.wrapping_sub(ONES * 0x20) & !eight;
    let found = quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash;
    (control | found) & HIGH
}
