//! One connection to a server that is asked something: a request, its answer, and perhaps the next request.
//!
//! Nobody drives it but whoever uses it: the future of the answer's head first, and then the answer's body.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, request, response};
use http_body::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::coop::unconstrained,
};

use super::{
    BodyError, Upgraded,
    decoder::Decoder,
    encoder::{Framing, Outgoing},
    framing::Signs,
    head::{self, BadHead, Search},
    input::{Input, LARGE_PIECE, MARGIN, NARROW_MARGIN, PIECE},
};

/// Status line and headers of an answer.
const HEAD: usize = 64 * 1024;
/// Answers of one request before its last one.
const INTERIM: usize = 16;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Not a byte of one has come. What was asked may have been done or not.
    #[error("the connection ended before there was an answer")]
    Closed(#[source] Option<io::Error>),
    #[error("the connection ended within the answer's head")]
    BrokenOff(#[source] Option<io::Error>),
    #[error("the answer cannot be understood: {0}")]
    Answer(&'static str),
    #[error("the request could not be sent: {0}")]
    Request(#[source] BoxError),
}

impl From<BadHead> for NoAnswer {
    fn from(bad: BadHead) -> Self {
        Self::Answer(match bad {
            BadHead::Syntax(what) => what,
            BadHead::TooLarge => "its head is too large",
            BadHead::BareLineFeed => "a line feed without a carriage return",
        })
    }
}

/// A connection, with the body of the request that is being sent.
#[derive(Debug)]
pub struct Link<S, B> {
    stream: S,
    input: Input,
    sending: Option<Outgoing<B>>,
    /// For the next request.
    buffer: BytesMut,
    /// Why a request was not sent to its end. There may be an answer to what was sent of it.
    broken: Option<io::Error>,
    /// What is left of the answer.
    body: Decoder,
    goes_on: bool,
}

impl<S, B> Link<S, B>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            input: Input::default(),
            sending: None,
            buffer: BytesMut::new(),
            broken: None,
            body: Decoder::length(0),
            goes_on: true,
        }
    }

    /// Sends a request and waits for the head of its answer. `None` is no body. `lines` stand behind the headers as they are, each
    /// with its end, and frame nothing. The answer's headers take the memory of the request's: what is left of these is whole after
    /// [`NoAnswer::Closed`] only.
    pub async fn ask(
        &mut self,
        head: &mut request::Parts,
        lines: &[u8],
        body: Option<B>,
    ) -> Result<response::Parts, NoAnswer> {
        let asked = Signs::of(&head.headers);
        let is_last = asked.close;
        self.begin((head, lines), body, asked);
        let (mut search, mut interim) = (Search::mending(), 0);
        let answer = poll_fn(|cx| {
            self.poll_send(cx).map_err(NoAnswer::Request)?;
            loop {
                let answer = match ready!(self.poll_head(cx, &mut search, &mut head.headers)) {
                    Err(NoAnswer::Closed(error)) if interim > 0 => Err(NoAnswer::BrokenOff(error)),
                    answer => answer,
                }?;
                if !answer.status.is_informational() || answer.status == StatusCode::SWITCHING_PROTOCOLS {
                    return Poll::Ready(Ok(answer));
                }
                head.headers = head::emptied(answer.headers);
                interim += 1;
                if interim > INTERIM {
                    return Poll::Ready(Err(NoAnswer::Answer("it does not come to its last one")));
                }
                search = Search::mending();
            }
        })
        .await?;
        let signs = Signs::of(&answer.headers);
        self.body = signs.body_of_answer(answer.status, &head.method).map_err(NoAnswer::Answer)?;
        let is_final = !answer.status.is_informational();
        self.goes_on = is_final && self.body != Decoder::until_close() && signs.goes_on(answer.version) && !is_last;
        Ok(answer)
    }

    fn begin(&mut self, (head, lines): (&request::Parts, &[u8]), body: Option<B>, signs: Signs<'_>) {
        let framing = match body.as_ref().map(|body| body.size_hint().exact()) {
            Some(Some(length)) => Framing::Length(length),
            Some(None) => Framing::Chunks,
            None if has_use_for_one(&head.method) || signs.has_length() => Framing::Length(0),
            None => Framing::NoBody,
        };
        let mut out = Outgoing::new(std::mem::take(&mut self.buffer), framing, body);
        out.head().request(head, lines);
        self.sending = Some(out);
    }

    /// Sends what there is of the request. Fails where its body does.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        while let Some(sending) = &mut self.sending {
            let gathered = match sending.gather(cx) {
                Poll::Ready(Err(error)) => {
                    self.sending = None;
                    self.goes_on = false;
                    return Err(error);
                }
                gathered => gathered,
            };
            match sending.poll_write(cx, &mut self.stream) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.broken = Some(error);
                    self.sending = None;
                    return Ok(());
                }
                Poll::Pending => return Ok(()),
            }
            if sending.is_over() {
                self.buffer = self.sending.take().map(Outgoing::into_buffer).unwrap_or_default();
            } else if gathered.is_pending() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        search: &mut Search,
        memory: &mut HeaderMap,
    ) -> Poll<Result<response::Parts, NoAnswer>> {
        loop {
            match search.end(&self.input.bytes)? {
                Some(end) if end <= HEAD => {
                    let head = self.input.bytes.split_to(end).freeze();
                    let memory = head::emptied(std::mem::take(memory));
                    return Poll::Ready(Ok(head::response(&head, memory)?));
                }
                None if self.input.bytes.len() <= HEAD => {}
                _ => return Poll::Ready(Err(BadHead::TooLarge.into())),
            }
            let error = match ready!(self.poll_fill(cx, MARGIN, PIECE)) {
                Ok(0) => self.broken.take(),
                Ok(_) => continue,
                Err(error) => Some(error),
            };
            let has_begun = !self.input.bytes.is_empty();
            return Poll::Ready(Err(if has_begun { NoAnswer::BrokenOff(error) } else { NoAnswer::Closed(error) }));
        }
    }

    /// The next piece of the answer's body.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.sending.is_some() {
            self.poll_send(cx).map_err(BodyError::Request)?;
        }
        loop {
            match self.body.next(&mut self.input.bytes) {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if self.body.is_done() => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            let room = self.body.wants().clamp(PIECE, LARGE_PIECE);
            match ready!(self.poll_fill(cx, MARGIN, room)) {
                Ok(0) if self.body == Decoder::until_close() => self.body = Decoder::length(0),
                Ok(0) => return Poll::Ready(Some(Err(BodyError::BrokenOff))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// What is known to come of the answer's body.
    pub fn exact(&self) -> Option<u64> {
        self.body.exact()
    }

    /// Whether the answer was read to its end.
    pub fn is_done(&self) -> bool {
        self.body.is_done()
    }

    /// Whether there may be another request, as far as is known.
    pub fn may_go_on(&self) -> bool {
        self.goes_on
            && self.sending.is_none()
            && self.broken.is_none()
            && self.body.is_done()
            && self.input.bytes.is_empty()
            && !self.input.has_ended
    }

    /// Whether another request may be sent. Sees what the other side has said or closed meanwhile.
    pub fn is_free(&mut self) -> bool {
        if !self.may_go_on() {
            return false;
        }
        // Who has used up a turn's budget would be told that nothing has come, without a look.
        let look = pin!(unconstrained(poll_fn(|cx| self.poll_fill(cx, NARROW_MARGIN, PIECE))));
        look.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Gives back memory that an answer's body needed.
    pub fn give_back(&mut self) {
        self.input.give_back();
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, margin: usize, piece: usize) -> Poll<io::Result<usize>> {
        self.input.poll_fill(cx, &mut self.stream, margin, piece)
    }
}

/// Whether a request that has no body says so.
fn has_use_for_one(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static, B> Link<S, B> {
    /// The connection, after both sides have agreed to speak something else.
    pub fn upgraded(self) -> Upgraded {
        Upgraded::new(self.stream, self.input.bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use http_body_util::Empty;
    use tokio::{io::AsyncWriteExt, task::coop::consume_budget};

    use super::*;

    /// How a request fares that is answered with this and no more, and how many headers are left of it.
    async fn asked(answer: &str) -> (Result<response::Parts, NoAnswer>, usize) {
        let (mut server, stream) = tokio::io::duplex(1024);
        server.write_all(answer.as_bytes()).await.unwrap();
        server.shutdown().await.unwrap();
        let mut link = Link::<_, Empty<Bytes>>::new(stream);
        let mut head =
            Request::get("/").header("host", "a").header("authorization", "b").body(()).unwrap().into_parts().0;
        let outcome = link.ask(&mut head, b"", None).await;
        (outcome, head.headers.len())
    }

    #[tokio::test]
    async fn a_request_is_whole_where_it_may_be_asked_again() {
        assert!(matches!(asked("").await, (Err(NoAnswer::Closed(_)), 2)));
        assert!(matches!(asked("HTTP/1.1 200 OK\r\n").await, (Err(NoAnswer::BrokenOff(_)), _)));
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";
        assert!(matches!(asked(hints).await, (Err(NoAnswer::BrokenOff(_)), _)));
        let (answer, _) = asked(&format!("{hints}HTTP/1.1 204 No Content\r\nx: y\r\n\r\n")).await;
        let headers = answer.unwrap().headers;
        assert_eq!((headers.len(), &headers["x"]), (1, &HeaderValue::from_static("y")));
    }

    #[tokio::test]
    async fn a_connection_in_http_1_0_ends_with_chunks() {
        for (framing, goes_on) in
            [("content-length: 0\r\n\r\n", true), ("transfer-encoding: chunked\r\n\r\n0\r\n\r\n", false)]
        {
            let (mut server, stream) = tokio::io::duplex(1024);
            let answer = format!("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n{framing}");
            server.write_all(answer.as_bytes()).await.unwrap();
            let mut link = Link::<_, Empty<Bytes>>::new(stream);
            let mut head = Request::get("/").body(()).unwrap().into_parts().0;
            link.ask(&mut head, b"", None).await.unwrap();
            assert!(poll_fn(|cx| link.poll_data(cx)).await.is_none());
            assert_eq!(link.may_go_on(), goes_on, "{framing:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_is_not_free_whoever_looks() {
        let (server, stream) = tokio::io::duplex(64);
        let mut link = Link::<_, Empty<Bytes>>::new(stream);
        assert!(link.is_free());
        drop(server);
        // Until this turn may do no more.
        while poll_fn(|cx| Poll::Ready(pin!(consume_budget()).poll(cx).is_ready())).await {}
        assert!(!link.is_free());
    }
}
