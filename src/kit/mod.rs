//! Ground: time, chance, names and words. Knows nobody above it and does no IO.

pub mod clock;
pub mod host;
pub mod ids;
pub mod lineage;
pub mod network;
pub mod random;
pub mod reach;
pub mod secret;
pub mod text;
pub mod trust;
