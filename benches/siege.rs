//! Whether a client that floods the gateway slows the others down: `cargo bench --bench siege`.
//!
//! The server runs as a child with an API of its own on a free port. One client asks it something small, again and again, and notes
//! how long each answer takes, while another floods: with HTTP/2 frames on one connection, which it opens anew when it is thrown out,
//! or with two thousand connections that say nothing or begin a head. A flood takes up the machine by its own work too, so that every
//! turn is measured three times: without a flood, with one that goes to somebody who throws it away, and with one that goes to the
//! gateway. What counts is the third over the second, in the same round.
//!
//! Memory is the server's resident memory while it is flooded, over what it was before the first flood. After `--`, `--server FILE`
//! measures another binary. Linux only.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long each turn is measured, and how often.
const TURN: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 3;
/// Between two questions of the client that is measured.
const PAUSE: Duration = Duration::from_micros(500);
const IDLE: usize = 2_000;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a flood writes after the preface: piece after piece, by number.
type Pieces = fn(u32) -> Vec<u8>;

enum Flood {
    /// Settings of the client, and what follows.
    Frames(&'static [u8], Pieces),
    /// Connections that each begin with this and say nothing more.
    Connections(&'static str),
}

const FLOODS: [(&str, Flood); 9] = [
    ("requests taken back", Flood::Frames(&[], taken_back)),
    ("a head without end", Flood::Frames(&[], endless_head)),
    ("empty data", Flood::Frames(&[], empty_data)),
    ("settings", Flood::Frames(&[], |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]).repeat(1_000))),
    ("pings", Flood::Frames(&[], |_| frame(PING, 0, 0, &[7; 8]).repeat(1_000))),
    ("a window of nothing", Flood::Frames(&[0, 4, 0, 0, 0, 0], large)),
    ("requests", Flood::Frames(&[], small)),
    ("2,000 silent connections", Flood::Connections("")),
    ("2,000 unfinished heads", Flood::Connections("GET /a HTTP/1.1\r\nhost: a\r\nx: ")),
];

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let server = Server::start();
    let nobody = nobody();
    // The first answers warm the server up.
    p99(server.gateway, None);
    let before = server.resident();
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>7} {:>10} {:>8}",
        "flood", "calm µs", "aside µs", "at us µs", "ratio", "thrown out", "MB more"
    );
    for (name, flood) in &FLOODS {
        let mut rounds = Vec::new();
        let (mut thrown_out, mut most) = (0, 0);
        for _ in 0..ROUNDS {
            let (calm, ..) = p99(server.gateway, None);
            let (aside, ..) = p99(server.gateway, Some((flood, nobody, &server)));
            let (flooded, out, resident) = p99(server.gateway, Some((flood, server.gateway, &server)));
            rounds.push([calm, aside, flooded, flooded / aside]);
            thrown_out += out;
            most = most.max(resident);
        }
        let [calm, aside, flooded, ratio] = [0, 1, 2, 3].map(|column| {
            let mut all: Vec<f64> = rounds.iter().map(|round| round[column]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        });
        let more = f64::from(u32::try_from(most.saturating_sub(before) / 1000).unwrap()) / 1e3;
        println!("{name:26} {calm:9.0} {aside:9.0} {flooded:9.0} {ratio:7.2} {thrown_out:10} {more:8.1}");
    }
}

/// The time in µs that 99 of 100 answers stay below, how often a flood was thrown out, and the most memory meanwhile.
fn p99(gateway: SocketAddr, flood: Option<(&'static Flood, SocketAddr, &Server)>) -> (f64, u64, u64) {
    let (over, thrown_out) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooding = flood.map(|(flood, to, _)| {
        let (over, thrown_out) = (Arc::clone(&over), Arc::clone(&thrown_out));
        let thread = thread::spawn(move || flood.run(to, &over, &thrown_out));
        thread::sleep(TURN / 5);
        thread
    });
    let mut stream = connected(gateway);
    let (began, mut times, mut resident) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < TURN {
        let asked = Instant::now();
        stream.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut answer = [0; 4096];
        let mut length = 0;
        while !answer[..length].ends_with(b"well") {
            let more = stream.read(&mut answer[length..]).unwrap();
            assert!(more > 0, "the client that does no harm was hung up on");
            length += more;
        }
        times.push(asked.elapsed().as_secs_f64() * 1e6);
        if let Some((.., server)) = flood
            && times.len() % 256 == 0
        {
            resident = resident.max(server.resident());
        }
        thread::sleep(PAUSE);
    }
    // Slow answers may have been too few to be looked at above.
    if let Some((.., server)) = flood {
        resident = resident.max(server.resident());
    }
    over.store(true, Ordering::Relaxed);
    if let Some(flooding) = flooding {
        flooding.join().unwrap();
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() * 99 / 100], thrown_out.load(Ordering::Relaxed), resident)
}

impl Flood {
    fn run(&self, to: SocketAddr, over: &AtomicBool, thrown_out: &AtomicU64) {
        match self {
            Self::Frames(settings, piece) => {
                while !over.load(Ordering::Relaxed) {
                    let mut stream = connected(to);
                    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, settings)[..]].concat();
                    let mut open = stream.write_all(&hello).is_ok();
                    let mut number = 0;
                    while open && !over.load(Ordering::Relaxed) {
                        open = match stream.write_all(&piece(number)) {
                            Ok(()) => true,
                            Err(error) if is_slow(&error) => {
                                // It does not read on, and nothing more can be asked of it.
                                while !over.load(Ordering::Relaxed) {
                                    thread::sleep(TURN / 50);
                                }
                                true
                            }
                            Err(_) => false,
                        };
                        number += 1;
                    }
                    thrown_out.fetch_add(u64::from(!open), Ordering::Relaxed);
                }
            }
            Self::Connections(begun) => {
                let streams: Vec<TcpStream> = (0..IDLE)
                    .map(|_| {
                        let mut stream = connected(to);
                        stream.write_all(begun.as_bytes()).unwrap();
                        stream
                    })
                    .collect();
                while !over.load(Ordering::Relaxed) {
                    thread::sleep(TURN / 50);
                }
                drop(streams);
            }
        }
    }
}

fn connected(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(TURN / 10)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn is_slow(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// Somebody who takes whatever comes.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Small stacks: there are thousands of them.
            thread::Builder::new()
                .stack_size(64 * 1024)
                .spawn(move || while stream.read(&mut [0; 16 * 1024]).is_ok_and(|more| more > 0) {})
                .unwrap();
        }
    });
    address
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A GET of `path`, in plain letters.
fn head(path: &str) -> Vec<u8> {
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a")];
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// A hundred requests.
fn asks(path: &str, number: u32) -> Vec<u8> {
    let head = head(path);
    let streams = number * 100..(number + 1) * 100;
    streams.flat_map(|at| frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, &head)).collect()
}

fn taken_back(number: u32) -> Vec<u8> {
    let head = head("/a");
    let streams = (number * 100..(number + 1) * 100).map(|at| 2 * at + 1);
    let pair =
        |at| [frame(HEADERS, END_HEADERS | END_STREAM, at, &head), frame(RST_STREAM, 0, at, &[0, 0, 0, 8])].concat();
    streams.flat_map(pair).collect()
}

fn endless_head(number: u32) -> Vec<u8> {
    match number {
        0 => frame(HEADERS, END_STREAM, 1, &head("/a")),
        _ => frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y']).repeat(100),
    }
}

fn empty_data(number: u32) -> Vec<u8> {
    match number {
        0 => frame(HEADERS, END_HEADERS, 1, &head("/a")),
        _ => frame(0, 0, 1, &[]).repeat(1_000),
    }
}

fn small(number: u32) -> Vec<u8> {
    asks("/a", number)
}

fn large(number: u32) -> Vec<u8> {
    asks("/large", number)
}

struct Server {
    child: Child,
    gateway: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let (main, gateway) = (free(), free());
        let large = "x".repeat(100_000);
        let text = format!(
            "[server]\nlisten = \"{main}\"\n[gateway]\nlisten = \"{gateway}\"\n[[api]]\nname = \"a\"\n\
             [[api.route]]\nkey = \"GET /a\"\nintegration = {{ respond = {{ body = \"well\" }} }}\n\
             [[api.route]]\nkey = \"GET /large\"\nintegration = {{ respond = {{ body = \"{large}\" }} }}\n"
        );
        fs::write(folder.path().join("poolhouse.toml"), text).unwrap();
        let named = std::env::args().skip_while(|argument| argument != "--server").nth(1);
        let binary = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_poolhouse").to_owned());
        let child = Command::new(std::path::absolute(binary).unwrap())
            .current_dir(folder.path())
            .args(["serve", "--config", "poolhouse.toml", "--data", "data"])
            .env("POOLHOUSE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { child, gateway, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(gateway).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the server does not start");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// In bytes.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
