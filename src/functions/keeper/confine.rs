//! Gives up what a command may not do, and becomes the command.
//!
//! Landlock (<https://docs.kernel.org/userspace-api/landlock.html>) denies files, TCP, and signals to processes outside. What it
//! takes for granted goes for everything that the command starts, whoever runs it, root too. It knows ports, but no addresses; what
//! it does not know of the network, [`sockets`](super::sockets) closes.

use std::{io, os::unix::process::CommandExt, process::Command};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

use super::{CANNOT_RUN, NOT_CONFINED, NOT_FOUND, Orders, Sandbox, sockets, system};

/// Linux 6.12: the first that keeps signals and abstract sockets inside. With less nothing is run.
const NEEDED: ABI = ABI::V6;
/// What later ones deny besides is denied where it can be.
const WANTED: ABI = ABI::V9;

/// Only comes back, with an exit code, when the command was not run.
pub fn confine(orders: &str) -> (u8, io::Error) {
    let orders = match Orders::read(orders).and_then(|orders| restrict(&orders).map(|()| orders)) {
        Ok(orders) => orders,
        Err(error) => return (NOT_CONFINED, error),
    };
    let (program, arguments) = (&orders.command[0], &orders.command[1..]);
    let error = Command::new(program).args(arguments).exec();
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN };
    (code, io::Error::new(error.kind(), format!("{program}: {error}")))
}

/// Whether this system can make the sandbox. Changes nothing.
pub fn probe() -> io::Result<()> {
    ruleset().map_err(|error| {
        io::Error::other(format!("a sandbox needs Landlock as Linux 6.12 and later have it, and switched on: {error}"))
    })?;
    sockets::Closed::new(false).map(drop)
}

fn restrict(orders: &Orders) -> io::Result<()> {
    // Nobody ends what is left when the keeper is killed.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, orders.most_files)?;
    limit(Resource::Data, orders.most_data)?;
    let Some(sandbox) = &orders.sandbox else { return Ok(()) };
    enter(sandbox).map_err(|error| io::Error::other(format!("Landlock: {error}")))?;
    sockets::Closed::new(sandbox.resolves_names())?.apply()
}

/// As far as the system lets it.
fn limit(what: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(what).maximum.map_or(most, |own| own.min(most));
    Ok(setrlimit(what, Rlimit { current: Some(most), maximum: Some(most) })?)
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .handle_access(AccessNet::from_all(NEEDED))?
        .scope(Scope::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .create()
}

fn enter(sandbox: &Sandbox) -> Result<(), Box<dyn std::error::Error>> {
    let read = AccessFs::from_read(NEEDED);
    let write = AccessFs::from_all(NEEDED) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let mut rules = ruleset()?
        .add_rules(path_beneath_rules(system::readable(), read))?
        .add_rules(path_beneath_rules(system::WRITABLE, read | AccessFs::WriteFile))?
        .add_rule(PathBeneath::new(PathFd::new(&sandbox.temporary)?, write))?;
    for path in &sandbox.read {
        let access = if path.is_dir() { read } else { AccessFs::ReadFile | AccessFs::Execute };
        rules = rules.add_rule(PathBeneath::new(PathFd::new(path)?, access))?;
    }
    for port in &sandbox.connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = rules.restrict_self()?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("nothing is denied".into()),
        _ => Ok(()),
    }
}
