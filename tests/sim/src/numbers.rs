//! Own messages are numbered in the order of their items: by that an item finds its number.

use deskwire_store::table::{Rows, SENT};

use crate::world::World;

impl World {
    /// Whether items and numbers of a desk have one order on each link.
    pub(crate) fn check_numbers(&self, desk: usize) -> Result<(), String> {
        let rows = self.desks[desk].rows().ok_or("the desk is down")?;
        for link in self.links_of(desk) {
            let sent =
                rows.list(SENT, &self.number(desk, link), usize::MAX).map_err(|error| error.to_string())?;
            if let Some(pair) = sent.windows(2).find(|pair| pair[0].1.order >= pair[1].1.order) {
                let (((_, one), earlier), ((_, other), later)) = (&pair[0], &pair[1]);
                return Err(format!(
                    "desk{desk}, link {link}: message {one} is item {}, and message {other} is item {}",
                    earlier.order.0, later.order.0
                ));
            }
        }
        Ok(())
    }
}
