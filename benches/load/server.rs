//! Poolhouse under load, with a configuration of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{
    client::{Connection, request},
    process::{Memory, Process},
    scenarios,
};

/// A server that does not answer by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration and a folder, ready to be started again and again.
pub struct Prepared {
    binary: PathBuf,
    folder: PathBuf,
    filter: &'static str,
    pub main: SocketAddr,
    pub gateway: SocketAddr,
}

/// A running server.
pub struct Poolhouse {
    pub process: Process,
    pub main: SocketAddr,
    pub gateway: SocketAddr,
    pub start: Start,
}

/// From the start of a process to its first 200.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub time: Duration,
    /// CPU time, which other work on the machine does not stretch.
    pub cpu: Duration,
}

impl Poolhouse {
    /// `filter` says how much the server logs: from `info` on a line for each request at the gateway.
    pub fn prepare(
        binary: &Path,
        folder: &Path,
        name: &str,
        filter: &'static str,
        backend: SocketAddr,
    ) -> anyhow::Result<Prepared> {
        let folder = folder.join(name);
        fs::create_dir(&folder)?;
        let (main, gateway) = (free_address()?, free_address()?);
        fs::write(folder.join("poolhouse.toml"), scenarios::configuration(main, gateway, backend))?;
        fs::write(folder.join("pre-token.js"), include_str!("../../functions/pre-token.js"))?;
        fs::write(folder.join("admin-user.js"), include_str!("../../functions/admin-user.js"))?;
        Ok(Prepared { binary: binary.to_owned(), folder, filter, main, gateway })
    }

    /// Stops the server, and says what its start took.
    pub fn stop(mut self) -> anyhow::Result<Start> {
        self.process.stop()?;
        Ok(self.start)
    }
}

impl Prepared {
    /// Starts the server and waits for its first answer.
    pub async fn start(&self) -> anyhow::Result<Poolhouse> {
        let log = self.folder.join("log");
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.folder).args(["serve", "--config", "poolhouse.toml", "--data", "data"]);
        command.env("POOLHOUSE_LOG", self.filter).env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let began = Instant::now();
        let mut process = Process::spawn("poolhouse", &mut command)?;
        let discovery = request("GET", &scenarios::discovery_path(), &[], "");
        let answered = wait(&mut process, self.main, &discovery, began).await;
        let time = answered.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        let start = Start { time, cpu: process.cpu()?.total() };
        Ok(Poolhouse { process, main: self.main, gateway: self.gateway, start })
    }
}

/// Asks until the answer is 200, and says how long after `began` that was.
pub async fn wait(
    process: &mut Process,
    address: SocketAddr,
    request: &[u8],
    began: Instant,
) -> anyhow::Result<Duration> {
    while began.elapsed() < PATIENCE {
        if let Ok(mut connection) = Connection::open(address).await
            && connection.send(request).await.is_ok_and(|answer| answer.status == 200)
        {
            return Ok(began.elapsed());
        }
        process.check()?;
        std::thread::sleep(Duration::from_micros(200));
    }
    bail!("{address} does not answer")
}

/// The system may give the port to somebody else before it is used; then the start fails and says so.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// For reports.
impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [resident, private] = [self.resident, self.private].map(crate::report::megabytes);
        write!(f, "{resident:.1} MB resident, {private:.1} MB private")
    }
}
