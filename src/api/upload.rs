//! `PUT` of an import job's file, at the address that the API has given out with the job.
//!
//! The service hands out an address of its object storage; here it is one of ours, with the same manners: who has the address may
//! write for a while, errors are a little XML, and the header that asks for encryption at rest is taken and means nothing, as the
//! file lies where the users themselves lie and goes when the job ends.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;

use crate::{
    domain::{Error, import::file::MOST_BYTES},
    flows::{
        App, Cx,
        users_import::upload::{self, UploadFault},
    },
};

/// A client that sends nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(15 * 60);

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request_id = app.random.uuid();
    let region = app.setup.region.clone();
    let cx = Cx::new(app, &region, request_id);
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let taken = if length.is_some_and(|length| length > MOST_BYTES) {
        Err(Fault::Refused(UploadFault::TooLarge))
    } else {
        tokio::time::timeout(LONGEST, take(&cx, &ticket, body)).await.unwrap_or(Err(Fault::Slow))
    };
    match taken {
        Ok(()) => StatusCode::OK.into_response(),
        Err(fault) => refusal(&cx, &fault),
    }
}

enum Fault {
    Refused(UploadFault),
    /// It did not arrive, or not in time.
    Slow,
}

impl From<UploadFault> for Fault {
    fn from(fault: UploadFault) -> Self {
        Self::Refused(fault)
    }
}

async fn take(cx: &Cx, ticket: &str, mut body: Body) -> Result<(), Fault> {
    let mut upload = upload::begin(cx, ticket).await?;
    while let Some(frame) = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| Fault::Slow)? {
        let frame = frame.map_err(|_| Fault::Slow)?;
        if let Some(bytes) = frame.data_ref() {
            upload.take(bytes).await?;
        }
    }
    Ok(upload.finish().await?)
}

fn refusal(cx: &Cx, fault: &Fault) -> Response {
    let (status, code, message) = match fault {
        Fault::Refused(UploadFault::Unknown) => {
            (StatusCode::FORBIDDEN, "SignatureDoesNotMatch", "The address was not given out by this server.")
        }
        Fault::Refused(UploadFault::Expired) => (StatusCode::FORBIDDEN, "AccessDenied", "Request has expired"),
        Fault::Refused(UploadFault::Closed) => {
            (StatusCode::CONFLICT, "OperationAborted", "The user import job takes no file any more.")
        }
        Fault::Refused(UploadFault::TooLarge) => {
            (StatusCode::BAD_REQUEST, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        }
        Fault::Slow => (StatusCode::BAD_REQUEST, "RequestTimeout", "The file did not arrive in time."),
        Fault::Refused(UploadFault::Failed(Error::TooManyRequests)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
        }
        Fault::Refused(UploadFault::Failed(error)) => {
            tracing::error!(request_id = &*cx.request_id, %error, "the file of an import job was not taken");
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error. Please try again.")
        }
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{}</RequestId></Error>",
        cx.request_id
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
