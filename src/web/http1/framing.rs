//! Where a message ends.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, request, response};

use super::decoder::Decoder;

/// The body of a request. What two readers could end at two places is refused, also where the standard chooses one.
pub(super) fn of_request(head: &request::Parts) -> Result<Decoder, &'static str> {
    let length = length(&head.headers, false)?;
    match (is_chunked(&head.headers)?, length) {
        (true, Some(_)) => Err("both a length and a transfer coding"),
        (true, None) if head.version == Version::HTTP_10 => Err("a transfer coding in HTTP/1.0"),
        (true, None) => Ok(Decoder::chunks()),
        (false, length) => Ok(Decoder::length(length.unwrap_or(0))),
    }
}

/// The body of an answer to a request with this method.
pub(super) fn of_response(head: &response::Parts, method: &Method) -> Result<Decoder, &'static str> {
    let length = length(&head.headers, true)?;
    let is_chunked = is_chunked(&head.headers)?;
    if *method == Method::HEAD || has_no_body(head.status) {
        return Ok(Decoder::length(0));
    }
    match (is_chunked, length) {
        (true, Some(_)) => Err("both a length and a transfer coding"),
        (true, None) => Ok(Decoder::chunks()),
        (false, Some(length)) => Ok(Decoder::length(length)),
        (false, None) => Ok(Decoder::until_close()),
    }
}

pub(super) fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn is_chunked(headers: &HeaderMap) -> Result<bool, &'static str> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(false) };
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err("a transfer coding other than chunked");
    }
    Ok(true)
}

/// `may_repeat` takes a length that is said more than once.
fn length(headers: &HeaderMap, may_repeat: bool) -> Result<Option<u64>, &'static str> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    if lengths.any(|other| !may_repeat || other != first) {
        return Err("more than one length");
    }
    parse_length(first).map(Some)
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

/// Whether a header with a list has this word.
pub(super) fn says(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let words = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.map(<[u8]>::trim_ascii).any(|said| said.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether the connection may be used again after this message.
pub(super) fn goes_on(version: Version, headers: &HeaderMap) -> bool {
    match version {
        Version::HTTP_10 => says(headers, &header::CONNECTION, "keep-alive"),
        _ => !says(headers, &header::CONNECTION, "close"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::head, *};

    fn asked(version: &str, lines: &str) -> Result<Decoder, &'static str> {
        let head = Bytes::from(format!("POST / HTTP/{version}\r\n{lines}\r\n"));
        of_request(&head::request(&head, HeaderMap::new()).unwrap())
    }

    fn answered(status: &str, method: Method, lines: &str) -> Result<Decoder, &'static str> {
        let head = Bytes::from(format!("HTTP/1.1 {status}\r\n{lines}\r\n"));
        of_response(&head::response(&head, HeaderMap::new()).unwrap(), &method)
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
