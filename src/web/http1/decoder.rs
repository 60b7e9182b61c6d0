//! Bodies out of bytes.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// What may stand beside the data in one chunked body: extensions and trailers.
const BESIDE: usize = 16 * 1024;
/// Of a chunk's size: as many as never overflow.
const DIGITS: usize = 15;

/// A body that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunks that cannot be understood")]
pub struct BadChunks;

/// How much of a body is to come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    Length(u64),
    Chunks {
        at: At,
        /// Bytes that may still stand beside the data.
        beside: usize,
    },
    /// Everything until the connection ends.
    UntilClose,
}

/// Where in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Size,
    Data(u64),
    /// The line end after the data.
    End,
    Trailers,
    Over,
}

impl Decoder {
    pub(super) fn length(length: u64) -> Self {
        Self::Length(length)
    }

    pub(super) fn chunks() -> Self {
        Self::Chunks { at: At::Size, beside: BESIDE }
    }

    pub(super) fn until_close() -> Self {
        Self::UntilClose
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunks { at: At::Over, .. })
    }

    /// What is known to come.
    pub(super) fn exact(&self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(*length),
            Self::Chunks { at: At::Over, .. } => Some(0),
            _ => None,
        }
    }

    /// How much it may be worth to read at once.
    pub(super) fn wants(&self) -> usize {
        match self {
            Self::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            Self::Chunks { at: At::Data(left), .. } => usize::try_from(*left).unwrap_or(usize::MAX).saturating_add(64),
            _ => usize::MAX,
        }
    }

    /// The next data in `buffer`; `None` where nothing more is to come, or not yet.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, BadChunks> {
        match self {
            Self::Length(left) => Ok(take(left, buffer)),
            Self::UntilClose => Ok((!buffer.is_empty()).then(|| buffer.split().freeze())),
            Self::Chunks { at, beside } => loop {
                match at {
                    At::Size => {
                        let Some(line) = line(buffer, *beside)? else { return Ok(None) };
                        let (size, extension) = size(&buffer[..line])?;
                        *beside = beside.checked_sub(extension).ok_or(BadChunks)?;
                        buffer.advance(line + 2);
                        *at = if size == 0 { At::Trailers } else { At::Data(size) };
                    }
                    At::Data(left) => {
                        let data = take(left, buffer);
                        if *left == 0 {
                            *at = At::End;
                        }
                        return Ok(data);
                    }
                    At::End => {
                        match buffer.first_chunk() {
                            Some(b"\r\n") => buffer.advance(2),
                            Some(_) => return Err(BadChunks),
                            None if buffer.first().is_some_and(|first| *first != b'\r') => return Err(BadChunks),
                            None => return Ok(None),
                        }
                        *at = At::Size;
                    }
                    // They could be taken for headers that were checked, so nobody gets them.
                    At::Trailers => {
                        let Some(line) = line(buffer, *beside)? else { return Ok(None) };
                        *beside = beside.checked_sub(line).ok_or(BadChunks)?;
                        buffer.advance(line + 2);
                        if line == 0 {
                            *at = At::Over;
                        }
                    }
                    At::Over => return Ok(None),
                }
            },
        }
    }
}

fn take(left: &mut u64, buffer: &mut BytesMut) -> Option<Bytes> {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    if length == 0 {
        return None;
    }
    *left -= length as u64;
    Some(buffer.split_to(length).freeze())
}

/// The length of the line that begins here, once its end has come.
fn line(buffer: &[u8], beside: usize) -> Result<Option<usize>, BadChunks> {
    let Some(feed) = memchr(b'\n', buffer) else {
        return if buffer.len() > beside.saturating_add(DIGITS) + 2 { Err(BadChunks) } else { Ok(None) };
    };
    match feed.checked_sub(1) {
        Some(line) if buffer[line] == b'\r' && !buffer[..line].contains(&b'\r') => Ok(Some(line)),
        _ => Err(BadChunks),
    }
}

/// Of a line without its end, and the length of what else it says, which is for nobody.
fn size(line: &[u8]) -> Result<(u64, usize), BadChunks> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = line[digits..].trim_ascii_start();
    if digits == 0 || digits > DIGITS || !(rest.is_empty() || rest[0] == b';') {
        return Err(BadChunks);
    }
    let text = std::str::from_utf8(&line[..digits]).map_err(|_| BadChunks)?;
    let size = u64::from_str_radix(text, 16).map_err(|_| BadChunks)?;
    Ok((size, line.len() - digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when the body comes in pieces of this size, and what is left over.
    fn decoded(mut decoder: Decoder, body: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), BadChunks> {
        let (mut data, mut buffer) = (Vec::new(), BytesMut::new());
        for part in body.chunks(piece) {
            buffer.extend_from_slice(part);
            while let Some(bytes) = decoder.next(&mut buffer)? {
                data.extend_from_slice(&bytes);
            }
        }
        Ok((data, decoder.is_done(), buffer.len()))
    }

    #[test]
    fn chunks_are_the_same_however_they_come() {
        let body = b"5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0A  \r\n0123456789\r\n0\r\nx: y\r\n\r\nnext";
        for piece in 1..=body.len() {
            let (data, done, left) = decoded(Decoder::chunks(), body, piece).unwrap();
            assert_eq!((data.as_slice(), done), (&b"hello world0123456789"[..], true), "{piece}");
            assert!(left <= 4, "{piece}");
        }
    }

    #[test]
    fn chunks_with_two_readings_are_none() {
        for body in [
            "\r\n",
            ";x\r\n",
            "5\nhello\r\n",
            "5;x\nhello\r\n",
            "5;a\rb\r\nhello",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhellox",
            "5 5\r\n",
            "0x5\r\n",
            "-1\r\n",
            "+5\r\n",
            "1000000000000000\r\n",
            "0\r\nx: y\n\r\n",
            "0\r\n\n",
        ] {
            for piece in [1, body.len()] {
                assert_eq!(decoded(Decoder::chunks(), body.as_bytes(), piece), Err(BadChunks), "{body:?} {piece}");
            }
        }
    }

    #[test]
    fn what_stands_beside_the_data_is_bounded() {
        let extension = format!("1;{}\r\nx\r\n", "y".repeat(1000));
        assert_eq!(decoded(Decoder::chunks(), extension.repeat(17).as_bytes(), 4096), Err(BadChunks));
        let trailers = format!("0\r\n{}", "x: y\r\n".repeat(5000));
        assert_eq!(decoded(Decoder::chunks(), trailers.as_bytes(), 4096), Err(BadChunks));
        let endless = format!("1;{}", "y".repeat(20_000));
        assert_eq!(decoded(Decoder::chunks(), endless.as_bytes(), 4096), Err(BadChunks));
        assert!(decoded(Decoder::chunks(), "1\r\nx\r\n".repeat(50_000).as_bytes(), 4096).is_ok());
    }

    #[test]
    fn a_length_takes_what_is_its_own() {
        assert_eq!(decoded(Decoder::length(5), b"hello", 2), Ok((b"hello".to_vec(), true, 0)));
        assert_eq!(decoded(Decoder::length(5), b"hellonext", 9), Ok((b"hello".to_vec(), true, 4)));
        assert_eq!(decoded(Decoder::length(5), b"hell", 9), Ok((b"hell".to_vec(), false, 0)));
        assert_eq!(decoded(Decoder::until_close(), b"hello", 2), Ok((b"hello".to_vec(), false, 0)));
    }
}
