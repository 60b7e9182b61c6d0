//! One connection of a client, from its first request to its end.
//!
//! Requests are answered one after the other. The future of the answer lives in the connection's own, so that nobody is woken
//! elsewhere, and no timer is set for a request: the connection looks every now and then how far it is.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, request, response};
use http_body::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Incoming, OnUpgrade, Spelling, Upgraded,
    encoder::{self, Framing, Outgoing},
    framing::Signs,
    head::{self, BadHead, Search},
    wire::{Leftover, NoHead, Wait, Wire},
};
use crate::web::{pace::Patience, upload::Upload};

/// So much of a body that nobody wanted is read, to keep the connection.
const DRAINED: u64 = 64 * 1024;
/// How long a client that is hung up on may go on sending. Without it, it might lose the answer.
const LINGER: Duration = Duration::from_secs(2);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How much is waited and read for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Request line and headers, in bytes.
    pub head: usize,
    pub patience: Patience,
}

/// Serves a connection that began at `since`, after `shutdown` until the request in flight is answered.
///
/// # Errors
/// How the connection broke. What the client did wrong it was told, as far as it can be.
pub async fn serve<S, F, B>(
    stream: S,
    since: Instant,
    limits: Limits,
    answer: impl Fn(Request<Upload>) -> F + Send + Sync,
    shutdown: &CancellationToken,
) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = Response<B>> + Send,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin,
{
    let wire = Arc::new(Wire::new(stream));
    let every = limits.patience.every();
    let mut watch = Watch { limits: limits.patience, waits: (Wait::Head, 0), since };
    let mut verdict = None;
    let outcome = {
        let mut served = pin!(run(&wire, limits, &answer, shutdown));
        let mut look = pin!(sleep(every));
        let mut stop = pin!(shutdown.cancelled());
        // Once is enough to be woken by them: the task stays the same. Whether it is time to stop is asked between requests.
        let (mut is_stop_known, mut is_look_set) = (false, false);
        poll_fn(|cx| {
            if !is_stop_known {
                is_stop_known = true;
                let _ = stop.as_mut().poll(cx);
            }
            // Before the requests, since who has used a turn's budget up sets no timer.
            if !is_look_set {
                is_look_set = look.as_mut().poll(cx).is_pending();
            }
            if let Poll::Ready(outcome) = served.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            if look.is_elapsed() {
                let now = Instant::now();
                verdict = watch.look(&wire, now);
                if verdict.is_some() {
                    return Poll::Ready(None);
                }
                look.as_mut().reset(now + every);
                is_look_set = false;
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    };
    match outcome {
        Some(Ok(Ended::Closed)) => Ok(()),
        Some(Ok(Ended::Upgraded(sender))) => hand_over(wire, sender),
        Some(Err(error)) => Err(error),
        None if verdict == Some(Verdict::TellAndEnd) => {
            let told = refuse(&wire, StatusCode::REQUEST_TIMEOUT);
            timeout(limits.patience.stall, told).await.unwrap_or(Ok(()))
        }
        // Nobody says anything.
        None if matches!(watch.waits.0, Wait::Head | Wait::Next) => {
            say_goodbye(&wire).await;
            Ok(())
        }
        None => Ok(()),
    }
}

/// How a connection ends.
enum Ended {
    Closed,
    Upgraded(oneshot::Sender<Upgraded>),
}

async fn run<S, F, B>(
    wire: &Arc<Wire<S>>,
    limits: Limits,
    answer: &impl Fn(Request<Upload>) -> F,
    shutdown: &CancellationToken,
) -> Result<Ended, BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let mut spare = Spare::default();
    loop {
        let mut search = Search::default();
        let next = poll_fn(|cx| wire.poll_head(cx, &mut search, limits.head, || shutdown.is_cancelled())).await;
        let parsed = match next {
            Ok(None) => {
                say_goodbye(wire).await;
                return Ok(Ended::Closed);
            }
            Ok(Some(head)) => {
                head::request(&head, std::mem::take(&mut spare.headers)).map(|parts| (parts, Spelling::new(head)))
            }
            Err(NoHead::Io(error)) => return Err(error.into()),
            Err(NoHead::Bad(bad)) => Err(bad),
        };
        let asked = parsed.and_then(|(head, spelling)| Asked::new(wire, head, spelling));
        let (request, asked) = match asked {
            Ok(asked) => asked,
            Err(bad) => {
                let status = match bad {
                    BadHead::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                    _ => StatusCode::BAD_REQUEST,
                };
                refuse(wire, status).await?;
                return Err(format!("a head that is none: {bad}").into());
            }
        };
        let response = {
            let mut answered = pin!(answer(request));
            poll_fn(|cx| {
                if let Poll::Ready(response) = answered.as_mut().poll(cx) {
                    return Poll::Ready(Some(response));
                }
                wire.poll_gone(cx).map(|()| None)
            })
            .await
        };
        let Some(response) = response else { return Ok(Ended::Closed) };
        let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let then = asked.send(wire, response, &mut spare, shutdown.is_cancelled()).await?;
        match (then, asked.upgrade) {
            (_, Some(upgrade)) if is_switching => return Ok(Ended::Upgraded(upgrade)),
            (Then::Next, _) => wire.wait_for(Wait::Next),
            (Then::Drain, _) => {
                let Ok(drained) = timeout(limits.patience.stall, poll_fn(|cx| wire.poll_drain(cx))).await else {
                    close(wire, false).await?;
                    return Ok(Ended::Closed);
                };
                drained?;
                wire.wait_for(Wait::Next);
            }
            (Then::Close, _) => {
                close(wire, true).await?;
                return Ok(Ended::Closed);
            }
        }
    }
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    Next,
    /// The rest of a body that nobody wanted.
    Drain,
    /// The client may still be sending, be it requests that nobody will read.
    Close,
}

/// Memory that each request of a connection uses again.
#[derive(Default)]
struct Spare {
    buffer: BytesMut,
    headers: HeaderMap,
}

/// What must be known of a request to answer it.
struct Asked {
    is_head: bool,
    version: Version,
    goes_on: bool,
    upgrade: Option<oneshot::Sender<Upgraded>>,
}

impl Asked {
    fn new<S>(
        wire: &Arc<Wire<S>>,
        mut head: request::Parts,
        spelling: Spelling,
    ) -> Result<(Request<Upload>, Self), BadHead>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let signs = Signs::of(&head.headers);
        let body = signs.body_of_request(head.version).map_err(BadHead::Syntax)?;
        let is_1_1 = head.version == Version::HTTP_11;
        let mut asked = Self {
            is_head: head.method == Method::HEAD,
            version: head.version,
            goes_on: signs.goes_on(head.version),
            upgrade: None,
        };
        let has_body = !body.is_done();
        wire.begin_body(body, signs.expects_continue && is_1_1);
        if !has_body && is_1_1 && signs.upgrade {
            let (sender, upgrade) = OnUpgrade::new();
            asked.upgrade = Some(sender);
            head.extensions.insert(upgrade);
        }
        let body = if has_body { Incoming::new(Arc::clone(wire) as _) } else { Incoming::empty() };
        Ok((Request::from_parts(head, Upload::http1(body, spelling)), asked))
    }

    async fn send<S, B>(
        &self,
        wire: &Wire<S>,
        response: Response<B>,
        spare: &mut Spare,
        is_last: bool,
    ) -> Result<Then, BoxError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let (mut head, body) = response.into_parts();
        let framing = encoder::of_answer(&head, &body, self.is_head, self.version);
        if self.is_head {
            say_length(&mut head, &body);
        }
        let leftover = wire.leftover();
        let is_switching = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let ends = !self.goes_on
            || is_last
            || framing == Framing::UntilClose
            || matches!(leftover, Leftover::Unsent | Leftover::Unknown | Leftover::Known(DRAINED..))
            || Signs::of(&head.headers).close;
        let connection = match self.version {
            _ if is_switching => None,
            _ if ends => Some("close"),
            Version::HTTP_10 => Some("keep-alive"),
            _ => None,
        };
        let mut out = Outgoing::new(std::mem::take(&mut spare.buffer), framing, Some(body));
        out.head().answer(&head, connection);
        spare.headers = head::emptied(head.headers);
        deliver(wire, &mut out).await?;
        spare.buffer = out.into_buffer();
        // Whoever read the rest of the body may have left it.
        Ok(match (ends, if leftover == Leftover::Read { wire.leftover() } else { leftover }) {
            (false, Leftover::None) => Then::Next,
            (false, Leftover::Known(..DRAINED)) => Then::Drain,
            _ => Then::Close,
        })
    }
}

/// An answer to HEAD has the length that the other would have.
fn say_length<B: Body>(head: &mut response::Parts, body: &B) {
    if let Some(length @ 1..) = body.size_hint().exact() {
        head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
}

async fn deliver<S, B>(wire: &Wire<S>, out: &mut Outgoing<B>) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    poll_fn(|cx| {
        loop {
            let gathered = out.gather(cx)?;
            if out.is_unsent() {
                ready!(wire.poll_write(cx, out))?;
            }
            if out.is_over() {
                return Poll::Ready(Ok(()));
            }
            if gathered.is_pending() {
                return wire.poll_gone(cx).map(|()| Err("the client has gone".into()));
            }
        }
    })
    .await
}

/// Says the last word of a connection.
async fn refuse<S>(wire: &Wire<S>, status: StatusCode) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let reason = status.canonical_reason().unwrap_or_default();
    let body = http_body_util::Full::new(Bytes::from(format!(r#"{{"message":"{reason}"}}"#)));
    let (mut head, body) = Response::new(body).into_parts();
    head.status = status;
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let framing = encoder::of_answer(&head, &body, false, Version::HTTP_11);
    let mut out = Outgoing::new(BytesMut::new(), framing, Some(body));
    out.head().answer(&head, Some("close"));
    deliver(wire, &mut out).await?;
    close(wire, true).await
}

/// Says that nothing more will come. A client that may still be sending is listened to for a while, since otherwise the system
/// would take back what it has not read yet.
async fn close<S>(wire: &Wire<S>, lingers: bool) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    poll_fn(|cx| wire.poll_shutdown(cx)).await?;
    if lingers {
        // Whatever is said, and for however long: nobody listens.
        let _ = timeout(LINGER, poll_fn(|cx| wire.poll_discard(cx))).await;
    }
    Ok(())
}

/// Ends a connection between two requests. With TLS, the other side can tell such an end from one that somebody made on the way.
async fn say_goodbye<S>(wire: &Wire<S>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    // The client may have gone before us.
    let _ = timeout(LINGER, close(wire, false)).await;
}

fn hand_over<S>(wire: Arc<Wire<S>>, upgrade: oneshot::Sender<Upgraded>) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let wire = Arc::into_inner(wire).ok_or("the connection is still being read")?;
    let (stream, rest) = wire.into_parts();
    // Whoever asked for it may be gone.
    let _ = upgrade.send(Upgraded::new(stream, rest));
    Ok(())
}

/// What becomes of a client that is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    TellAndEnd,
    End,
}

/// Compares what happens on a connection with what happened before.
struct Watch {
    limits: Patience,
    waits: (Wait, u32),
    since: Instant,
}

impl Watch {
    /// `None` while it may go on.
    fn look<S>(&mut self, wire: &Wire<S>, now: Instant) -> Option<Verdict>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let waits = wire.waits();
        if waits != self.waits {
            (self.waits, self.since) = (waits, now);
            return None;
        }
        let limit = match waits.0 {
            Wait::Head => self.limits.head,
            Wait::Next => {
                wire.give_back();
                self.limits.idle
            }
            Wait::Body | Wait::ToTake => self.limits.stall,
            Wait::Nothing => return None,
        };
        if now.duration_since(self.since) < limit {
            return None;
        }
        match waits.0 {
            Wait::Head if wire.has_begun() => Some(Verdict::TellAndEnd),
            // Whoever reads it answers; one look later there is nothing left to say.
            Wait::Body if wire.call_too_slow() => None,
            _ => Some(Verdict::End),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, task::Context};

    use http_body::Frame;
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client of this request is told until the connection ends, and how long that takes.
    async fn told<F, B>(head: &str, answer: impl Fn(Request<Upload>) -> F + Send + Sync) -> (String, Duration)
    where
        F: Future<Output = Response<B>> + Send,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin,
    {
        let (mut client, stream) = tokio::io::duplex(1024);
        client.write_all(head.as_bytes()).await.unwrap();
        let (began, shutdown) = (Instant::now(), CancellationToken::new());
        let limits = Limits { head: 1024, patience: Patience::default() };
        let mut text = String::new();
        let served = serve(stream, began, limits, answer, &shutdown);
        let (_, read) = tokio::join!(served, client.read_to_string(&mut text));
        read.unwrap();
        (text, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_given_up_is_not_waited_for() {
        let stall = Patience::default().stall;
        let (text, _) =
            told("POST / HTTP/1.1\r\ncontent-length: 9\r\nconnection: close\r\n\r\n", async |mut request| {
                let piece = timeout(Duration::from_secs(1), request.body_mut().frame()).await;
                assert!(piece.is_err(), "it never comes");
                drop(request);
                sleep(3 * stall).await;
                Response::new(Full::from("late"))
            })
            .await;
        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("late"), "{text:?}");
    }

    /// A body of an answer that keeps the request's to its end.
    struct Holding(Option<Bytes>, #[expect(dead_code)] Upload);

    impl Body for Holding {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_that_is_left_during_the_answer_is_not_read_to_its_end() {
        let head = "POST / HTTP/1.1\r\ncontent-length: 1000000000\r\n\r\n";
        let (text, took) = told(head, async |request| {
            Response::new(Holding(Some(Bytes::from_static(b"enough")), request.into_body()))
        })
        .await;
        assert!(text.ends_with("6\r\nenough\r\n0\r\n\r\n"), "{text:?}");
        assert!(took <= LINGER + Duration::from_secs(1), "{took:?}");
    }

    /// A client, and the end of what it was served with this body.
    async fn serving(text: &'static str, body: Bytes) -> (tokio::io::DuplexStream, tokio::task::JoinHandle<Instant>) {
        let (mut client, stream) = tokio::io::duplex(1024);
        client.write_all(text.as_bytes()).await.unwrap();
        let served = tokio::spawn(async move {
            let limits = Limits { head: 1024, patience: Patience::default() };
            let answer = |_: Request<Upload>| std::future::ready(Response::new(Full::from(body.clone())));
            let _ = serve(stream, Instant::now(), limits, answer, &CancellationToken::new()).await;
            Instant::now()
        });
        (client, served)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_long_answer_slowly_gets_all_of_it() {
        let body = Bytes::from(vec![b'x'; 50_000]);
        let (mut client, _served) = serving("GET / HTTP/1.1\r\nconnection: close\r\n\r\n", body).await;
        let (mut taken, mut piece) = (0, [0; 1024]);
        loop {
            sleep(Patience::default().stall / 3).await;
            match client.read(&mut piece).await.unwrap() {
                0 => break,
                more => taken += more,
            }
        }
        assert!(taken > 50_000, "{taken}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_wants_is_not_waited_for_byte_by_byte() {
        let began = Instant::now();
        let (mut client, served) =
            serving("POST / HTTP/1.1\r\ncontent-length: 60000\r\n\r\n", Bytes::from_static(b"no")).await;
        // As long as it is taken, and never so slowly that a single byte would be waited for too long.
        while client.write_all(b"x").await.is_ok() {
            sleep(Patience::default().stall / 3).await;
            assert!(began.elapsed() < 4 * Patience::default().stall, "it goes on and on");
        }
        assert!(served.await.unwrap() - began < 2 * Patience::default().stall);
    }
}
