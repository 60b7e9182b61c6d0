//! `[database]`: where the state lives.

use std::{fmt, path::Path};

use super::{Placed, reader::Reader, standards::Standards};

#[derive(Clone)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`
    pub url: String,
    pub durability: Durability,
}

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After it is on the disk.
    Full,
    /// After it is in the operating system's hands: a power failure may lose the last moments, never the order.
    Relaxed,
}

impl Database {
    pub(super) fn read(mut section: Reader, standards: &Standards, data: &Path) -> Self {
        let url = section.secret("url").map(|url| Placed { value: url.value.expose().to_owned(), at: url.at });
        let url = match url {
            None => format!("sqlite:{}", data.join("poolhouse.db").display()),
            Some(url) => match url.value.strip_prefix("sqlite:") {
                Some(path) => {
                    let path = path.strip_prefix("//").unwrap_or(path);
                    if path.is_empty() || path.contains('?') || path == ":memory:" {
                        let message = "`database.url` must be sqlite: and the path of a file, nothing else";
                        section.reading.refuse(&url.at, message);
                    }
                    format!("sqlite:{}", section.reading.resolve(&url.at, path).display())
                }
                None if url.value.starts_with("postgres://") || url.value.starts_with("postgresql://") => {
                    if url::Url::parse(&url.value).is_err() {
                        section.reading.refuse(&url.at, "`database.url` is not a URL");
                    }
                    url.value
                }
                None => {
                    section.reading.refuse(&url.at, "`database.url` must be sqlite:PATH or postgres://…");
                    url.value
                }
            },
        };
        let durability = section.choice("durability", &[("full", Durability::Full), ("relaxed", Durability::Relaxed)]);
        if let Some(Placed { value: Durability::Relaxed, at }) = &durability
            && standards.production()
        {
            section.reading.refuse(at, "`database.durability` is weak: production needs \"full\"");
        }
        let default = if standards.production() { Durability::Full } else { Durability::Relaxed };
        section.finish();
        Self { url, durability: durability.map_or(default, |said| said.value) }
    }
}

/// Without the password that a `postgres://` URL may hold.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("Database").field("engine", &engine).field("durability", &self.durability).finish()
    }
}
