//! The functions of a configuration that is read again while those of before serve.
//!
//! What did not change is carried over as it is, with its processes and the calls under way. A process that attaches finds a changed
//! function where it found the one before: the place passes on, with the calls that wait there, when the new functions count.
//! Until then nothing of before is touched; afterwards what was replaced ends when nobody can call it any more.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    Function, Functions, LoadError, Named, Surroundings,
    code::Code,
    log::{Journal, Ledger},
    process::Process,
    remote::Remote,
    script::Script,
};
use crate::config::function as config;

/// Nobody has a longer patience with a call: it is what Lambda lets a function run at most.
const LONGEST: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a function was made of.
pub(super) struct Origin {
    section: config::Function,
    code: Option<Code>,
    /// The function itself, where processes attach to it.
    attached: Option<Arc<Process>>,
}

impl Functions {
    /// The functions of other sections, to take the place of these. A place where processes attach is shared with these until
    /// [`take_over`](Self::take_over).
    pub fn followed_by(&self, sections: &[config::Function], around: &Surroundings) -> Result<Self, LoadError> {
        let keeper = self.keeper.clone().or_else(|| around.keeper.clone());
        let around = &Surroundings { keeper: keeper.clone(), ..around.clone() };
        let mut next = Self { ledger: self.ledger.clone(), keeper, ..Self::default() };
        if let (None, Some(folder)) = (&next.ledger, &around.logs) {
            next.ledger = Some(Ledger::open(folder.clone()).map_err(LoadError::Logs)?);
        }
        let mut changed = Vec::new();
        for section in sections {
            let is_twice = next.named.contains_key(&section.name)
                || changed.iter().any(|(other, _): &(&config::Function, _)| other.name == section.name);
            if is_twice {
                return Err(LoadError::Twice { function: section.name.clone(), at: section.at.clone() });
            }
            // Read before the code itself is: a change in between is seen at the next look.
            let code = Code::of(section);
            match self.unchanged(section, code.as_ref()) {
                Some(same) => drop(next.named.insert(section.name.clone(), same.clone())),
                None => changed.push((section, code)),
            }
        }
        let mut places: Vec<&Origin> = self.origins().filter(|origin| origin.attached.is_some()).collect();
        places.retain(|origin| !next.has(origin.attached.as_ref()));
        for (section, code) in changed {
            let journal = Journal::new(&section.name, next.ledger.clone());
            let named = Named::new(section, code, (around, journal), || heir(section, &mut places))?;
            next.named.insert(section.name.clone(), named);
        }
        Ok(next)
    }

    fn unchanged(&self, section: &config::Function, code: Option<&Code>) -> Option<&Named> {
        let named = self.named.get(&section.name)?;
        let origin = named.origin.as_ref()?;
        (origin.section.says_the_same(section) && origin.code.as_ref() == code).then_some(named)
    }

    fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.named.values().filter_map(|named| named.origin.as_deref())
    }

    fn has(&self, attached: Option<&Arc<Process>>) -> bool {
        self.origins()
            .filter_map(|origin| origin.attached.as_ref())
            .any(|own| attached.is_some_and(|o| Arc::ptr_eq(own, o)))
    }

    fn shares(&self, function: &Arc<dyn Function>) -> bool {
        self.named.values().any(|named| Arc::ptr_eq(&named.function, function))
    }

    /// From now on processes that attach, also those that wait already, are given the calls of these functions.
    pub fn take_over(&self) {
        self.origins().filter_map(|origin| origin.attached.as_ref()).for_each(|process| process.take_over());
    }

    /// Ends what `kept` does not share: these functions are not to follow it after all.
    pub async fn give_up(&self, kept: &Self) {
        for named in self.named.values().filter(|named| !kept.shares(&named.function)) {
            named.function.stop().await;
        }
    }

    /// Ends what `next` does not share, each function when the last call has ended of those that began before; at once when
    /// `now` is cancelled.
    pub fn retire(self: Arc<Self>, next: &Self, now: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let replaced = |named: &Named| !next.shares(&named.function);
        let replaced: BTreeSet<String> =
            self.named.iter().filter(|(_, named)| replaced(named)).map(|(name, _)| name.clone()).collect();
        retire(self, replaced, now)
    }
}

async fn retire(functions: Arc<Functions>, replaced: BTreeSet<String>, now: CancellationToken) {
    let until = Instant::now() + LONGEST;
    let is_over = || now.is_cancelled() || Instant::now() >= until;
    let mut before = functions;
    let owned = loop {
        match Arc::try_unwrap(before) {
            Ok(owned) => break owned,
            Err(shared) if is_over() => break Functions::clone(&shared),
            Err(shared) => before = shared,
        }
        a_moment(&now).await;
    };
    let mut left = owned.named;
    left.retain(|name, _| replaced.contains(name));
    while !left.is_empty() {
        let over = is_over();
        let ended: Vec<_> = left.extract_if(.., |_, named| over || named.is_alone()).collect();
        for (_, named) in ended {
            named.function.stop().await;
        }
        a_moment(&now).await;
    }
}

impl Named {
    fn new<'o>(
        section: &config::Function,
        code: Option<Code>,
        (around, journal): (&Surroundings, Journal),
        place: impl FnOnce() -> Option<&'o Process>,
    ) -> Result<Self, LoadError> {
        let mut attached = None;
        let function: Arc<dyn Function> = match &section.runs {
            config::Runs::Script(file) => Arc::new(Script::load_in(section, file, around, journal)?),
            config::Runs::Command { command, directory } => {
                Arc::new(Process::command(section, (command, directory), around, journal))
            }
            config::Runs::Attach => {
                let process = Arc::new(Process::attached(section, around, journal, place()));
                attached = Some(Arc::clone(&process));
                process
            }
            config::Runs::Invoke(url) => Arc::new(Remote::invoke(section, url, around)),
            config::Runs::Webhook { url, secret } => Arc::new(Remote::webhook(section, url, secret.as_ref(), around)),
        };
        let origin = Origin { section: section.clone(), code, attached };
        Ok(Self { function, origin: Some(Arc::new(origin)) })
    }

    /// Whether nobody else has the function: it is called no more.
    fn is_alone(&self) -> bool {
        let own = self.origin.as_ref().is_some_and(|origin| origin.attached.is_some());
        Arc::strong_count(&self.function) <= 1 + usize::from(own)
    }
}

async fn a_moment(now: &CancellationToken) {
    tokio::select! {
        () = now.cancelled() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
    }
}

/// The function that listens where this one will, taken out of those that there are.
fn heir<'o>(section: &config::Function, places: &mut Vec<&'o Origin>) -> Option<&'o Process> {
    let listens = |origin: &&Origin| origin.section.listen == section.listen;
    let same = places.iter().position(|origin| listens(origin) && origin.section.name == section.name);
    // A free port was given to one function only.
    let there = || places.iter().position(listens).filter(|_| section.listen.port() != 0);
    let found = same.or_else(there)?;
    places.swap_remove(found).attached.as_deref()
}
