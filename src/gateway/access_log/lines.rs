//! The lines that a stage's configuration asks for: its format filled in, to a file or to the server's log.
//!
//! A file is written by a thread of its own. A disk that is full or slow costs lines, which are counted, and never requests.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use super::super::{
    exchange::Exchange,
    selection::{SelectionError, Template, View},
};
use crate::{config::api::AccessLog as Config, kit::text::steers};

/// Lines that wait for the disk.
const WAITING: usize = 4096;

pub(in crate::gateway) struct AccessLog {
    format: Template,
    file: Option<SyncSender<String>>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    #[error("{0}")]
    Format(#[from] SelectionError),
    #[error("the access log {file} cannot be opened: {source}")]
    File { file: String, source: std::io::Error },
}

impl AccessLog {
    pub(in crate::gateway) fn new(config: &Config) -> Result<Self, AccessLogError> {
        let format = Template::parse_log(&config.format.value)?;
        let file = config.file.as_deref().map(writer).transpose()?;
        Ok(Self { format, file })
    }

    pub(super) fn write(&self, exchange: &Exchange<'_>) {
        let mut line = self.format.logged(&View::of(exchange));
        // One request is one line, whatever a client put into its headers.
        if line.contains(steers) {
            line = line.chars().flat_map(|c| if steers(c) { c.escape_default().collect() } else { vec![c] }).collect();
        }
        let Some(file) = &self.file else {
            tracing::info!(target: "poolhouse::gateway::access_log", "{line}");
            return;
        };
        line.push('\n');
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = file.try_send(line) {
            metrics::counter!("poolhouse_gateway_access_log_lines_lost_total").increment(1);
        }
    }
}

fn writer(path: &Path) -> Result<SyncSender<String>, AccessLogError> {
    let failed = |source| AccessLogError::File { file: path.display().to_string(), source };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    let (send, receive) = sync_channel(WAITING);
    let shown = path.display().to_string();
    std::thread::Builder::new()
        .name("access-log".to_owned())
        .spawn(move || drain(&receive, file, &shown))
        .map_err(failed)?;
    Ok(send)
}

/// Ends when the gateway is gone.
fn drain(lines: &Receiver<String>, mut file: std::fs::File, shown: &str) {
    while let Ok(line) = lines.recv() {
        if let Err(error) = file.write_all(line.as_bytes()) {
            metrics::counter!("poolhouse_gateway_access_log_lines_lost_total").increment(1);
            tracing::warn!(file = shown, %error, "an access log line is lost");
        }
    }
}
