//! Which code a function has at a moment: whoever compares two moments knows whether it changed.
//!
//! A script's is its text, and that of files which it requires. A command has code where its section says `watch`: the files of its
//! folder, by their times and sizes. What tools write there while code runs is passed over.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::script::files;
use crate::config::function::{Function, Runs};

/// Files and folders that are looked at. Those nearest to the top go first.
const MOST: usize = 5_000;
/// Folders of other people's code, of versions, and of what an interpreter keeps.
const PASSED_OVER: [&str; 3] = ["node_modules", ".git", "__pycache__"];

/// A digest of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code([u8; 32]);

impl Code {
    /// None where nobody looks at the code. A file that is not there is code too, and another one.
    pub fn of(section: &Function) -> Option<Self> {
        match &section.runs {
            Runs::Script(file) => Some(Self::digest(|context| {
                if let Ok(bytes) = fs::read(file) {
                    context.update(b"text");
                    context.update(&bytes);
                    for (name, text) in files::required(file, &String::from_utf8_lossy(&bytes)) {
                        for part in [name.as_bytes(), &[0], text.as_bytes(), &[0]] {
                            context.update(part);
                        }
                    }
                }
            })),
            Runs::Command { directory, .. } if section.watch => Some(Self::of_folder(directory)),
            Runs::Command { .. } | Runs::Attach | Runs::Invoke(_) | Runs::Webhook { .. } => None,
        }
    }

    fn of_folder(folder: &Path) -> Self {
        Self::digest(|context| {
            for (path, about) in files(folder, MOST) {
                let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                context.update(path.as_os_str().as_encoded_bytes());
                context.update(&[0]);
                context.update(&time.unwrap_or_default().as_nanos().to_be_bytes());
                context.update(&about.len().to_be_bytes());
            }
        })
    }

    fn digest(fill: impl FnOnce(&mut Context)) -> Self {
        let mut context = Context::new(&SHA256);
        fill(&mut context);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }
}

/// The files below a folder in a fixed order. A link to a folder is not followed: it may lead anywhere, and in a circle.
fn files(folder: &Path, most: usize) -> Vec<(PathBuf, fs::Metadata)> {
    let (mut found, mut folders, mut seen) = (Vec::new(), VecDeque::from([folder.to_owned()]), 0);
    while let Some(folder) = folders.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        // A folder may be larger than what is looked at, and then is not even listed to its end.
        let mut entries: Vec<_> = entries.take(most - seen).filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        seen += entries.len();
        for entry in entries {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                if !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
                    folders.push_back(entry.path());
                }
            } else if let Ok(about) = fs::metadata(entry.path())
                && about.is_file()
            {
                found.push((entry.path(), about));
            }
        }
        if seen >= most {
            tracing::debug!(folder = %folder.display(), "only the first {most} files of this code are looked at");
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_other_code_and_what_tools_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("app.py", "1");
        write("lib/more.py", "1");
        let mut before = Code::of_folder(folder.path());
        for (name, text, is_other) in [
            ("app.py", "22", true),
            ("lib/more.py", "22", true),
            ("lib/new.py", "1", true),
            ("__pycache__/app.pyc", "1", false),
            ("lib/node_modules/x/index.js", "1", false),
            (".git/HEAD", "1", false),
        ] {
            write(name, text);
            let now = Code::of_folder(folder.path());
            assert_eq!(now != before, is_other, "{name}");
            before = now;
        }
        fs::remove_file(folder.path().join("lib/new.py")).unwrap();
        assert_ne!(Code::of_folder(folder.path()), before);
    }

    #[test]
    fn a_folder_without_end_is_looked_at_in_part() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..20 {
            let inner = folder.path().join(format!("{number:02}"));
            fs::create_dir(&inner).unwrap();
            fs::write(inner.join("a"), "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
        assert_eq!(files(folder.path(), 1_000).len(), 20);
        assert_eq!(files(folder.path(), 25).len(), 4);
        assert_eq!(files(folder.path(), 5).len(), 0);
    }
}
