//! `[function.NAME]`: code that triggers, authorizers and integrations run.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use url::Url;

use super::{Place, Placed, form, reader::Reader, standards::Standards};
use crate::kit::secret::Secret;

#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub at: Place,
    /// Letters, digits, `-` and `_`: the name is part of an ARN.
    pub name: String,
    pub runs: Runs,
    /// Of a script the exported name, `lambdaHandler`, or `file.lambdaHandler`, of which the last part counts. Of a command what
    /// its process finds in `_HANDLER`.
    pub handler: String,
    pub timeout: Duration,
    /// The heap that a script may use, in MiB. A process is told it, as in Lambda, and held to twice as much and 256 MiB of data.
    pub memory_mib: u32,
    pub environment: BTreeMap<String, String>,
    /// How many processes of a command may run at once. Each has one call at a time.
    pub concurrency: u32,
    /// How many processes and threads each of them may be, with all that it starts. Unsaid it is what Lambda allows, where it can
    /// be held to that.
    pub max_processes: Option<u32>,
    /// What a command in a sandbox may do. Without one it may do what the server may.
    pub sandbox: Option<Sandbox>,
    /// Whether a change of a file in the command's folder brings new processes while the server serves.
    pub watch: bool,
    /// Where a process that attaches finds the Runtime API: a loopback address. Port zero is a free one, which the log tells.
    pub listen: SocketAddr,
}

/// What a command in a sandbox may do besides reading its own folder and the system's programs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sandbox {
    /// Files and folders that it reads, and whose programs it runs.
    pub read: Vec<PathBuf>,
    /// Ports that it connects to over TCP, on any machine. With 53 it sends UDP too, to resolve names.
    pub connect: Vec<u16>,
}

/// What runs the code.
#[derive(Clone, Debug, PartialEq)]
pub enum Runs {
    /// JavaScript in this file, by the embedded engine.
    Script(PathBuf),
    /// A process that the server starts and supervises, with the Lambda Runtime API. `directory` is its working directory.
    Command { command: Vec<String>, directory: PathBuf },
    /// A process that somebody else starts, and that asks the Lambda Runtime API for its calls.
    Attach,
    /// Lambda's Invoke API of another server. An address with a path is used as it is.
    Invoke(Url),
    /// A POST of the event, signed where there is a secret.
    Webhook { url: Url, secret: Option<Secret> },
}

/// The ways to run a function, by their keys.
const KINDS: [&str; 5] = ["script", "command", "attach", "invoke", "webhook"];
/// What one way is told, and another would ignore.
const BELONGS: [(&str, &[&str]); 11] = [
    ("handler", &["script", "command"]),
    ("memory_mib", &["script", "command"]),
    ("environment", &["script", "command"]),
    ("directory", &["command"]),
    ("concurrency", &["command"]),
    ("watch", &["command"]),
    ("max_processes", &["command"]),
    ("sandbox", &["command"]),
    ("sandbox_read", &["command"]),
    ("sandbox_connect", &["command"]),
    ("listen", &["attach"]),
];

/// The shortest secret of a webhook in production.
const SHORTEST_SECRET: usize = 16;
const NO_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Function {
    /// One with the defaults of everything else.
    pub fn new(at: Place, name: impl Into<String>, runs: Runs) -> Self {
        Self {
            at,
            name: name.into(),
            runs,
            handler: "handler".to_owned(),
            timeout: Duration::from_secs(5),
            memory_mib: 128,
            environment: BTreeMap::new(),
            concurrency: 2,
            max_processes: None,
            sandbox: None,
            watch: false,
            listen: NO_ADDRESS,
        }
    }

    /// Whether the other one asks for the same, wherever it was said.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { at: other.at.clone(), ..self.clone() } == *other
    }

    pub(super) fn read(name: String, mut section: Reader, standards: &Standards) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        if !is_function_name(&name) {
            let message = format!("function {name:?} must have a name of letters, digits, `-` and `_`, at most 64");
            reading.refuse(&at, message);
        }
        let said: Vec<&str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
        match said[..] {
            [] => {
                let message = format!(
                    "function {name:?} does not say what runs it: `script = \"FILE\"`, `command = [\"PROGRAM\"]`, \
                     `attach = true`, `invoke = \"URL\"` or `webhook = \"URL\"`"
                );
                reading.refuse(&at, message);
            }
            [_] => {
                for (key, kinds) in BELONGS {
                    let is_ignored = section.has(key) && !kinds.contains(&said[0]);
                    if is_ignored {
                        let belongs = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(" and ");
                        let message = format!("`{}` belongs to {belongs}", section.path(key));
                        reading.refuse(&section.place_of(key), message);
                    }
                }
            }
            [first, second, ..] => {
                let message = format!("a function runs in one way: `{first}` or `{second}`");
                reading.refuse(&section.place_of(first), message);
            }
        }
        let runs = Runs::read(&mut section, standards);
        let handler = section.string("handler");
        if let Some(handler) = &handler {
            // .NET separates assembly, class and method by `::`.
            let others = if said == ["command"] { "._$-/:" } else { "._$-/" };
            let fits = |c: char| c.is_alphanumeric() || others.contains(c);
            let last = handler.value.rsplit('.').next().unwrap_or_default();
            if last.is_empty() || !handler.value.chars().all(fits) {
                let message =
                    format!("`{}` must be NAME or FILE.NAME, found {:?}", section.path("handler"), handler.value);
                reading.refuse(&handler.at, message);
            }
        }
        let timeout = section.integer("timeout_seconds", 1..=900);
        let memory_mib = section.integer("memory_mib", 8..=10_240);
        let environment = section.string_map("environment");
        for (key, text) in &environment {
            if key.is_empty() || key.contains(['=', '\0']) || text.value.contains('\0') {
                let message = format!("`{}.{key}` cannot be a variable", section.path("environment"));
                reading.refuse(&text.at, message);
            }
        }
        let concurrency = section.integer("concurrency", 1..=1000);
        let max_processes = section.integer("max_processes", 1..=100_000);
        let sandbox = Sandbox::read(&mut section);
        let watch = section.boolean("watch");
        let listen = section.address("listen", NO_ADDRESS);
        if !listen.value.ip().is_loopback() {
            let message = format!(
                "`{}` must be a loopback address: whoever reaches the Runtime API gets the events, found {}",
                section.path("listen"),
                listen.value
            );
            reading.refuse(&listen.at, message);
        }
        section.finish();
        let mut function = Self::new(at, name, runs.unwrap_or(Runs::Attach));
        if let Some(handler) = handler {
            function.handler = handler.value;
        }
        function.timeout = timeout.map_or(function.timeout, Duration::from_secs);
        function.memory_mib = memory_mib.unwrap_or(function.memory_mib);
        function.environment = environment.into_iter().map(|(name, text)| (name, text.value)).collect();
        function.concurrency = concurrency.unwrap_or(function.concurrency);
        function.max_processes = max_processes;
        function.sandbox = sandbox;
        function.watch = watch.is_some_and(|said| said.value);
        function.listen = listen.value;
        function
    }
}

impl Sandbox {
    fn read(section: &mut Reader) -> Option<Self> {
        let is_asked_for = section.boolean("sandbox").is_some_and(|said| said.value);
        let reading = section.reading;
        for key in ["sandbox_read", "sandbox_connect"].into_iter().filter(|key| section.has(key) && !is_asked_for) {
            let message = format!("`{}` belongs to `sandbox = true`", section.path(key));
            reading.refuse(&section.place_of(key), message);
        }
        let mut sandbox = Self::default();
        for path in section.strings("sandbox_read") {
            let resolved = reading.resolve(&path.at, &path.value);
            if path.value.is_empty() || !resolved.exists() {
                let message =
                    format!("`{}`: there is no file or folder {:?}", section.path("sandbox_read"), path.value);
                reading.refuse(&path.at, message);
            }
            sandbox.read.push(resolved);
        }
        sandbox.connect = section.ports("sandbox_connect");
        is_asked_for.then_some(sandbox)
    }
}

impl Runs {
    /// The last way that is said and right. All are read, so that no key is unknown.
    fn read(section: &mut Reader, standards: &Standards) -> Option<Self> {
        let script = if section.has("script") { section.file("script").map(Self::Script) } else { None };
        let command = Self::read_command(section);
        let attach = section.boolean("attach").map(|said| {
            if !said.value {
                let message = format!("`{}` is true or left out", section.path("attach"));
                section.reading.refuse(&said.at, message);
            }
            Self::Attach
        });
        let invoke = address(section, "invoke", standards).map(|url| Self::Invoke(url.value));
        let webhook = address(section, "webhook", standards);
        let secret = section.secret("secret");
        if let Some(secret) = &secret {
            let path = section.path("secret");
            standards.secret(section.reading, &path, secret);
            let length = secret.value.expose().chars().count();
            if standards.production() && length < SHORTEST_SECRET {
                let message = format!("`{path}` is weak: production needs at least {SHORTEST_SECRET} characters");
                section.reading.refuse(&secret.at, message);
            }
            if webhook.is_none() && !section.said("webhook") {
                section.reading.refuse(&secret.at, format!("`{path}` belongs to `webhook`"));
            }
        }
        if let (Some(webhook), None, true) = (&webhook, &secret, standards.production()) {
            let message = format!("`{}` is missing: production signs every call of a webhook", section.path("secret"));
            section.reading.refuse(&webhook.at, message);
        }
        let secret = secret.map(|secret| secret.value);
        let webhook = webhook.map(|url| Self::Webhook { url: url.value, secret });
        // Known even when nobody asked for them, so that the nearest name of a slip is among them.
        KINDS.iter().for_each(|kind| section.know(kind));
        script.or(command).or(attach).or(invoke).or(webhook)
    }

    fn read_command(section: &mut Reader) -> Option<Self> {
        let (at, said) = (section.place_of("command"), section.has("command"));
        let command: Vec<String> = section.strings("command").into_iter().map(|word| word.value).collect();
        let directory = section.string("directory");
        let reading = section.reading;
        let folder = directory
            .as_ref()
            .map_or_else(|| reading.resolve(&at, "."), |directory| reading.resolve(&directory.at, &directory.value));
        if let Some(directory) = directory.filter(|_| !folder.is_dir()) {
            let message = format!("`{}`: there is no folder {}", section.path("directory"), directory.value);
            reading.refuse(&directory.at, message);
        }
        if !said {
            return None;
        }
        if command.first().is_none_or(String::is_empty) || command.iter().any(|word| word.contains('\0')) {
            let message = format!("`{}` must name a program and its arguments", section.path("command"));
            reading.refuse(&at, message);
        }
        Some(Self::Command { command, directory: folder })
    }
}

fn is_function_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(fits)
}

/// Where events go. They hold passwords and tokens.
fn address(section: &mut Reader, key: &str, standards: &Standards) -> Option<Placed<Url>> {
    let said = section.string(key)?;
    let path = section.path(key);
    match form::web_url_with_query(&said.value) {
        Err(why) => {
            section.reading.refuse(&said.at, format!("`{path}` {why}: {:?}", said.value));
            None
        }
        Ok(url) => {
            if standards.production() && form::is_exposed(&url) {
                let message = format!("`{path}` is weak: events would cross the network in the clear; use https");
                section.reading.refuse(&said.at, message);
            }
            standards.asked(section.reading, &path, (&said.at, &url));
            Some(Placed { value: url, at: said.at })
        }
    }
}
