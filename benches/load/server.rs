//! The servers under load: Poolhouse with a configuration of its own, and nginx in front of the same backend.

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

pub struct Nginx {
    pub process: Process,
    pub address: SocketAddr,
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

impl Nginx {
    /// One without an access log and one with; None where nginx is not installed.
    pub async fn start_both(folder: &Path, backend: SocketAddr) -> anyhow::Result<Option<[Self; 2]>> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let quiet = Self::start(folder, "nginx", "off", backend).await?;
        Ok(Some([quiet, Self::start(folder, "nginx-logging", "access.log", backend).await?]))
    }

    async fn start(folder: &Path, name: &str, access_log: &str, backend: SocketAddr) -> anyhow::Result<Self> {
        let (folder, address) = (folder.join(name), free_address()?);
        fs::create_dir(&folder)?;
        let place = folder.display();
        let log = if access_log == "off" { access_log.to_owned() } else { format!("{place}/{access_log}") };
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log {log};
                client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
                uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
                keepalive_requests 100000000;
                upstream backend {{ server {backend}; keepalive 128; keepalive_requests 100000000; }}
                server {{
                    listen {address};
                    location / {{
                        proxy_pass http://backend;
                        proxy_http_version 1.1;
                        proxy_set_header Connection \"\";
                    }}
                }}
            }}"
        );
        fs::write(folder.join("nginx.conf"), configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf"));
        let mut process =
            Process::spawn(name, command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        wait(&mut process, address, &request("GET", "/", &[], ""), Instant::now()).await?;
        Ok(Self { process, address })
    }
}

/// Asks until the answer is 200, and says how long after `began` that was.
async fn wait(process: &mut Process, address: SocketAddr, request: &[u8], began: Instant) -> anyhow::Result<Duration> {
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
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// For reports.
impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [resident, private] = [self.resident, self.private].map(crate::report::megabytes);
        write!(f, "{resident:.1} MB resident, {private:.1} MB private")
    }
}
