//! Flows from inside: what no door can be made to show alone, above all what must not happen.

mod accounts;
mod recovery;
