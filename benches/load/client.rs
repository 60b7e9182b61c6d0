//! A cheap HTTP/1.1 client: requests are ready bytes, answers are read as far as is needed to find their end.

use std::{
    cell::Cell,
    io::ErrorKind,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::{net::TcpStream, task::LocalSet};

use crate::scenarios::Scenario;

/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests on each connection that do not count.
const WARM_UP: usize = 4;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What a turn came to.
pub struct Run {
    pub elapsed: Duration,
    /// Of each request, sorted.
    pub latencies: Vec<Duration>,
}

/// A request's bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if method == "POST" {
        text += &format!("content-length: {}\r\n", body.len());
    }
    (text + "\r\n" + body).into_bytes()
}

/// Opens the connections of a scenario and uses each a little.
pub async fn connect(scenario: &Scenario) -> anyhow::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for number in 0..scenario.connections {
        let mut connection = Connection::open(scenario.address).await?;
        for turn in 0..WARM_UP {
            let index = (number * WARM_UP + turn) % scenario.requests.len();
            connection.expect(&scenario.requests[index], scenario.status).await?;
        }
        connections.push(connection);
    }
    Ok(connections)
}

/// Sends on all connections at once, one request after the other on each, until the time is over.
pub async fn run(connections: Vec<Connection>, scenario: &Scenario, time: Duration) -> anyhow::Result<Run> {
    let next = Rc::new(Cell::new(0));
    let requests = Rc::clone(&scenario.requests);
    let (local, began) = (LocalSet::new(), Instant::now());
    let mut tasks = Vec::new();
    for mut connection in connections {
        let (next, requests, status) = (Rc::clone(&next), Rc::clone(&requests), scenario.status);
        tasks.push(local.spawn_local(async move {
            let mut latencies = Vec::with_capacity(16_384);
            loop {
                let sent = Instant::now();
                if sent - began >= time {
                    return anyhow::Ok(latencies);
                }
                let index = next.get();
                next.set((index + 1) % requests.len());
                connection.expect(&requests[index], status).await?;
                latencies.push(sent.elapsed());
            }
        }));
    }
    local.await;
    let elapsed = began.elapsed();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies })
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16_384) })
    }

    /// One request and its whole answer.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let (status, body) = self.exchange(request).await?;
        let body = self.buffer[body..].to_vec();
        Ok(Answer { status, body })
    }

    /// The same, where only the status matters.
    async fn expect(&mut self, request: &[u8], expected: u16) -> anyhow::Result<()> {
        let (status, body) = self.exchange(request).await?;
        ensure!(status == expected, "{status}: {}", String::from_utf8_lossy(&self.buffer[body..]));
        Ok(())
    }

    /// Status, and where the body begins in the buffer.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, usize)> {
        self.write(request).await?;
        self.buffer.clear();
        loop {
            if let Some(head) = Head::find(&self.buffer)?
                && head.is_complete(&self.buffer)
            {
                return Ok((head.status, head.length));
            }
            self.read().await?;
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        loop {
            let ready = tokio::time::timeout(PATIENCE, self.stream.readable());
            ready.await.context("no answer in time")??;
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => bail!("the connection was closed"),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Head {
    status: u16,
    /// With the empty line.
    length: usize,
    /// None: in chunks.
    body: Option<usize>,
}

impl Head {
    /// None while the head is not there as a whole.
    fn find(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end])?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let mut body = Some(0);
        for line in text.split("\r\n").skip(1) {
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            if name.eq_ignore_ascii_case("content-length") {
                body = Some(value.trim().parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                body = None;
            }
        }
        Ok(Some(Self { status, length: end + 4, body }))
    }

    fn is_complete(&self, bytes: &[u8]) -> bool {
        match self.body {
            Some(body) => bytes.len() >= self.length + body,
            None => bytes.ends_with(b"0\r\n\r\n"),
        }
    }
}
