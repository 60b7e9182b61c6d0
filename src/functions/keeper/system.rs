//! What runtimes need of a Linux system besides their own folder.

use std::path::{Path, PathBuf};

/// Read by every command in a sandbox, where it is there: programs, libraries, and what the C library looks things up in. Keys of
/// the system (`/etc/ssl/private`), other people's files and `/opt` are not among it.
pub const READABLE: [&str; 36] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/java",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];
/// Written by every command in a sandbox.
pub const WRITABLE: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// [`READABLE`], and the settings of Java that Debian keeps in a folder for each version.
pub fn readable() -> Vec<PathBuf> {
    let named = READABLE.iter().map(PathBuf::from);
    let of_java = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("java-"));
    let settings = std::fs::read_dir("/etc").into_iter().flatten().flatten().map(|entry| entry.path()).filter(of_java);
    named.chain(settings).collect()
}

/// Whether reading everything in `folder` is also reading `file`, wherever links lead. The file may be yet to come.
pub fn holds(folder: &Path, file: &Path) -> bool {
    real(folder).zip(real(file)).is_some_and(|(folder, file)| file.starts_with(folder))
}

fn real(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|there| Some(there.canonicalize().ok()?.join(path.strip_prefix(there).ok()?)))
}
