//! HTTP as far as the suite needs it: plain, to this machine, one request a connection; and a browser that keeps cookies.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::TcpStream,
};

use http::{HeaderValue, Request, Response, header};
use openidconnect::url::{Url, form_urlencoded};

/// What `openidconnect` calls to send its requests.
pub fn send(request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, io::Error> {
    let malformed = || io::Error::other("the answer is no HTTP");
    let address = Url::parse(&request.uri().to_string()).map_err(io::Error::other)?;
    let port = address.port_or_known_default().ok_or_else(malformed)?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut head =
        format!("{} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", request.method(), address.authority());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().map_err(io::Error::other)?);
    }
    head += &format!("content-length: {}\r\n\r\n", request.body().len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(malformed)?;
    let text = std::str::from_utf8(&answer[..end]).map_err(io::Error::other)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or_else(malformed)?;
    let mut response = Response::builder().status(status);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        response = response.header(name, value.trim());
    }
    let response = response.body(answer[end + 4..].to_vec()).map_err(io::Error::other)?;
    // The server knows the length of all that the suite asks for.
    if response.headers().contains_key(header::TRANSFER_ENCODING) { Err(malformed()) } else { Ok(response) }
}

/// A browser without a screen: keeps cookies, follows nothing by itself.
#[derive(Default)]
pub struct Browser(BTreeMap<String, String>);

impl Browser {
    pub fn open(&mut self, request: http::request::Builder, body: String) -> Response<Vec<u8>> {
        let cookies: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; "));
        let response = send(request.body(body.into_bytes()).unwrap()).unwrap();
        for line in response.headers().get_all(header::SET_COOKIE) {
            let (pair, _) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    pub fn get(&mut self, address: &Url) -> Response<Vec<u8>> {
        self.open(Request::get(address.as_str()), String::new())
    }

    /// Signs ada in on the hosted page; gives the address that she is sent to.
    pub fn sign_in(&mut self, authorize: &Url) -> Url {
        let page = authorize.join(location(&self.get(authorize))).unwrap();
        let html = String::from_utf8(self.get(&page).into_body()).unwrap();
        let (_, behind) = html.split_once("name=\"_csrf\" value=\"").unwrap();
        let (csrf, _) = behind.split_once('"').unwrap();
        let form = [("_csrf", csrf), ("username", "ada"), ("password", "Lovelace-1815")];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(page.as_str())
            .header(header::ORIGIN, page.origin().ascii_serialization())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        Url::parse(location(&self.open(request, form))).unwrap()
    }
}

pub fn location(response: &Response<Vec<u8>>) -> &str {
    let location = response.headers().get(header::LOCATION);
    location.unwrap_or_else(|| panic!("no redirect: {}", String::from_utf8_lossy(response.body()))).to_str().unwrap()
}
