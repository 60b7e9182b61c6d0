//! Messages on their way out: a head that is written once, and behind it a body that comes in its own time.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, UNIX_EPOCH},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version, header, request, response};
use http_body::Body;
use tokio::io::AsyncWrite;

use crate::kit::clock::Clock;

/// Pieces up to this size are copied behind what is written already.
const SMALL: usize = 8 * 1024;
/// What is gathered before something is written.
const GATHERED: usize = 16 * 1024;

/// Memory for more than this is given back.
const KEPT: usize = 32 * 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the other side finds the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, whatever the head says of its length.
    NoBody,
    Length(u64),
    Chunks,
    /// It ends with the connection.
    UntilClose,
}

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Outgoing<B> {
    bytes: BytesMut,
    /// A large piece of the body behind them, and what follows it.
    piece: Bytes,
    tail: &'static [u8],
    framing: Framing,
    /// `None` once all of it is in the bytes above.
    body: Option<B>,
    /// The stream has taken what it may still hold back, as one with TLS does.
    is_unflushed: bool,
}

impl<B> Outgoing<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Writes into `buffer`, which is empty.
    pub(super) fn new(buffer: BytesMut, framing: Framing, body: Option<B>) -> Self {
        let body = body.filter(|_| !matches!(framing, Framing::NoBody | Framing::Length(0)));
        Self { bytes: buffer, piece: Bytes::new(), tail: b"", framing, body, is_unflushed: false }
    }

    pub(super) fn head(&mut self) -> HeadWriter<'_> {
        HeadWriter(&mut self.bytes, self.framing)
    }

    /// Takes what the body has at hand. `Pending` when the body is waited for.
    pub(super) fn gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // What comes next stands behind the tail.
        while self.piece.is_empty() && self.tail.is_empty() && self.bytes.len() < GATHERED {
            let Some(body) = &mut self.body else { break };
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let is_last = body.is_end_stream();
                    if let Ok(data) = frame.into_data() {
                        self.put(data)?;
                    }
                    if is_last {
                        self.finish()?;
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => self.finish()?,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn put(&mut self, data: Bytes) -> Result<(), BoxError> {
        match &mut self.framing {
            _ if data.is_empty() => return Ok(()),
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or("a body that is longer than was said")?;
            }
            Framing::Chunks => {
                // Writing into memory does not fail.
                let _ = write!(self.bytes, "{:X}\r\n", data.len());
                self.tail = b"\r\n";
            }
            Framing::UntilClose | Framing::NoBody => {}
        }
        if data.len() > SMALL {
            self.piece = data;
        } else {
            self.bytes.extend_from_slice(&data);
            self.bytes.extend_from_slice(std::mem::take(&mut self.tail));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.body = None;
        match self.framing {
            Framing::Length(1..) => return Err("a body that is shorter than was said".into()),
            Framing::Chunks if self.piece.is_empty() => self.bytes.extend_from_slice(b"0\r\n\r\n"),
            Framing::Chunks => self.tail = b"\r\n0\r\n\r\n",
            _ => {}
        }
        Ok(())
    }

    /// How many bytes of what was gathered the stream has not taken.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() + self.piece.len() + self.tail.len()
    }

    /// Whether something of what was gathered is still on its way to the other side.
    pub(super) fn is_unsent(&self) -> bool {
        self.left() > 0 || self.is_unflushed
    }

    /// Whether all of it was written.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_none() && !self.is_unsent()
    }

    /// Writes what was gathered.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>> {
        if !self.is_unsent() {
            return Poll::Ready(Ok(()));
        }
        while self.left() > 0 {
            let stream = Pin::new(&mut *stream);
            let written = if self.piece.is_empty() && self.tail.is_empty() {
                ready!(stream.poll_write(cx, &self.bytes))?
            } else {
                let pieces = [IoSlice::new(&self.bytes), IoSlice::new(&self.piece), IoSlice::new(self.tail)];
                ready!(stream.poll_write_vectored(cx, &pieces))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(written);
            self.is_unflushed = true;
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: usize) {
        let of_bytes = written.min(self.bytes.len());
        self.bytes.advance(of_bytes);
        let of_piece = (written - of_bytes).min(self.piece.len());
        self.piece.advance(of_piece);
        self.tail = self.tail.get(written - of_bytes - of_piece..).unwrap_or_default();
    }

    /// The buffer, for the next message, unless it has become large.
    pub(super) fn into_buffer(mut self) -> BytesMut {
        self.bytes.clear();
        if self.bytes.try_reclaim(KEPT + 1) { BytesMut::new() } else { self.bytes }
    }
}

/// Writes a head.
pub(super) struct HeadWriter<'m>(&'m mut BytesMut, Framing);

impl HeadWriter<'_> {
    /// Of an answer. `connection` is what it says about itself.
    pub(super) fn answer(self, head: &response::Parts, connection: Option<&str>) {
        let Self(out, framing) = self;
        out.reserve(512);
        if head.status == StatusCode::OK {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        } else {
            let reason = head.status.canonical_reason().unwrap_or("Unknown");
            let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", head.status.as_str());
        }
        // Of an answer to HEAD and of 304 a length says what there would be. Others without a body have none.
        let has_length =
            framing == Framing::NoBody && !head.status.is_informational() && head.status != StatusCode::NO_CONTENT;
        if !headers(out, &head.headers, framing, has_length, head.status == StatusCode::SWITCHING_PROTOCOLS) {
            date(out);
        }
        if let Some(connection) = connection {
            line(out, "connection", connection.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Of a request, to the path of its URL, with more lines behind its headers.
    pub(super) fn request(self, head: &request::Parts, lines: &[u8]) {
        let Self(out, framing) = self;
        out.reserve(1024);
        out.extend_from_slice(head.method.as_str().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(head.uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        headers(out, &head.headers, framing, false, true);
        out.extend_from_slice(lines);
        out.extend_from_slice(b"\r\n");
    }
}

/// `with_length` and `with_connection` pass on what is said about the body's length and about the connection. Gives whether a
/// date is among them.
fn headers(
    out: &mut BytesMut,
    headers: &HeaderMap,
    framing: Framing,
    with_length: bool,
    with_connection: bool,
) -> bool {
    let (mut is_length_said, mut is_dated) = (false, false);
    let mut says_length = |value| {
        let is_framing =
            || matches!(framing, Framing::Length(length) if super::framing::parse_length(value) == Ok(length));
        (with_length || is_framing()) && !std::mem::replace(&mut is_length_said, true)
    };
    for (name, value) in headers {
        let is_kept = match *name {
            header::CONTENT_LENGTH => says_length(value),
            header::TRANSFER_ENCODING => false,
            header::CONNECTION => with_connection,
            header::DATE => {
                is_dated = true;
                true
            }
            _ => true,
        };
        if is_kept {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Length(length) if !is_length_said => {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        Framing::Chunks => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(_) | Framing::NoBody | Framing::UntilClose => {}
    }
    is_dated
}

fn line(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The line that says when an answer was made, kept for as long as it is true. Its clock is the world's, also where a test has
/// moved the server's.
struct Date {
    clock: Clock,
    second: i64,
    line: String,
}

thread_local! {
    static DATE: RefCell<Date> = RefCell::new(Date { clock: Clock::system(), second: -1, line: String::new() });
}

fn date(out: &mut BytesMut) {
    DATE.with_borrow_mut(|date| {
        let second = date.clock.now().seconds();
        if date.second != second {
            date.second = second;
            let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(second).unwrap_or(0));
            date.line = format!("date: {}\r\n", httpdate::fmt_http_date(at));
        }
        out.extend_from_slice(date.line.as_bytes());
    });
}

/// How an answer's body is framed for a client of this version.
pub(super) fn of_answer<B: Body>(head: &response::Parts, body: &B, is_head: bool, version: Version) -> Framing {
    if is_head || super::framing::has_no_body(head.status) {
        return Framing::NoBody;
    }
    let said = || head.headers.get(header::CONTENT_LENGTH).and_then(|said| super::framing::parse_length(said).ok());
    match body.size_hint().exact().or_else(said) {
        Some(length) => Framing::Length(length),
        None if version == Version::HTTP_10 => Framing::UntilClose,
        None => Framing::Chunks,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, task::Waker};

    use http::{Request, Response};
    use http_body::Frame;

    use super::*;

    /// A body in pieces, each of which is waited for once.
    struct Pieces(VecDeque<Option<Bytes>>);

    impl Pieces {
        fn new(pieces: &[&[u8]]) -> Self {
            Self(pieces.iter().flat_map(|piece| [None, Some(Bytes::copy_from_slice(piece))]).collect())
        }
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            match self.0.pop_front() {
                Some(None) => Poll::Pending,
                Some(Some(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
                None => Poll::Ready(None),
            }
        }
    }

    /// Takes a few bytes at a time.
    struct Narrow(Vec<u8>);

    impl AsyncWrite for Narrow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let length = bytes.len().min(7);
            self.0.extend_from_slice(&bytes[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn sent(framing: Framing, pieces: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut out, mut stream) =
            (Outgoing::new(BytesMut::new(), framing, Some(Pieces::new(pieces))), Narrow(vec![]));
        while !out.is_over() {
            if let Poll::Ready(Err(error)) = out.gather(&mut cx) {
                return Err(error.to_string());
            }
            assert!(out.poll_write(&mut cx, &mut stream).is_ready());
        }
        Ok(stream.0)
    }

    #[test]
    fn a_body_arrives_whole_whatever_its_pieces() {
        let large = vec![b'x'; SMALL + 1];
        let text = sent(Framing::Chunks, &[b"hello", b"", &large, b"end"]).unwrap();
        let expected = [b"5\r\nhello\r\n2001\r\n", &large[..], b"\r\n3\r\nend\r\n0\r\n\r\n"].concat();
        assert!(text == expected, "{}", String::from_utf8_lossy(&text));
        let text = sent(Framing::Chunks, &[&large]).unwrap();
        assert!(text.ends_with(b"x\r\n0\r\n\r\n"));
        let length = large.len() as u64 + 5;
        assert_eq!(sent(Framing::Length(length), &[b"hello", &large]).unwrap().len() as u64, length);
        assert_eq!(sent(Framing::UntilClose, &[b"a", b"b"]).unwrap(), b"ab");
    }

    #[test]
    fn a_body_of_another_length_than_was_said_is_no_body() {
        assert!(sent(Framing::Length(4), &[b"hello"]).unwrap_err().contains("longer"));
        assert!(sent(Framing::Length(6), &[b"hello"]).unwrap_err().contains("shorter"));
    }

    /// Takes everything, and holds it back until it is asked to hand it on for the second time.
    #[derive(Default)]
    struct Holding {
        asked: usize,
    }

    impl AsyncWrite for Holding {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.asked += 1;
            if self.asked < 2 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_message_that_the_stream_holds_back_is_not_over() {
        let (mut stream, mut cx) = (Holding::default(), Context::from_waker(Waker::noop()));
        let mut out = Outgoing::<Pieces>::new(BytesMut::from("text"), Framing::NoBody, None);
        assert!(out.poll_write(&mut cx, &mut stream).is_pending());
        assert!(out.is_unsent() && !out.is_over());
        assert!(out.poll_write(&mut cx, &mut stream).is_ready());
        assert_eq!((out.is_over(), stream.asked), (true, 2));
    }

    #[test]
    fn memory_of_messages_is_used_again_unless_it_is_large() {
        let (mut stream, mut cx) = (Narrow(vec![]), Context::from_waker(Waker::noop()));
        for (length, is_kept) in [(KEPT / 2, true), (2 * KEPT, false)] {
            let text = BytesMut::from(&vec![b'x'; length][..]);
            let mut out = Outgoing::<Pieces>::new(text, Framing::NoBody, None);
            assert!(out.poll_write(&mut cx, &mut stream).is_ready());
            assert_eq!(out.into_buffer().try_reclaim(KEPT / 2), is_kept, "{length}");
        }
    }

    #[test]
    fn a_head_says_one_framing() {
        let answer =
            Response::builder().status(201).header("content-length", "9").header("transfer-encoding", "chunked");
        let head = answer.header("connection", "x").header("date", "now").body(()).unwrap().into_parts().0;
        let written = |framing| {
            let mut out = Outgoing::<Pieces>::new(BytesMut::new(), framing, None);
            out.head().answer(&head, Some("close"));
            String::from_utf8(out.bytes.to_vec()).unwrap()
        };
        let (first, last) = ("HTTP/1.1 201 Created\r\n", "connection: close\r\n\r\n");
        assert_eq!(written(Framing::Length(3)), format!("{first}date: now\r\ncontent-length: 3\r\n{last}"));
        assert_eq!(written(Framing::Chunks), format!("{first}date: now\r\ntransfer-encoding: chunked\r\n{last}"));
        assert_eq!(written(Framing::NoBody), format!("{first}content-length: 9\r\ndate: now\r\n{last}"));
        let nothing =
            Response::builder().status(204).header("content-length", "9").header("date", "now").body(()).unwrap();
        let mut out = Outgoing::<Pieces>::new(BytesMut::new(), Framing::NoBody, None);
        out.head().answer(&nothing.into_parts().0, None);
        assert_eq!(out.bytes, "HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n");
        let twice =
            Response::builder().header("content-length", "9").header("content-length", "9").header("date", "now");
        let twice = twice.body(()).unwrap().into_parts().0;
        for framing in [Framing::Length(9), Framing::NoBody] {
            let mut out = Outgoing::<Pieces>::new(BytesMut::new(), framing, None);
            out.head().answer(&twice, None);
            assert_eq!(out.bytes, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ndate: now\r\n\r\n");
        }
        let request = Request::post("http://a.example/p?q").header("content-length", "9").body(()).unwrap();
        let mut out = Outgoing::<Pieces>::new(BytesMut::new(), Framing::Chunks, None);
        out.head().request(&request.into_parts().0, b"");
        assert_eq!(out.bytes, "POST /p?q HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
    }
}
