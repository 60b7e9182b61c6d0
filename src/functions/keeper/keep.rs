//! Beside a command until it ends, or has to.

use std::{
    io::{self, Read},
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, set_child_subreaper, wait,
    },
};

use super::{CONFINE, OWN_PROGRAM, Orders, TOO_MANY, tree};

/// How often it looks whether processes were started.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it counts, whatever it saw.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// How long it tries to end what does not.
const PERSISTENCE: Duration = Duration::from_secs(2);

/// Runs the command of `orders` to its end and gives its exit code, or ends by the same signal.
pub fn keep(orders: &str) -> io::Result<u8> {
    let orders = Orders::read(orders)?;
    let temporary = orders.sandbox.as_ref().map(|sandbox| sandbox.temporary.as_path());
    if let Some(folder) = temporary {
        std::fs::DirBuilder::new().mode(0o700).create(folder)?;
    }
    let outcome = beside(&orders, temporary);
    if let Some(folder) = temporary {
        // What cannot be removed is for whoever cleans temporary folders.
        let _ = std::fs::remove_dir_all(folder);
    }
    match outcome? {
        Ended::Itself(status) => Ok(repeat(status)),
        Ended::TooMany => {
            eprintln!("more than {} processes and threads: all were ended", orders.most_processes);
            Ok(TOO_MANY)
        }
    }
}

enum Ended {
    Itself(WaitStatus),
    TooMany,
}

fn beside(orders: &Orders, temporary: Option<&Path>) -> io::Result<Ended> {
    set_child_subreaper(Some(getpid()))?;
    let mut command = Command::new(OWN_PROGRAM.unwrap_or_default());
    command.arg0("poolhouse").args([CONFINE, &serde_json::to_string(orders)?]).stdin(Stdio::null()).process_group(0);
    if let Some(folder) = temporary {
        command.env("TMPDIR", folder);
    }
    let first = Pid::from_child(&command.spawn()?);
    thread::spawn(move || {
        // Nothing is ever written to the leash.
        let _ = io::stdin().read(&mut [0]);
        end(first);
    });
    let are_too_many = Arc::new(AtomicBool::new(false));
    let (found, most) = (Arc::clone(&are_too_many), orders.most_processes);
    thread::spawn(move || {
        watch(usize::try_from(most).unwrap_or(usize::MAX));
        found.store(true, Ordering::SeqCst);
        end(first);
    });
    let status = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == first => break status,
            // One that lost its parents.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    end_all(first);
    Ok(if are_too_many.load(Ordering::SeqCst) { Ended::TooMany } else { Ended::Itself(status) })
}

/// Comes back when there are more than `most`.
fn watch(most: usize) {
    let (own, mut counted, mut count, mut number) = (getpid(), None, 0, None);
    loop {
        thread::sleep(LOOK_EVERY);
        let last = tree::last_number();
        // Numbers go up by one at least with each process that is started anywhere, until they begin again.
        let most_new = number.zip(last).and_then(|(before, last): (u32, u32)| last.checked_sub(before));
        let can_be_too_many = most_new.is_none_or(|new| count + usize::try_from(new).unwrap_or(usize::MAX) > most);
        if can_be_too_many || counted.is_none_or(|at: Instant| at.elapsed() >= COUNT_EVERY) {
            number = last;
            counted = Some(Instant::now());
            count = tree::below(own).iter().map(|(_, tasks)| tasks).sum();
            if count > most {
                return;
            }
        }
    }
}

/// A group ends as one: nothing in it can start something that is not hit.
fn end(first: Pid) {
    // They may have ended already.
    let _ = kill_process_group(first, Signal::KILL);
    let _ = kill_process(first, Signal::KILL);
}

/// What is left when the first process is gone, until nothing is.
fn end_all(first: Pid) {
    let _ = kill_process_group(first, Signal::KILL);
    let until = Instant::now() + PERSISTENCE;
    while Instant::now() < until {
        let left = tree::below(getpid());
        for (pid, _) in &left {
            let _ = kill_process(*pid, Signal::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                // No children, and so no descendants.
                Err(_) => return,
                Ok(None) => break,
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends as the command did, so that the server sees how.
fn repeat(status: WaitStatus) -> u8 {
    let Some(signal) = status.terminating_signal() else {
        return status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    };
    if let Some(named) = Signal::from_named_raw(signal) {
        // The first of some only takes away a handler of Rust's own.
        for _ in 0..2 {
            let _ = kill_process(getpid(), named);
        }
    }
    // As shells say it, for a signal that does not end this process.
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
