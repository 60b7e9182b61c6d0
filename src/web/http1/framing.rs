//! Where a message ends.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::decoder::Decoder;

/// What the headers of a message say about where it ends and what comes after it. One look at those that are there costs less
/// than asking for each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs<'h> {
    length: Option<&'h HeaderValue>,
    lengths_repeat: bool,
    lengths_differ: bool,
    coding: Option<&'h HeaderValue>,
    codings_repeat: bool,
    /// A word of `Connection`, as the next one.
    pub(super) close: bool,
    keep_alive: bool,
    pub(super) expects_continue: bool,
    /// There is `Upgrade`, whatever it says.
    pub(super) upgrade: bool,
}

impl<'h> Signs<'h> {
    pub(super) fn of(headers: &'h HeaderMap) -> Self {
        let mut signs = Self::default();
        for (name, value) in headers {
            match *name {
                header::CONTENT_LENGTH => match signs.length {
                    None => signs.length = Some(value),
                    Some(first) => {
                        signs.lengths_repeat = true;
                        signs.lengths_differ |= first != value;
                    }
                },
                header::TRANSFER_ENCODING => signs.codings_repeat |= signs.coding.replace(value).is_some(),
                header::CONNECTION => {
                    for word in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        signs.close |= word.eq_ignore_ascii_case(b"close");
                        signs.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                header::EXPECT => signs.expects_continue |= value.as_bytes().eq_ignore_ascii_case(b"100-continue"),
                header::UPGRADE => signs.upgrade = true,
                _ => {}
            }
        }
        signs
    }

    /// The body of a request. What two readers could end at two places is refused, also where the standard chooses one.
    pub(super) fn body_of_request(&self, version: Version) -> Result<Decoder, &'static str> {
        let length = self.length(false)?;
        match (self.is_chunked()?, length) {
            (true, Some(_)) => Err("both a length and a transfer coding"),
            (true, None) if version == Version::HTTP_10 => Err("a transfer coding in HTTP/1.0"),
            (true, None) => Ok(Decoder::chunks()),
            (false, length) => Ok(Decoder::length(length.unwrap_or(0))),
        }
    }

    /// The body of an answer to a request with this method.
    pub(super) fn body_of_answer(&self, status: StatusCode, method: &Method) -> Result<Decoder, &'static str> {
        let length = self.length(true)?;
        let is_chunked = self.is_chunked()?;
        if *method == Method::HEAD || has_no_body(status) {
            return Ok(Decoder::length(0));
        }
        match (is_chunked, length) {
            (true, Some(_)) => Err("both a length and a transfer coding"),
            (true, None) => Ok(Decoder::chunks()),
            (false, Some(length)) => Ok(Decoder::length(length)),
            (false, None) => Ok(Decoder::until_close()),
        }
    }

    pub(super) fn has_length(&self) -> bool {
        self.length.is_some()
    }

    /// Whether the connection may be used again after this message. In HTTP/1.0 there are no chunks: whoever was before us may have
    /// looked for the message's end elsewhere.
    /// <https://www.rfc-editor.org/rfc/rfc9112#section-6.1>
    pub(super) fn goes_on(&self, version: Version) -> bool {
        match version {
            Version::HTTP_10 => self.keep_alive && self.coding.is_none(),
            _ => !self.close,
        }
    }

    fn is_chunked(&self) -> Result<bool, &'static str> {
        match self.coding {
            None => Ok(false),
            Some(coding) if !self.codings_repeat && coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
            Some(_) => Err("a transfer coding other than chunked"),
        }
    }

    /// `may_repeat` takes a length that is said more than once.
    fn length(&self, may_repeat: bool) -> Result<Option<u64>, &'static str> {
        if self.lengths_differ || (self.lengths_repeat && !may_repeat) {
            return Err("more than one length");
        }
        self.length.map(parse_length).transpose()
    }
}

pub(super) fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Digits and nothing else. To some readers what begins with a nought is octal.
pub(super) fn parse_length(value: &HeaderValue) -> Result<u64, &'static str> {
    let digits = value.as_bytes();
    if matches!(digits, [b'0', _, ..]) || !digits.iter().all(u8::is_ascii_digit) {
        return Err("a length that is no number");
    }
    let text = value.to_str().map_err(|_| "a length that is no number")?;
    text.parse().map_err(|_| "a length that is no number")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::head, *};

    fn asked(version: &str, lines: &str) -> Result<Decoder, &'static str> {
        let head = Bytes::from(format!("POST / HTTP/{version}\r\n{lines}\r\n"));
        let head = head::request(&head, HeaderMap::new()).unwrap();
        Signs::of(&head.headers).body_of_request(head.version)
    }

    fn answered(status: &str, method: Method, lines: &str) -> Result<Decoder, &'static str> {
        let head = Bytes::from(format!("HTTP/1.1 {status}\r\n{lines}\r\n"));
        let head = head::response(&head, HeaderMap::new()).unwrap();
        Signs::of(&head.headers).body_of_answer(head.status, &method)
    }

    #[test]
    fn a_request_ends_in_one_place_or_is_refused() {
        assert_eq!(asked("1.1", ""), Ok(Decoder::length(0)));
        assert_eq!(asked("1.1", "content-length: 5\r\n"), Ok(Decoder::length(5)));
        assert_eq!(asked("1.1", "transfer-encoding: Chunked\r\n"), Ok(Decoder::chunks()));
        for lines in [
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "content-length: 05\r\n",
            "content-length: +5\r\n",
            "content-length:\r\n",
            "content-length: 18446744073709551616\r\n",
        ] {
            assert!(asked("1.1", lines).is_err(), "{lines:?}");
        }
        assert!(asked("1.0", "transfer-encoding: chunked\r\n").is_err());
    }

    #[test]
    fn an_answer_ends_as_its_request_and_its_status_say() {
        let (get, head) = (Method::GET, Method::HEAD);
        assert_eq!(answered("200", get.clone(), ""), Ok(Decoder::until_close()));
        assert_eq!(answered("200", get.clone(), "content-length: 5\r\ncontent-length: 5\r\n"), Ok(Decoder::length(5)));
        for (status, method) in [("200", head), ("204", get.clone()), ("304", get.clone()), ("103", get.clone())] {
            assert_eq!(answered(status, method, "content-length: 5\r\n"), Ok(Decoder::length(0)), "{status}");
        }
        assert!(answered("200", get.clone(), "content-length: 5\r\ncontent-length: 6\r\n").is_err());
        assert!(answered("200", get, "content-length: 5\r\ntransfer-encoding: chunked\r\n").is_err());
    }
}
