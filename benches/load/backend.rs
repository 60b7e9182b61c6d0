//! The tiny backend behind the gateway and nginx: always the same small answer, on a thread of its own.

use std::{convert::Infallible, net::SocketAddr, thread};

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const BODY: &str = r#"{"message":"Hello from the backend","items":[1,2,3]}"#;

/// Serves until the program ends.
pub struct Backend {
    pub address: SocketAddr,
}

impl Backend {
    pub fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("backend".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(listener)) {
                eprintln!("the backend stopped: {error}");
            }
        })?;
        Ok(Self { address })
    }
}

async fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(|_request| async {
            let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok::<_, Infallible>(response)
        });
        // How a connection ends is its client's affair.
        tokio::spawn(async move { drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await) });
    }
}
