//! The configuration: one file per section, plain data. What a value means is decided by the room that receives its section.
//!
//! Only the server's assembly and the command line see the whole; a tool receives its section. [`load`] reads
//! `poolhouse.toml`, the environment and the flags, and either understands every word or says what it does not.

pub mod admin;
pub mod api;
pub mod connections;
pub mod database;
pub mod domain;
mod form;
pub mod function;
pub mod gateway;
pub mod hashing;
pub mod keys;
pub mod limits;
pub mod mail;
mod mistake;
pub mod outbound;
pub mod passwords;
pub mod place;
pub mod pool;
mod reader;
mod references;
pub mod server;
pub mod sms;
mod sources;
mod standards;
pub mod template;
pub mod tls;
pub mod tree;
pub mod trigger;

use std::path::PathBuf;

pub use mistake::Mistake;
pub use place::{Place, Placed};
pub use sources::{Flags, Sources};

use self::{
    reader::{Reader, Reading},
    standards::Standards,
    tree::Table,
};
use crate::kit::trust::Trust;

/// Everything that `poolhouse.toml`, the environment and the flags say together.
#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    /// The region of calls that carry no signature.
    pub region: String,
    /// Twelve digits; part of every ARN.
    pub account_id: String,
    /// Who is believed at the other end of TLS connections that this server begins, but for those to backends of the gateway.
    pub trust: Trust,
    /// Development only: allows listeners that other machines can reach.
    pub allow_remote: bool,
    /// Removes pools, clients, groups and users that the file no longer names.
    pub prune: bool,
    /// The folder that relative paths start from: the configuration file's own.
    pub folder: PathBuf,
    /// Where the server keeps what it makes: the SQLite file and the master key.
    pub data: PathBuf,
    /// The files that it was read from and that hold secrets, or can: nobody else's business.
    pub private: Vec<PathBuf>,
    pub server: server::Server,
    pub database: database::Database,
    pub gateway: gateway::Gateway,
    /// How long both listeners wait for their clients.
    pub connections: connections::Connections,
    pub admin: admin::Admin,
    pub hashing: hashing::Hashing,
    pub keys: keys::Keys,
    /// What one client address may do.
    pub limits: limits::Limits,
    /// Whom the server asks.
    pub outbound: outbound::Outbound,
    pub passwords: passwords::Passwords,
    /// What takes e-mail from us.
    pub mail: Option<mail::Mail>,
    /// What takes text messages from us.
    pub sms: Option<sms::Sms>,
    pub pools: Vec<pool::Pool>,
    pub functions: Vec<function::Function>,
    pub apis: Vec<api::Api>,
    /// Custom domains of the gateway.
    pub domains: Vec<domain::Domain>,
    pub templates: template::Templates,
}

/// What the server is used for. Production refuses to start on a weak setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Development,
    Production,
}

/// Reads the configuration from all its sources, or reports every mistake in it, sorted by line. Writes nothing.
///
/// A file that is not TOML is reported alone: what it means cannot be judged before it can be read. Templates that it names are
/// left to whoever can read them, who begins with a [`Draft`].
pub fn load(sources: &Sources) -> Result<Config, Vec<Mistake>> {
    Draft::read(sources)?.finish(Table::new())
}

/// A configuration that has been read and not judged, so that what templates say can be added to it.
pub struct Draft {
    file: Place,
    folder: PathBuf,
    tree: Table,
}

/// Lists of the configuration that templates add to.
const ADDED_LISTS: [&str; 3] = ["pool", "api", "domain"];

impl Draft {
    pub fn read(sources: &Sources) -> Result<Self, Vec<Mistake>> {
        let (file, folder) = sources.place();
        let tree = sources.read(file.as_deref()).map_err(|mut mistakes| {
            Mistake::sort(&mut mistakes);
            mistakes
        })?;
        let file = Place::whole(file.unwrap_or_else(|| PathBuf::from("configuration")));
        Ok(Self { file, folder, tree })
    }

    /// The configuration as far as templates need it: its own names may lead to what only they define.
    pub fn preview(&self) -> Result<Config, Vec<Mistake>> {
        let reading = Reading::new(self.folder.clone());
        let config = Config::read(Reader::new(&reading, self.file.clone(), "", self.tree.clone()), self.folder.clone());
        let mistakes = reading.finish();
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    /// Adds `more`, and judges the whole.
    pub fn finish(mut self, more: Table) -> Result<Config, Vec<Mistake>> {
        let reading = Reading::new(self.folder.clone());
        for (key, node) in more {
            self.add(&reading, &key, node);
        }
        let config = Config::read(Reader::new(&reading, self.file, "", self.tree), self.folder);
        references::check(&reading, &config);
        let mistakes = reading.finish();
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    fn add(&mut self, reading: &Reading, key: &str, node: tree::Node) {
        use tree::Value::{List, Table};
        match (self.tree.get_mut(key).map(|node| &mut node.value), node.value) {
            (Some(List(items)), List(more)) if ADDED_LISTS.contains(&key) => items.extend(more),
            (Some(Table(named)), Table(more)) => {
                for (name, node) in more {
                    match named.get(&name) {
                        Some(first) => {
                            reading.refuse(&node.at, format!("`{key}.{name}` is there already, at {}", first.at));
                        }
                        None => drop(named.insert(name, node)),
                    }
                }
            }
            (_, value) => drop(self.tree.insert(key.to_owned(), tree::Node { at: node.at, value })),
        }
    }
}

impl Config {
    fn read(mut top: Reader, folder: PathBuf) -> Self {
        let reading = top.reading;
        let mode = top.choice("mode", &[("development", Mode::Development), ("production", Mode::Production)]);
        let at = mode.as_ref().map_or_else(|| top.at.clone(), |mode| mode.at.clone());
        let mode = mode.map_or(Mode::Development, |mode| mode.value);
        let allow_remote = top.boolean("allow_remote");
        if let (Mode::Production, Some(said)) = (mode, &allow_remote) {
            reading.refuse(&said.at, "`allow_remote` belongs to development: production listens where `listen` says");
        }
        let allow_remote = allow_remote.is_some_and(|said| said.value);
        let outbound = outbound::Outbound::read(top.table("outbound"), mode);
        let standards = Standards { mode, at, allow_remote, reach: outbound.reach.clone() };
        let region = top.string("region");
        if let Some(region) = region.as_ref().filter(|region| !form::is_region(&region.value)) {
            let message = format!("`region` must be a region such as us-east-1, found {:?}", region.value);
            reading.refuse(&region.at, message);
        }
        let account_id = top.string("account_id");
        if let Some(id) = account_id.as_ref().filter(|id| !form::is_account_id(&id.value)) {
            reading.refuse(&id.at, format!("`account_id` must be twelve digits, found {:?}", id.value));
        }
        let data = match top.string("data") {
            Some(path) if path.value.is_empty() => {
                reading.refuse(&path.at, "`data` must not be empty");
                PathBuf::new()
            }
            Some(path) => reading.resolve(&path.at, &path.value),
            None => reading.in_folder("data"),
        };
        let trust = read_trust(&mut top);
        let prune = top.boolean("prune").is_some_and(|said| said.value);
        let (server, listen) = server::Server::read(top.table("server"), &standards);
        let database = database::Database::read(top.table("database"), &standards, &data);
        let gateway = gateway::Gateway::read(top.table("gateway"), &standards, &listen);
        let connections = connections::Connections::read(top.table("connections"));
        let admin = admin::Admin::read(top.table("admin"), &standards);
        let hashing = hashing::Hashing::read(top.table("hashing"), &standards);
        let keys = keys::Keys::read(top.table("keys"), &standards);
        let limits = limits::Limits::read(top.table("limits"), &standards);
        let passwords = passwords::Passwords::read(top.table("passwords"));
        let mail = top.has("mail").then(|| mail::Mail::read(top.table("mail"), &standards));
        let sms = top.has("sms").then(|| sms::Sms::read(top.table("sms"), &standards));
        ["mail", "sms"].iter().for_each(|section| top.know(section));
        let pools = top.tables("pool").into_iter().map(|pool| pool::Pool::read(pool, &standards)).collect();
        let functions = top.named_tables("function");
        let functions =
            functions.into_iter().map(|(name, entry)| function::Function::read(name, entry, &standards)).collect();
        let exposed = gateway.allow_insecure_issuer;
        let apis = top.tables("api").into_iter().map(|api| api::Api::read(api, exposed)).collect();
        let domains = top.tables("domain");
        let domains = domains.into_iter().map(|one| domain::Domain::read(one, &gateway)).collect();
        let templates = template::Templates::read(&mut top);
        let own = top.at.source.to_path_buf();
        let private = reading.private().into_iter().chain([own]).filter(|file| file.is_file()).collect();
        top.finish();
        Self {
            mode,
            region: region.map_or_else(|| "us-east-1".to_owned(), |region| region.value),
            account_id: account_id.map_or_else(|| "123456789012".to_owned(), |id| id.value),
            trust,
            allow_remote,
            prune,
            folder,
            data,
            private,
            server,
            database,
            gateway,
            connections,
            admin,
            hashing,
            keys,
            limits,
            outbound,
            passwords,
            mail,
            sms,
            pools,
            functions,
            apis,
            domains,
            templates,
        }
    }
}

/// The certificates of `trust`, a file in PEM.
fn read_trust(top: &mut Reader) -> Trust {
    top.know("trust");
    if !top.has("trust") {
        return Trust::default();
    }
    let (reading, at) = (top.reading, top.place_of("trust"));
    let Some(file) = top.file("trust") else { return Trust::default() };
    let read = std::fs::read(&file).map_err(|error| error.to_string());
    let trust = read.and_then(|pem| Trust::with(&pem).map_err(|error| error.to_string()));
    trust.unwrap_or_else(|error| {
        reading.refuse(&at, format!("`trust`: {}: {error}", file.display()));
        Trust::default()
    })
}

#[cfg(test)]
mod tests;
