//! Which paths are plain enough to be authorised.
//!
//! A path is judged before a route is looked for, and it is forwarded byte for byte as it came. So whatever two readers could
//! take for different paths is refused with 400: dot segments, empty segments in the middle, an encoded slash, backslash, dot,
//! question mark, hash or semicolon, double encoding, control characters, text that is not UTF-8, and look-alikes of dots and
//! slashes that Unicode normalisation folds. A route may take an encoded slash for a part of a segment. API Gateway itself leaves
//! all this to the backend.
//! <https://www.rfc-editor.org/rfc/rfc3986#section-6.2>

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path does not start with a slash")]
    NotAbsolute,
    #[error("the path has a dot segment")]
    DotSegment,
    #[error("the path has an empty segment")]
    EmptySegment,
    #[error("the path has a character that must be percent-encoded")]
    Character,
    #[error("the path has a malformed percent-encoding")]
    Encoding,
    #[error("the path encodes a character that changes its meaning")]
    EncodedSyntax,
    #[error("the path is not UTF-8")]
    NotUtf8,
}

/// Characters that compatibility normalisation turns into a dot or a slash.
const LOOK_ALIKES: &[char] = &[
    '\u{2024}', '\u{2025}', '\u{2026}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{FE19}', '\u{FE30}',
    '\u{FE52}', '\u{FE68}', '\u{FF0E}', '\u{FF0F}', '\u{FF3C}',
];

/// Refuses a path that could be read in two ways.
pub fn check(path: &str) -> Result<(), PathError> {
    check_all_but_slashes(path)?;
    if has_encoded_slash(path) { Err(PathError::EncodedSyntax) } else { Ok(()) }
}

/// Whether somebody could take a part of a segment for an end of one.
pub fn has_encoded_slash(path: &str) -> bool {
    path.as_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(b"%2f"))
}

/// The same, but for encoded slashes, which some routes take for a part of a segment. What lies between them must still be plain:
/// whoever decodes them must not come to another place.
pub fn check_all_but_slashes(path: &str) -> Result<(), PathError> {
    let rest = path.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
    let mut encoded = false;
    let bytes = path.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => {
                encoded = true;
                check_encoding(&bytes[at + 1..])?;
            }
            b'\\' | b'#' | b'?' | 0..=b' ' | 0x7f.. => return Err(PathError::Character),
            _ => {}
        }
    }
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(PathError::EmptySegment);
        }
        // Some servers cut parameters off a segment before they resolve dots: `..;x` becomes `..`.
        if matches!(segment.split(';').next(), Some("." | "..")) {
            return Err(PathError::DotSegment);
        }
        if segment.starts_with(';') {
            return Err(PathError::EmptySegment);
        }
        if encoded {
            let decoded = decode(segment)?;
            // `%252e`, or `%25%32%65`: decoded twice it would become a dot.
            let mut marks = decoded.match_indices('%');
            if marks.any(|(at, _)| hex_pair(&decoded.as_bytes()[at + 1..]).is_some()) {
                return Err(PathError::EncodedSyntax);
            }
            let is_part = |part: &str| !matches!(part.split(';').next(), Some("" | "." | ".."));
            if decoded.contains(LOOK_ALIKES) || (decoded.contains('/') && !decoded.split('/').all(is_part)) {
                return Err(PathError::EncodedSyntax);
            }
        }
    }
    Ok(())
}

/// A segment, or several, without percent-encoding.
pub fn decode(segment: &str) -> Result<Cow<'_, str>, PathError> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(hex_pair(&bytes[at + 1..]).ok_or(PathError::Encoding)?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| PathError::NotUtf8)
}

/// What stays encoded in the one spelling of a path: what would be syntax if it were not, and the wildcards of policies.
const SYNTAX: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'*')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The one spelling of a path that has several, for who compares paths as texts. Routes see no difference between `a` and `%61`, so
/// that a policy must not see one either.
pub fn canonical(path: &str) -> Result<String, PathError> {
    let segments = path.split('/').map(|segment| Ok(utf8_percent_encode(&decode(segment)?, SYNTAX).to_string()));
    Ok(segments.collect::<Result<Vec<_>, PathError>>()?.join("/"))
}

fn check_encoding(after_percent: &[u8]) -> Result<(), PathError> {
    match hex_pair(after_percent).ok_or(PathError::Encoding)? {
        b'\\' | b'.' | b'?' | b'#' | b';' | 0..b' ' | 0x7f => Err(PathError::EncodedSyntax),
        _ => Ok(()),
    }
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for path in ["/", "/a", "/a/", "/a/b.c/..d/e..", "/caf%C3%A9", "/a%20b", "/100%25", "/x;v=1", "/a@b:c"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_with_two_readings_are_refused() {
        for path in [
            "",
            "a",
            "*",
            "//admin",
            "/admin//x",
            "/public/../admin",
            "/./admin",
            "/..",
            "/.",
            "/a/..;x/b",
            "/a/;x/b",
            "/a\\b",
            "/a b",
            "/%2e%2e/x",
            "/%2E",
            "/%252e",
            "/%25%32%65%25%32%65/x",
            "/%252%65",
            "/%EF%B8%B0/x",
            "/%E2%84%80",
            "/a%2fb",
            "/a%5cb",
            "/a%00",
            "/a%0a",
            "/a%3f",
            "/a%23",
            "/a%3b",
            "/%c0%af",
            "/%ff",
            "/%u002f",
            "/%",
            "/%4",
            "/%EF%BC%8F",
            "/\u{e9}",
            "/a%7f",
        ] {
            assert!(check(path).is_err(), "{path}");
        }
    }

    #[test]
    fn an_encoded_slash_may_lie_within_a_segment_and_nothing_else() {
        for path in ["/a%2fb", "/a%2Fb%2fc/d", "/a%2fb.c/d"] {
            assert_eq!(check_all_but_slashes(path), Ok(()), "{path}");
            assert_eq!(check(path), Err(PathError::EncodedSyntax), "{path}");
            assert!(has_encoded_slash(path));
        }
        for path in [
            "/%2fa",
            "/a%2f",
            "/a%2f%2fb",
            "/a%2f..",
            "/a%2f../b",
            "/..%2fa",
            "/a%2f.%2fb",
            "/a%2f..;x",
            "/a%2f;x",
            "/a%252fb",
            "/a%2f%2e%2e",
            "/a%5cb",
            "/%2f",
        ] {
            assert!(check_all_but_slashes(path).is_err(), "{path}");
        }
        assert!(!has_encoded_slash("/a%20f/2f"));
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (path, spelled) in [
            ("/admin/x", "/admin/x"),
            ("/%61dmin/%78", "/admin/x"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/*", "/%2A"),
            ("/%2a", "/%2A"),
            ("/a%2fb/100%25", "/a%2Fb/100%25"),
            ("/a@b:c;d=$1/", "/a@b:c;d=$1/"),
        ] {
            assert_eq!(canonical(path).unwrap(), spelled);
        }
    }

    #[test]
    fn decoding_is_undone_once() {
        assert_eq!(decode("caf%C3%A9%2525").unwrap(), "café%25");
        assert_eq!(decode("plain").unwrap(), "plain");
    }
}
