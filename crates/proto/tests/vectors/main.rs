//! Holds specification, CDDL, vectors and code together: what one of them says, the others say too.

mod cddl;
mod coset;
mod file;
mod frozen;
mod load;
mod properties;
mod spec;
mod verdict;
