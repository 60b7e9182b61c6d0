//! Heads: where one ends, and what it says.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request, response,
};
use httparse::{Header, Status};
use memchr::memchr_iter;

/// Headers of one message.
const HEADERS: usize = 100;
/// So many more a proxy adds.
const MORE: usize = 8;
/// Memory for more headers than these is given back.
const KEPT: usize = 64;

/// Why a head is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHead {
    #[error("a line feed without a carriage return")]
    BareLineFeed,
    #[error("{0}")]
    Syntax(&'static str),
    #[error("too large")]
    TooLarge,
}

/// Looks for the end of a head while it comes, and at each byte once.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Where the line begins whose end is looked for.
    line: usize,
    seen: usize,
    mends: bool,
}

impl Search {
    /// Takes a bare line feed for the end of a line, as some backends write it. What comes of it is written anew.
    pub(super) fn mending() -> Self {
        Self { mends: true, ..Self::default() }
    }

    /// The bytes up to the end of the empty line; `None` while it has not come.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
        let seen = self.seen;
        for at in memchr_iter(b'\n', bytes.get(seen..).unwrap_or_default()) {
            let feed = seen + at;
            let is_whole = feed > self.line && bytes[feed - 1] == b'\r';
            if !is_whole && !self.mends {
                return Err(BadHead::BareLineFeed);
            }
            if feed - usize::from(is_whole) == self.line {
                return Ok(Some(feed + 1));
            }
            self.line = feed + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// A head of a request as it came.
#[derive(Clone, Debug)]
pub struct Spelling(Bytes);

impl Spelling {
    pub(super) fn new(head: Bytes) -> Self {
        Self(head)
    }

    /// A header's name in the client's own letters.
    pub fn of(&self, name: &HeaderName) -> Option<&str> {
        let mut names =
            self.0.split(|byte| *byte == b'\n').skip(1).filter_map(|line| line.split(|byte| *byte == b':').next());
        let written = names.find(|written| written.eq_ignore_ascii_case(name.as_str().as_bytes()))?;
        std::str::from_utf8(written).ok()
    }
}

/// A whole head of a request. `memory` is an empty map, for its headers.
pub(super) fn request(head: &Bytes, memory: HeaderMap) -> Result<request::Parts, BadHead> {
    let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    complete(parsed.parse_with_uninit_headers(head, &mut lines), head)?;
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(BadHead::Syntax("no request line"));
    };
    // What stands behind it is for browsers, and some backends would take it for a part of the path.
    if target.contains('#') {
        return Err(BadHead::Syntax("a fragment in the target"));
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| BadHead::Syntax("the method is none"))?;
    parts.uri =
        Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| BadHead::Syntax("the target is none"))?;
    parts.version = version_of(version);
    parts.headers = headers(head, parsed.headers, memory)?;
    Ok(parts)
}

/// A whole head of an answer. `memory` is an empty map, for its headers.
pub(super) fn response(head: &Bytes, memory: HeaderMap) -> Result<response::Parts, BadHead> {
    let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    complete(config.parse_response_with_uninit_headers(&mut parsed, head, &mut lines), head)?;
    let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
        return Err(BadHead::Syntax("no status line"));
    };
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(code).map_err(|_| BadHead::Syntax("the status is none"))?;
    parts.version = version_of(version);
    parts.headers = headers(head, parsed.headers, memory)?;
    Ok(parts)
}

/// The memory of headers that nobody needs any more, for others.
pub(super) fn emptied(mut headers: HeaderMap) -> HeaderMap {
    if headers.capacity() > KEPT {
        return HeaderMap::new();
    }
    headers.clear();
    headers
}

fn complete(outcome: httparse::Result<usize>, head: &Bytes) -> Result<(), BadHead> {
    match outcome {
        Ok(Status::Complete(length)) if length == head.len() => Ok(()),
        Ok(_) => Err(BadHead::Syntax("it does not end where it ends")),
        Err(httparse::Error::TooManyHeaders) => Err(BadHead::TooLarge),
        Err(httparse::Error::HeaderName) => Err(BadHead::Syntax("a header's name")),
        Err(httparse::Error::HeaderValue) => Err(BadHead::Syntax("a header's value")),
        Err(httparse::Error::Version) => Err(BadHead::Syntax("the version")),
        Err(_) => Err(BadHead::Syntax("the first line")),
    }
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// Values stay where they are in the head's memory.
fn headers(head: &Bytes, lines: &[Header<'_>], mut headers: HeaderMap) -> Result<HeaderMap, BadHead> {
    headers.reserve(lines.len() + MORE);
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| BadHead::Syntax("a header's name"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value))
            .map_err(|_| BadHead::Syntax("a header's value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_its_empty_line_however_it_comes() {
        let text = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nrest";
        let end = text.len() - 4;
        for piece in 1..text.len() {
            let mut search = Search::default();
            let mut upto = 0;
            let found = loop {
                upto = (upto + piece).min(text.len());
                match search.end(&text[..upto]).unwrap() {
                    Some(found) => break found,
                    None => assert!(upto < end, "{piece}"),
                }
            };
            assert_eq!(found, end, "{piece}");
        }
        for text in ["GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\n\r\n", "a\r\n\n", "\n"] {
            assert_eq!(Search::default().end(text.as_bytes()), Err(BadHead::BareLineFeed), "{text:?}");
        }
        for text in ["a\nb\n\n", "a\r\nb\n\r\n", "a\nb\r\n\n"] {
            assert_eq!(Search::mending().end(text.as_bytes()), Ok(Some(text.len())), "{text:?}");
        }
    }

    #[test]
    fn a_fragment_is_no_part_of_a_target() {
        let head =
            |target: &str| request(&Bytes::from(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")), HeaderMap::new());
        assert_eq!(head("/a?b").unwrap().uri, "/a?b");
        assert_eq!(head("/a#b").unwrap_err(), BadHead::Syntax("a fragment in the target"));
        assert_eq!(head("/a?b#").unwrap_err(), BadHead::Syntax("a fragment in the target"));
    }

    #[test]
    fn what_a_head_says_is_kept() {
        let head = Bytes::from_static(b"POST /a HTTP/1.0\r\nX-One: 1 \r\nx-two:\t2\r\nx-one: 3\r\n\r\n");
        let parts = request(&head, HeaderMap::new()).unwrap();
        assert_eq!((parts.method, parts.version), (Method::POST, Version::HTTP_10));
        assert_eq!(parts.headers.get_all("x-one").iter().collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(parts.headers["x-two"], "2");
        let spelling = Spelling::new(head);
        let spelled = ["x-one", "x-two", "x-three"].map(|name| spelling.of(&HeaderName::from_static(name)));
        assert_eq!(spelled, [Some("X-One"), Some("x-two"), None]);
        let parts = response(&Bytes::from_static(b"HTTP/1.1 299\r\nx: y\r\n\r\n"), HeaderMap::new()).unwrap();
        assert_eq!((parts.status.as_u16(), parts.headers.len()), (299, 1));
        let many: String = (0..HEADERS + 1).map(|number| format!("x{number}: 1\r\n")).collect();
        let many = Bytes::from(format!("GET / HTTP/1.1\r\n{many}\r\n"));
        assert_eq!(request(&many, HeaderMap::new()).unwrap_err(), BadHead::TooLarge);
    }

    #[test]
    fn memory_of_headers_is_used_again_unless_it_is_large() {
        let head = |lines: usize| {
            let lines: String = (0..lines).map(|number| format!("x{number}: 1\r\n")).collect();
            Bytes::from(format!("GET / HTTP/1.1\r\n{lines}\r\n"))
        };
        let first = request(&head(9), HeaderMap::new()).unwrap().headers;
        let capacity = first.capacity();
        let memory = emptied(first);
        assert_eq!((memory.len(), memory.capacity()), (0, capacity));
        let second = request(&head(3), memory).unwrap().headers;
        assert_eq!((second.len(), second.capacity()), (3, capacity));
        assert_eq!(emptied(request(&head(HEADERS), HeaderMap::new()).unwrap().headers).capacity(), 0);
    }
}
