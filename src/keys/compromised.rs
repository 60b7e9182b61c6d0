//! Passwords that were stolen elsewhere: a file of their SHA-1 hashes, in the form that Have I Been Pwned publishes.
//!
//! A line holds the forty hexadecimal digits of a hash, with or without a colon and a count after it, and the lines are in the
//! order of the hashes. The file is halved where it lies, so a billion lines cost some thirty short reads and no memory.
//! <https://haveibeenpwned.com/Passwords>

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::KeyError;
use crate::kit::secret::Secret;

/// Lines that are looked at before the file is believed to be one of hashes in their order.
const LOOKED_AT: usize = 1_000;
/// Longer than any hash and its count.
const LONGEST_LINE: u64 = 80;

type Hash = [u8; 20];

/// Knows the passwords of a file, or none.
#[derive(Clone, Debug, Default)]
pub struct Compromised(Option<Arc<PathBuf>>);

impl Compromised {
    /// Opens a file and looks at its beginning and its end: neither another kind of file nor another order is taken.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let reader = &mut Lines::open(path)?;
        let mut before = None;
        for _ in 0..LOOKED_AT {
            let at = reader.at;
            let Some(hash) = reader.next()? else { break };
            if before.is_some_and(|before| before >= hash) {
                return Err(reader.fault(at, "the hashes are not in their order"));
            }
            before = Some(hash);
        }
        if before.is_none() {
            return Err(reader.fault(0, "there is no hash"));
        }
        reader.go_to_line_from(reader.len.saturating_sub(LONGEST_LINE))?;
        reader.next()?;
        Ok(Self(Some(Arc::new(path.to_owned()))))
    }

    /// Whether the password is one of them. Reads the file, off the executor.
    pub async fn knows(&self, password: &Secret) -> Result<bool, KeyError> {
        let Some(path) = self.0.clone() else { return Ok(false) };
        let password = password.clone();
        tokio::task::spawn_blocking(move || {
            let wanted = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
            search(&mut Lines::open(&path)?, wanted.as_ref())
        })
        .await?
    }
}

/// The line of the wanted hash begins at `low` or later, and before `high`.
fn search(lines: &mut Lines, wanted: &[u8]) -> Result<bool, KeyError> {
    let (mut low, mut high) = (0, lines.len);
    while low < high {
        let middle = low + (high - low) / 2;
        lines.go_to_line_from(middle)?;
        if lines.at >= high {
            // No line begins in the upper half; the one that reaches into it may be the wanted.
            high = middle;
            continue;
        }
        let Some(hash) = lines.next()? else { return Ok(false) };
        match hash.as_slice().cmp(wanted) {
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => low = lines.at,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(false)
}

/// The file, read from some line on.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    /// Where the next line begins, in bytes.
    at: u64,
    len: u64,
    line: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::Compromised { path: path.to_owned(), source };
        let opened = File::open(path).map_err(file)?;
        let len = opened.metadata().map_err(file)?.len();
        // A look-up reads a line here and a line there.
        let reader = BufReader::with_capacity(256, opened);
        Ok(Self { path: path.to_owned(), reader, at: 0, len, line: Vec::new() })
    }

    /// Goes to the first line that begins at this byte or after it.
    fn go_to_line_from(&mut self, at: u64) -> Result<(), KeyError> {
        // From the byte before: if that ends a line, the next one begins here.
        let from = at.saturating_sub(1);
        self.reader.seek(SeekFrom::Start(from)).map_err(|source| self.failed(source))?;
        self.at = from;
        if at > 0 {
            self.read()?;
        }
        Ok(())
    }

    /// The hash of the next line; none at the end of the file.
    fn next(&mut self) -> Result<Option<Hash>, KeyError> {
        let at = self.at;
        if self.read()? == 0 {
            return Ok(None);
        }
        let line = str::from_utf8(&self.line).map(str::trim_ascii_end).unwrap_or_default();
        let (hash, count) = line.split_once(':').unwrap_or((line, "0"));
        let hash = hash_of(hash).filter(|_| count.bytes().all(|byte| byte.is_ascii_digit()));
        hash.map(Some).ok_or_else(|| self.fault(at, "no line of a SHA-1 hash"))
    }

    fn read(&mut self) -> Result<u64, KeyError> {
        self.line.clear();
        let read = io::Read::take(&mut self.reader, LONGEST_LINE).read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| self.failed(source))? as u64;
        self.at += read;
        Ok(read)
    }

    fn failed(&self, source: io::Error) -> KeyError {
        KeyError::Compromised { path: self.path.clone(), source }
    }

    fn fault(&self, at: u64, reason: &str) -> KeyError {
        self.failed(io::Error::new(io::ErrorKind::InvalidData, format!("at byte {at}: {reason}")))
    }
}

fn hash_of(text: &str) -> Option<Hash> {
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 20];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(password: &str, count: usize, end: &str) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        if count == 0 { format!("{hash}{end}") } else { format!("{hash}:{count}{end}") }
    }

    fn written(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[tokio::test]
    async fn every_password_of_a_file_is_known_and_no_other() {
        for (end, few) in [("\n", 1), ("\r\n", 2), ("\n", 1_000), ("\r\n", 1_001)] {
            let mut lines: Vec<_> = (0..few).map(|number| line(&format!("p{number}"), number * number, end)).collect();
            lines.sort();
            for content in [lines.concat(), lines.concat().trim_end().to_owned()] {
                let file = written(&content);
                let compromised = Compromised::open(file.path()).unwrap();
                for number in 0..few {
                    assert!(compromised.knows(&format!("p{number}").into()).await.unwrap(), "p{number} of {few}");
                    assert!(!compromised.knows(&format!("q{number}").into()).await.unwrap(), "q{number} of {few}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_published_hash_is_the_one_of_its_password() {
        let file = written("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\n");
        let compromised = Compromised::open(file.path()).unwrap();
        assert!(compromised.knows(&"password".into()).await.unwrap());
        assert!(!Compromised::default().knows(&"password".into()).await.unwrap());
    }

    #[test]
    fn other_files_are_refused_with_the_place_of_what_is_wrong() {
        let (first, second) = (line("password", 3, "\n"), line("secret", 0, "\n"));
        assert!(first < second);
        for (content, reason) in [
            (String::new(), "at byte 0: there is no hash"),
            ("password\nsecret\n".into(), "at byte 0: no line of a SHA-1 hash"),
            (format!("{first}{}", first.replace(":3", ":x")), "at byte 43: no line of a SHA-1 hash"),
            (format!("{second}{first}"), "at byte 41: the hashes are not in their order"),
            (format!("{first}{first}"), "at byte 43: the hashes are not in their order"),
            (format!("{first}{}", "é".repeat(100)), "at byte 43: no line of a SHA-1 hash"),
        ] {
            let file = written(&content);
            let refusal = Compromised::open(file.path()).unwrap_err().to_string();
            assert!(refusal.ends_with(reason), "{refusal}");
        }
        let missing = Compromised::open(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(missing, KeyError::Compromised { .. }), "{missing}");
    }
}
