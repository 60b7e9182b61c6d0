//! Requests to servers of others. [`Client`] is the one way there, for every room that asks somebody; [`Outside`] asks what a person
//! waits for, and keeps what is asked for often: keys and descriptions of issuers.

mod client;
mod documents;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;

pub use self::client::{Client, Limits, Reply};
use crate::kit::clock::Time;
use documents::Documents;

/// A person waits for it.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 256 * 1024 };

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the address {0} may not be asked")]
    Address(String),
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("the connection failed: {0}")]
    Connection(String),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("the answer is over {0} bytes")]
    TooLarge(usize),
    #[error("the answer broke off")]
    Body,
    #[error("the answer is not JSON")]
    Json,
}

/// Asks.
pub struct Outside {
    client: Client,
    documents: Documents,
}

/// What is asked.
#[derive(Debug, Default)]
pub struct Question<'a> {
    pub url: &'a str,
    /// A form, which is posted.
    pub form: Option<&'a [(&'a str, &'a str)]>,
    pub bearer: Option<&'a str>,
    /// Media types that are understood; JSON where nothing is said.
    pub accept: Option<&'static str>,
}

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// As it was sent, parameters included; empty for none.
    pub media_type: String,
    pub body: Bytes,
}

impl Outside {
    pub fn new(client: Client) -> Self {
        Self { client, documents: Documents::default() }
    }

    /// A public document, if need be as it was up to `age` ago.
    pub async fn document(&self, url: &str, (now, age): (Time, Duration)) -> Result<Arc<Value>, Failure> {
        if let Some(document) = self.documents.get(url, (now, age)) {
            return Ok(document);
        }
        let document = Arc::new(self.ask_json(Question { url, ..Question::default() }).await?);
        self.documents.put(url, (now, Arc::clone(&document)));
        Ok(document)
    }

    /// A good answer. Any other status than 200 is a failure.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .method(if question.form.is_some() { Method::POST } else { Method::GET })
            .header(header::ACCEPT, question.accept.unwrap_or("application/json"));
        if let Some(token) = question.bearer {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| Failure::Connection("the token is no header text".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut body = Bytes::new();
        if let Some(form) = question.form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into();
        }
        let reply = self.client.send(question.url, request, body, LIMITS).await?;
        if reply.status != StatusCode::OK {
            return Err(Failure::Status(reply.status));
        }
        let media_type = reply.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Answer { media_type: media_type.unwrap_or_default().to_owned(), body: reply.body? })
    }

    /// The same for an answer in JSON.
    pub async fn ask_json(&self, question: Question<'_>) -> Result<Value, Failure> {
        let answer = self.ask(question).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Json)
    }
}
