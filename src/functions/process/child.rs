//! A process that the server starts: its environment, its leash, and what it prints.
//!
//! The leash is a pipe that only the server holds. A [keeper](crate::functions::keeper) reads from it and ends everything when that
//! closes. Where there is none a shell in the process's own group does, and kills the group: what leaves that (`setsid`) escapes it.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child as TokioChild, ChildStdin, Command},
};

use super::{Plan, counter::Counter};
use crate::functions::keeper::{KEEP, Orders, Sandbox};

/// Waits on the leash beside the command, which takes over the shell's own process. Before that the shell limits itself, as far as
/// it and the system can: no dumps of memory, the open files of Lambda, and so much data (in KiB).
const LEASH: &str = r#"
exec 3<&0
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
limit() { (ulimit "$@") 2>/dev/null && ulimit "$@"; }
limit -c 0; limit -n "$1"; limit -d "$2"
shift 2
exec "$@" </dev/null 3<&-"#;
/// Variables of the server that a command needs to be found and to work. Everything else stays with the server: it holds secrets.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER"];
/// A longer line is printed in pieces.
const LONGEST_LINE: usize = 8 * 1024;
/// How long a process that prints more than is kept is made to wait for each piece.
const BRAKE: Duration = Duration::from_millis(5);

/// Lambda's limits.
const MOST_FILES: u64 = 1024;
const MOST_PROCESSES: u32 = 1024;
/// How long a keeper has to end what it keeps.
const FAREWELL: Duration = Duration::from_secs(4);

pub(super) struct Child {
    process: TokioChild,
    leash: Option<ChildStdin>,
    is_kept: bool,
    _temporary: Option<Temporary>,
}

/// The folder of a sandbox. Its keeper makes and removes it, unless that is killed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Most often it has gone already.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Child {
    /// Starts the command, with the Runtime API at `address`.
    pub(super) fn start(plan: &Plan, address: SocketAddr, counter: &Arc<Counter>) -> io::Result<Self> {
        let directory = std::path::absolute(&plan.directory)?;
        let (program, arguments, temporary) = holder(plan, address, &directory)?;
        let mut command = Command::new(program);
        if plan.keeper.is_some() {
            // Whoever lists processes is told what it is, and not from where it was started.
            command.arg0("poolhouse");
        }
        let mut child = command
            .args(arguments)
            .current_dir(&directory)
            .env_clear()
            .envs(INHERITED.into_iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))))
            .envs(environment(plan, &address.to_string(), &directory))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            // A keeper that is killed ends nothing. The leash goes in any case.
            .kill_on_drop(plan.keeper.is_none())
            .spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(print(stdout, Arc::clone(counter)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(print(stderr, Arc::clone(counter)));
        }
        // Not left in there: waiting for the process would close it.
        let leash = child.stdin.take();
        Ok(Self { process: child, leash, is_kept: plan.keeper.is_some(), _temporary: temporary.map(Temporary) })
    }

    /// Comes back when the process has ended by itself.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        self.process.wait().await.ok()
    }

    /// Ends the process and everything that it has started.
    pub(super) async fn kill(mut self) {
        drop(self.leash.take());
        if self.is_kept && tokio::time::timeout(FAREWELL, self.process.wait()).await.is_ok() {
            return;
        }
        // It may have ended already.
        let _ = self.process.start_kill();
        let _ = self.process.wait().await;
    }
}

/// What is started to start the command, a keeper or a shell, and the folder that the command writes to.
fn holder(plan: &Plan, address: SocketAddr, directory: &Path) -> io::Result<(PathBuf, Vec<OsString>, Option<PathBuf>)> {
    let most_data = most_data(plan.memory_mib);
    let Some(keeper) = &plan.keeper else {
        let fixed = ["-c", LEASH, "sh"].map(str::to_owned);
        let limits = [MOST_FILES, most_data / 1024].map(|limit| limit.to_string());
        let arguments = fixed.into_iter().chain(limits).chain(plan.command.iter().cloned()).map(OsString::from);
        return Ok((PathBuf::from("/bin/sh"), arguments.collect(), None));
    };
    let sandbox = plan.sandbox.as_ref().map(|asked| Sandbox {
        read: asked.read.iter().cloned().chain([directory.to_owned()]).collect(),
        temporary: std::env::temp_dir().join(format!("poolhouse-{}", hex::encode(plan.random.bytes::<16>()))),
        connect: asked.connect.iter().copied().chain([address.port()]).collect(),
    });
    let temporary = sandbox.as_ref().map(|sandbox| sandbox.temporary.clone());
    let orders = Orders {
        command: plan.command.clone(),
        most_data,
        most_files: MOST_FILES,
        most_processes: plan.max_processes.unwrap_or(MOST_PROCESSES),
        sandbox,
    };
    Ok((keeper.clone(), vec![KEEP.into(), serde_json::to_string(&orders)?.into()], temporary))
}

/// How much a process may map to write to, in bytes. A runtime maps more than it uses: stacks of its threads, and heaps in advance.
fn most_data(memory_mib: u32) -> u64 {
    (2 * u64::from(memory_mib) + 256) * 1024 * 1024
}

/// What Lambda sets, over what the configuration says.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn environment(plan: &Plan, address: &str, directory: &Path) -> Vec<(String, String)> {
    let own = |name: &str| plan.environment.contains_key(name);
    let stream = hex::encode(plan.random.bytes::<16>());
    let mut variables: Vec<(String, String)> =
        plan.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let fixed = [
        ("AWS_LAMBDA_RUNTIME_API", address.to_owned()),
        ("_HANDLER", plan.handler.clone()),
        ("LAMBDA_TASK_ROOT", directory.display().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", plan.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", plan.memory_mib.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", plan.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{stream}")),
    ];
    // Credentials that are none: the server in development believes any, and so do other local stand-ins.
    let changeable = [
        ("AWS_REGION", plan.region.clone()),
        ("AWS_DEFAULT_REGION", plan.region.clone()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let changeable = changeable.into_iter().filter(|(name, _)| !own(name));
    variables.extend(fixed.into_iter().chain(changeable).map(|(name, value)| (name.to_owned(), value)));
    variables
}

/// Reads until the process and its children have closed the pipe.
async fn print(mut pipe: impl AsyncRead + Unpin, counter: Arc<Counter>) {
    let (mut buffer, mut line) = (vec![0; LONGEST_LINE], Vec::new());
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let mut is_kept = true;
        for &byte in &buffer[..count] {
            if byte != b'\n' {
                line.push(byte);
            }
            if byte == b'\n' || line.len() >= LONGEST_LINE {
                is_kept = counter.print(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
        if !is_kept {
            tokio::time::sleep(BRAKE).await;
        }
    }
    if !line.is_empty() {
        counter.print(&String::from_utf8_lossy(&line));
    }
}
