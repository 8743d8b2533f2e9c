//! [`Reader`]: MessagePack, token by token. Allocates nothing, and never goes back.

use crate::msgpack::Malformed;

/// What stands at one place. Lists and maps are followed by what is in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// So many values follow.
    List(usize),
    /// So many pairs follow.
    Map(usize),
    Ext(i8, &'a [u8]),
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// # Errors
    /// Something is left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(Malformed::Trailing),
        }
    }

    pub(crate) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let [marker] = self.array()?;
        let small = usize::from(marker);
        Ok(match marker {
            0x00..=0x7f => Token::Unsigned(u64::from(marker)),
            0x80..=0x8f => self.map(small & 0x0f)?,
            0x90..=0x9f => self.list(small & 0x0f)?,
            0xa0..=0xbf => self.text(small & 0x1f)?,
            0xc0 => Token::Nil,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let len = self.length(marker - 0xc4)?;
                Token::Bytes(self.take(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.length(marker - 0xc7)?;
                self.ext(len)?
            }
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Unsigned(u64::from(u8::from_be_bytes(self.array()?))),
            0xcd => Token::Unsigned(u64::from(u16::from_be_bytes(self.array()?))),
            0xce => Token::Unsigned(u64::from(u32::from_be_bytes(self.array()?))),
            0xcf => Token::Unsigned(u64::from_be_bytes(self.array()?)),
            0xd0 => Token::Signed(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => Token::Signed(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Token::Signed(i64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => Token::Signed(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.ext(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let len = self.length(marker - 0xd9)?;
                self.text(len)?
            }
            0xdc | 0xdd => {
                let len = self.length(marker - 0xdc + 1)?;
                self.list(len)?
            }
            0xde | 0xdf => {
                let len = self.length(marker - 0xde + 1)?;
                self.map(len)?
            }
            0xe0..=0xff => Token::Signed(i64::from(i8::from_be_bytes([marker]))),
            0xc1 => return Err(Malformed::Marker(marker)),
        })
    }

    /// The bytes of the next value, which is passed over with all that is in it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Malformed> {
        let all = self.rest;
        let mut expected = 1_usize;
        while expected > 0 {
            expected -= 1;
            // No more than is left, each time, so the sum cannot overflow.
            expected += match self.token()? {
                Token::List(count) => count,
                Token::Map(count) => 2 * count,
                _ => 0,
            };
        }
        let len = all.len() - self.rest.len();
        all.get(..len).ok_or(Malformed::Truncated)
    }

    /// The next value, which has to be a text.
    pub(crate) fn expect_text(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        match self.token()? {
            Token::Text(text) => Ok(text),
            _ => Err(Malformed::Kind(what)),
        }
    }

    /// How many values follow in the list that has to be next.
    pub(crate) fn expect_list(&mut self, what: &'static str) -> Result<usize, Malformed> {
        match self.token()? {
            Token::List(count) => Ok(count),
            _ => Err(Malformed::Kind(what)),
        }
    }

    /// How many pairs follow in the map that has to be next.
    pub(crate) fn expect_map(&mut self, what: &'static str) -> Result<usize, Malformed> {
        match self.token()? {
            Token::Map(count) => Ok(count),
            _ => Err(Malformed::Kind(what)),
        }
    }

    /// A length that is written in one, two or four bytes, for size 0, 1 or 2.
    fn length(&mut self, size: u8) -> Result<usize, Malformed> {
        let len = match size {
            0 => u32::from(u8::from_be_bytes(self.array()?)),
            1 => u32::from(u16::from_be_bytes(self.array()?)),
            _ => u32::from_be_bytes(self.array()?),
        };
        usize::try_from(len).map_err(|_| Malformed::Length)
    }

    fn list(&self, count: usize) -> Result<Token<'a>, Malformed> {
        match count <= self.rest.len() {
            true => Ok(Token::List(count)),
            false => Err(Malformed::Length),
        }
    }

    fn map(&self, count: usize) -> Result<Token<'a>, Malformed> {
        match count <= self.rest.len() / 2 {
            true => Ok(Token::Map(count)),
            false => Err(Malformed::Length),
        }
    }

    fn text(&mut self, len: usize) -> Result<Token<'a>, Malformed> {
        let text = std::str::from_utf8(self.take(len)?);
        text.map(Token::Text).map_err(|_| Malformed::Text)
    }

    fn ext(&mut self, len: usize) -> Result<Token<'a>, Malformed> {
        let code = i8::from_be_bytes(self.array()?);
        Ok(Token::Ext(code, self.take(len)?))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}
