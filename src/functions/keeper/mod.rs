//! The keeper of a function's process: this program, started again to stay beside the command (`poolhouse keep`).
//!
//! It reads from a pipe that only the server holds, and ends when that closes: at the end of the function, of the server, or of a
//! server that was killed. Whatever the command starts stays below the keeper, also what leaves its process group and what loses
//! its parent, so that all of it is counted and all of it ends. The command itself is started by way of a third run of this
//! program (`poolhouse confine`), which gives up what a sandbox denies and becomes the command. The keeper is outside of that
//! sandbox: the command can neither signal nor read it.
//!
//! Only Linux has what this takes. Elsewhere, and in programs that embed the server and name no keeper, a shell holds the leash.

#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod keep;
#[cfg(target_os = "linux")]
mod sockets;
pub mod system;
#[cfg(target_os = "linux")]
mod tree;

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub use self::{
    confine::{confine, probe},
    keep::keep,
};

/// How the running program is started again, also when its file was replaced or removed since. Nothing where that cannot be.
pub const OWN_PROGRAM: Option<&str> = if cfg!(target_os = "linux") { Some("/proc/self/exe") } else { None };
/// The words of the command line, which the help does not show.
pub const KEEP: &str = "keep";
pub const CONFINE: &str = "confine";
/// The keeper ended everything because there was too much of it.
pub const TOO_MANY: u8 = 118;
/// The command was not run, for it cannot be confined as it should.
pub const NOT_CONFINED: u8 = 119;
/// A shell's own words for a program that cannot be run, and one that is not there.
pub const CANNOT_RUN: u8 = 126;
pub const NOT_FOUND: u8 = 127;

/// What a keeper is told, in JSON, as the only argument. It holds no secrets: others can see it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Orders {
    pub command: Vec<String>,
    /// What the command may map to write to, in bytes.
    pub most_data: u64,
    pub most_files: u64,
    /// Processes and their threads, together.
    pub most_processes: u32,
    pub sandbox: Option<Sandbox>,
}

/// What a command in a sandbox may still do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sandbox {
    /// Files and folders that it reads, and whose programs it runs. They must be there.
    pub read: Vec<PathBuf>,
    /// A folder that the keeper makes, and removes in the end; the only one that the command writes to.
    pub temporary: PathBuf,
    /// Ports that it connects to.
    pub connect: Vec<u16>,
}

impl Orders {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))]
    fn read(text: &str) -> io::Result<Self> {
        let orders: Self = serde_json::from_str(text)?;
        if orders.command.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no command"));
        }
        Ok(orders)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    fn unsupported<T>() -> io::Result<T> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has what it takes to keep a process"))
    }

    /// Does nothing but fail.
    pub fn keep(_orders: &str) -> io::Result<u8> {
        unsupported()
    }

    /// Does nothing but fail.
    pub fn confine(_orders: &str) -> (u8, io::Error) {
        (super::NOT_CONFINED, io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Does nothing but fail.
    pub fn probe() -> io::Result<()> {
        unsupported()
    }
}
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{confine, keep, probe};
