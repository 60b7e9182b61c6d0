//! What Landlock does not see of the network, closed by a filter of system calls (seccomp).
//!
//! Landlock judges TCP where it is called TCP. A socket of MPTCP reaches the same servers unseen, and so does data that a fast open
//! sends along with the connection; sockets with names in the file system, packets and other families are not its matter at all.
//! So in a sandbox there are only sockets for TCP, and for UDP where names are to be resolved. Pairs of sockets, which reach
//! nobody outside, stay. `io_uring` is closed, for it opens sockets past the filter.

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::Sandbox;

/// The bits of a socket's type that are no flags.
const KIND: u64 = 0xf;
/// x86-64 knows a second numbering of its calls, for 32-bit pointers. Nothing is run that needs its sockets.
#[cfg(target_arch = "x86_64")]
const X32: [i64; 6] = [0x4000_0029, 0x4000_002c, 0x4000_0032, 0x4000_0206, 0x4000_021a, 0x4000_01a9];
#[cfg(not(target_arch = "x86_64"))]
const X32: [i64; 0] = [];
/// DNS.
const NAMES: u16 = 53;

impl Sandbox {
    /// Whether UDP is open.
    pub(super) fn resolves_names(&self) -> bool {
        self.connect.contains(&NAMES)
    }
}

/// The filter.
pub(super) struct Closed(BpfProgram);

impl Closed {
    pub(super) fn new(with_udp: bool) -> io::Result<Self> {
        filter(with_udp).map(Self).map_err(|error| io::Error::other(format!("seccomp: {error}")))
    }

    /// From now on, for this process and what it becomes and starts.
    pub(super) fn apply(&self) -> io::Result<()> {
        apply_filter(&self.0).map_err(|error| io::Error::other(format!("seccomp: {error}")))
    }
}

/// What it matches is refused.
fn filter(with_udp: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let all = |conditions: &[SeccompCondition]| SeccompRule::new(conditions.to_vec());
    let (families, kinds, protocols): (_, &[i32], &[i32]) = match with_udp {
        false => ([libc::AF_INET, libc::AF_INET6], &[libc::SOCK_STREAM], &[0, libc::IPPROTO_TCP]),
        true => {
            let kinds = &[libc::SOCK_STREAM, libc::SOCK_DGRAM];
            ([libc::AF_INET, libc::AF_INET6], kinds, &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP])
        }
    };
    let none_of = |argument: u8, allowed: &[i32]| {
        let differs = |value: &i32| is(argument, SeccompCmpOp::Ne, *value);
        all(&allowed.iter().map(differs).collect::<Result<Vec<_>, _>>()?)
    };
    let mut sockets = vec![none_of(0, &families)?, none_of(2, protocols)?];
    for kind in (0..=KIND as i32).filter(|kind| !kinds.contains(kind)) {
        sockets.push(all(&[is(1, SeccompCmpOp::MaskedEq(KIND), kind)?])?);
    }
    let fast_open = |argument| {
        let bit = libc::MSG_FASTOPEN;
        Ok::<_, seccompiler::BackendError>(vec![all(&[is(argument, SeccompCmpOp::MaskedEq(bit as u64), bit)?])?])
    };
    let mut rules = BTreeMap::from([
        (libc::SYS_socket, sockets),
        (libc::SYS_sendto, fast_open(3)?),
        (libc::SYS_sendmsg, fast_open(2)?),
        (libc::SYS_sendmmsg, fast_open(3)?),
        (libc::SYS_io_uring_setup, Vec::new()),
        // Landlock asks where a socket is bound, and one that was not gets a port of its own here.
        (libc::SYS_listen, Vec::new()),
    ]);
    rules.extend(X32.map(|call| (call, Vec::new())));
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let refused = SeccompAction::Errno(libc::EACCES as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()
}

fn is(argument: u8, how: SeccompCmpOp, value: i32) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value as u64)
}
