//! Bodies that are read whole before anybody looks at them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

/// Why a body cannot be had whole.
#[derive(Debug, thiserror::Error)]
pub enum NotWhole<E> {
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not come in time")]
    Slow,
    #[error("{0}")]
    Broken(E),
}

/// All that comes of a body within `time`, if it is no more than `limit` bytes. Each piece is copied behind the others as it comes,
/// so that many small ones, which may keep far more memory than they are long, cost no more than few large ones.
///
/// # Errors
/// See [`NotWhole`].
pub async fn whole<B>(body: B, limit: usize, time: Duration) -> Result<Bytes, NotWhole<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    tokio::time::timeout(time, gathered(body, limit)).await.unwrap_or(Err(NotWhole::Slow))
}

async fn gathered<B>(mut body: B, limit: usize) -> Result<Bytes, NotWhole<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut only = Bytes::new();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(NotWhole::Broken)?.into_data() else { continue };
        if data.len() > limit - only.len() - bytes.len() {
            return Err(NotWhole::TooLarge);
        }
        if only.is_empty() && bytes.is_empty() {
            only = data;
            continue;
        }
        bytes.extend_from_slice(&std::mem::take(&mut only));
        bytes.extend_from_slice(&data);
    }
    Ok(if bytes.is_empty() { only } else { bytes.freeze() })
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        sync::Arc,
        task::{Context, Poll},
    };

    use http_body::Frame;

    use super::*;

    struct Piece(#[expect(dead_code)] Arc<()>);

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            b"xy"
        }
    }

    /// Pieces of which one may be kept when the next one comes.
    struct Pieces {
        left: usize,
        kept: Arc<()>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            assert!(Arc::strong_count(&self.kept) <= 2, "{} pieces are kept", Arc::strong_count(&self.kept) - 1);
            let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
            self.left = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(Piece(Arc::clone(&self.kept)))))))
        }
    }

    async fn read(pieces: usize, limit: usize) -> Result<Bytes, NotWhole<Infallible>> {
        whole(Pieces { left: pieces, kept: Arc::default() }, limit, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn a_body_that_is_read_whole_keeps_no_pieces() {
        assert_eq!(read(1000, 2000).await.unwrap(), "xy".repeat(1000));
        assert_eq!(read(1, 2000).await.unwrap(), "xy");
        assert_eq!(read(0, 2000).await.unwrap(), "");
        assert!(matches!(read(1000, 1999).await, Err(NotWhole::TooLarge)));
        assert!(matches!(read(1, 1).await, Err(NotWhole::TooLarge)));
    }
}
