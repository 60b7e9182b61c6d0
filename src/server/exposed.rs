//! What functions in a sandbox could read of the server's own.
//!
//! A sandbox allows folders with everything in them and cannot leave a file out. Where one of the server's lies below, its secrets
//! would be open, so that this is a mistake.

use std::path::PathBuf;

use super::{FUNCTION_LOGS, MASTER_KEY_FILE};
use crate::{
    config::{
        Config, Mistake,
        function::{Function, Runs},
    },
    functions::keeper::system,
};

pub(super) fn mistakes(config: &Config) -> Vec<Mistake> {
    let own = own(config);
    config.functions.iter().flat_map(|function| of_function(function, &own)).collect()
}

/// Of one function the first file in each folder, which is enough to say.
fn of_function(function: &Function, own: &[PathBuf]) -> Vec<Mistake> {
    let (Some(sandbox), Runs::Command { directory, .. }) = (&function.sandbox, &function.runs) else {
        return Vec::new();
    };
    let said = sandbox.read.iter().map(|path| ("sandbox_read", path.clone()));
    let all =
        said.chain([("directory", directory.clone())]).chain(system::readable().into_iter().map(|path| ("", path)));
    let found = all.filter_map(|(key, path)| {
        let file = own.iter().find(|file| system::holds(&path, file))?;
        let (name, path, file) = (&function.name, path.display(), file.display());
        Some(Mistake::new(
            &function.at,
            match key {
                "" => format!(
                    "function {name:?} in a sandbox reads {path}, as every program must, and {file} lies there: move it"
                ),
                key => format!(
                    "`function.{name}.{key}`: {file} lies in {path}, and a sandbox cannot leave it out: keep the function apart"
                ),
            },
        ))
    });
    found.collect()
}

/// Where the server keeps its state and its secrets.
fn own(config: &Config) -> Vec<PathBuf> {
    let database = config.database.url.strip_prefix("sqlite:").map(PathBuf::from);
    let kept = [MASTER_KEY_FILE, FUNCTION_LOGS].map(|name| config.data.join(name));
    config.private.iter().cloned().chain(database).chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{self, Flags, Sources};

    #[test]
    fn a_sandbox_that_would_open_the_servers_own_files_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["code", "shared", "keys", "data"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("keys/admin"), "a secret of some length").unwrap();
        std::os::unix::fs::symlink("../keys", at("shared/link")).unwrap();
        let judged = |function: &str| {
            let text = format!(
                "[sms]\nwebhook = 'http://127.0.0.1:1/'\nsecret_file = 'keys/admin'\n\
                 [function.a]\ncommand = ['a']\n{function}"
            );
            fs::write(at("poolhouse.toml"), text).unwrap();
            let sources =
                Sources { file: Some(at("poolhouse.toml")), environment: Vec::new(), flags: Flags::default() };
            let config = config::load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
            mistakes(&config).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(judged("sandbox = true\ndirectory = 'code'\nsandbox_read = ['shared']\n"), [""; 0]);
        assert_eq!(judged("directory = '.'\n"), [""; 0], "without a sandbox nothing is promised");
        for (function, key, file) in [
            ("", "directory", "keys/admin"),
            ("directory = 'data'\n", "directory", "data/poolhouse.db"),
            ("directory = 'code'\nsandbox_read = ['data']\n", "sandbox_read", "data/poolhouse.db"),
            ("directory = 'code'\nsandbox_read = ['keys']\n", "sandbox_read", "keys/admin"),
            ("directory = 'code'\nsandbox_read = ['shared/link']\n", "sandbox_read", "keys/admin"),
            ("directory = 'code'\nsandbox_read = ['/']\n", "sandbox_read", "keys/admin"),
        ] {
            let said = judged(&format!("sandbox = true\n{function}"));
            let [line] = &said[..] else { panic!("{function}: {said:?}") };
            assert!(line.contains(&format!("`function.a.{key}`")) && line.contains(file), "{line}");
        }
    }
}
