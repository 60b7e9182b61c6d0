//! Everything that descends from a process, as `/proc` tells it.

use std::{collections::BTreeSet, fs};

use rustix::process::Pid;

/// A process as its `stat` describes it.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    pid: i32,
    parent: i32,
    tasks: usize,
}

/// Descendants of `root`, with how many threads each has. Nothing where `/proc` cannot be read.
pub(super) fn below(root: Pid) -> Vec<(Pid, usize)> {
    let all: Vec<Known> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        // One that is gone meanwhile is none.
        .filter_map(|entry| known(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect();
    descendants(&all, root.as_raw_pid())
        .into_iter()
        .filter_map(|known| Some((Pid::from_raw(known.pid)?, known.tasks)))
        .collect()
}

/// The name, which stands in parentheses, may hold anything.
fn known(stat: &str) -> Option<Known> {
    let (pid, rest) = stat.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Known { pid: pid.parse().ok()?, parent: fields.get(1)?.parse().ok()?, tasks: fields.get(17)?.parse().ok()? })
}

/// Numbers are given again, so that a parent may have a higher one than its child.
fn descendants(all: &[Known], root: i32) -> Vec<&Known> {
    let (mut family, mut found) = (BTreeSet::from([root]), Vec::new());
    loop {
        let more: Vec<&Known> =
            all.iter().filter(|one| family.contains(&one.parent) && !family.contains(&one.pid)).collect();
        if more.is_empty() {
            return found;
        }
        family.extend(more.iter().map(|one| one.pid));
        found.extend(more);
    }
}

/// The number that was given last to a process or thread, of all on this machine or in this container.
pub(super) fn last_number() -> Option<u32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_is_only_a_name() {
        let stat = "42 (a) R 7 (b) S 17 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 5 0 1 0 0";
        assert_eq!(known(stat), Some(Known { pid: 42, parent: 17, tasks: 5 }));
        assert_eq!(known("42 (a"), None);
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let all = [(9, 12, 1), (12, 3, 2), (3, 1, 1), (4, 9, 3), (5, 1, 1)].map(|(pid, parent, tasks)| Known {
            pid,
            parent,
            tasks,
        });
        let found: Vec<i32> = descendants(&all, 3).iter().map(|known| known.pid).collect();
        assert_eq!(found, [12, 9, 4]);
    }
}
