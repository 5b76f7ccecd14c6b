//! The way out of a link that stands still: what operators do who speak with each other.

use deskwire_engine::command::link::{Resume, TakeDescriptor};
use deskwire_engine::command::repair::{Branch, Repair};
use deskwire_store::row::{LinkState, Pause};

use crate::verify;
use crate::world::World;

impl World {
    /// The operators of both desks look at a link that stands still, and choose the same.
    pub(crate) fn operators_mend(&mut self, link: usize) {
        let ends = self.links[link].ends;
        if !ends.iter().all(|desk| self.desks[*desk].runs()) {
            return;
        }
        let states = ends.map(|desk| self.desks[desk].link(self.number(desk, link)).map(|row| row.state));
        let authors = self.model.prefers_authors(link);
        for (desk, state) in ends.into_iter().zip(states) {
            let no = self.number(desk, link);
            let Some(LinkState::Paused(pause)) = state else { continue };
            let branch = match pause {
                Pause::Fork(_) => Some(if authors { Branch::Theirs } else { Branch::Ours }),
                Pause::OwnFork(_) => Some(if authors { Branch::Ours } else { Branch::Theirs }),
                Pause::Told(why) if why.code.as_str() != "clone-suspected" => {
                    Some(if authors { Branch::Ours } else { Branch::Theirs })
                }
                Pause::Beyond(_) => Some(Branch::Theirs),
                Pause::Told(_) | Pause::Recovery | Pause::Clone | Pause::BadPage(_) => None,
            };
            match branch {
                Some(branch) => {
                    self.report.count("branches chosen");
                    self.note(|| format!("desk{desk} goes on with {branch:?} on link {link}"));
                    self.call(desk, Repair { link: no, branch }, |_, _| {});
                }
                None => {
                    self.report.count("links resumed by hand");
                    self.note(|| format!("desk{desk} resumes link {link}"));
                    self.call(desk, Resume { link: no }, |_, _| {});
                }
            }
        }
    }

    /// Where neither desk knows any more where the other is, an operator asks and names the address.
    pub(crate) fn operators_find(&mut self, link: usize) {
        let [one, other] = self.links[link].ends;
        for (desk, partner) in [(one, other), (other, one)] {
            let Some(known) = self.known(desk, link).filter(|_| self.desks[desk].runs()) else { continue };
            let Some(core) = self.desks[partner].core.as_ref() else { continue };
            let descriptor = core.identity().descriptor().clone();
            if descriptor.body().endpoints.is_empty() || !verify::is_newer(&descriptor, &known) {
                continue;
            }
            let no = self.number(desk, link);
            self.report.count("partners found by hand");
            self.note(|| format!("desk{desk} is told where the partner of link {link} is"));
            self.call(desk, TakeDescriptor { link: no, descriptor }, |_, _| {});
            self.call(desk, Resume { link: no }, |_, _| {});
        }
    }
}
