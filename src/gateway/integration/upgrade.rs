//! WebSocket connections through an HTTP proxy integration: the request that opens one is authorised like any other, and once the
//! backend agrees the two ends speak to each other. No other protocol is passed on.
//! <https://www.rfc-editor.org/rfc/rfc6455#section-4>

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Response, Version, header, request::Parts};

use super::Answer;
use crate::{
    gateway::{body::Body, refusal::Refusal, workers::Room},
    web::http1::OnUpgrade,
};

/// The service's WebSocket connections last this long.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// The client's side of a connection that it wants to be a WebSocket, with its place among the connections.
pub(super) struct Wanted(OnUpgrade, Option<Room>);

/// What the client wants, if it asks for a WebSocket and for nothing else beside it.
pub(super) fn wanted(head: &mut Parts) -> Option<Wanted> {
    let side = head.extensions.remove::<OnUpgrade>()?;
    let connection = head.headers.get_all(header::CONNECTION).iter();
    let mut options = connection.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut upgrades = head.headers.get_all(header::UPGRADE).iter();
    let (Some(protocol), None) = (upgrades.next(), upgrades.next()) else { return None };
    let asks = head.method == Method::GET
        && head.version == Version::HTTP_11
        && protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
        && options.any(|option| option.eq_ignore_ascii_case(b"upgrade"))
        && head.headers.contains_key(header::SEC_WEBSOCKET_KEY);
    asks.then(|| Wanted(side, head.extensions.remove::<Room>()))
}

/// Says to the other side what the headers of one connection said.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
}

/// Joins both sides after the backend agreed. What it switched to must be what it was asked for.
pub(super) fn join(wanted: Wanted, answer: Response<Answer>) -> Result<Response<Body>, Refusal> {
    let agreed = answer.headers().get(header::UPGRADE);
    if !agreed.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Err(Refusal::Unavailable("the backend switched to another protocol".to_owned()));
    }
    let (mut head, body) = answer.into_parts();
    tokio::spawn(async move {
        let Wanted(client, _place) = wanted;
        let (Some(mut client), Some(mut backend)) = (client.upgraded().await, body.upgraded()) else {
            tracing::debug!("a WebSocket did not come to be");
            return;
        };
        let copy = tokio::io::copy_bidirectional(&mut client, &mut backend);
        if let Ok(Err(error)) = tokio::time::timeout(LONGEST, copy).await {
            tracing::debug!(%error, "a WebSocket broke off");
        }
    });
    super::forwarding::prepare_response(&mut head.headers);
    ask(&mut head.headers);
    Ok(Response::from_parts(head, Body::default()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Request;
    use tokio::sync::Semaphore;

    use super::*;

    /// Otherwise there could be any number of them: their connections' HTTP ends with the answer.
    #[test]
    fn a_websocket_keeps_its_place_among_the_connections() {
        let room = Arc::new(Semaphore::new(1));
        let place: Room = Arc::new(Arc::clone(&room).try_acquire_owned().unwrap());
        let request = Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
        let (mut head, ()) = request.header("sec-websocket-key", "x").body(()).unwrap().into_parts();
        let (_connection, side) = OnUpgrade::new();
        head.extensions.insert(side);
        head.extensions.insert(place);
        let wanted = wanted(&mut head).unwrap();
        drop(head);
        assert_eq!(room.available_permits(), 0);
        drop(wanted);
        assert_eq!(room.available_permits(), 1);
    }
}
