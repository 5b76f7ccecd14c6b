//! The account of a link: work lines, what the principal says to them, statements that both sign, and figures.
//! proto-spec, sections 6.24 and 6.30 to 6.35.
//!
//! Both desks put the same messages with the same outcomes into an [`Account`], and get the same states, the same
//! statements to the byte, and the same hashes.

mod amount;
mod book;
mod currency;
mod difference;
mod figures;
mod order;
mod statement;
mod summary;

pub use amount::{Amount, is_quantity};
pub use book::{Account, Booked, LineState, digest_work};
pub use currency::is_currency;
pub use difference::{Difference, first_difference};
pub use figures::{Figures, Spread, Times};
pub use order::{Said, Signed, Upto, Word};
pub use statement::{Asked, Statement, StatementError, StatementLine};
pub use summary::{Sum, sums};

#[cfg(test)]
mod tests;
