//! The business hours of this desk, and how much of its time it keeps for itself.

use deskwire_proto::text::Label;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{ChainRecord, Record};
use serde::{Deserialize, Serialize};

use super::find;
use crate::calendar::{self, Hours};
use crate::{Command, Fault, Refusal, Step};

/// Says when this desk is open; `None`: always. Links keep the calendars of their terms until other terms are agreed.
#[derive(Debug, Clone)]
pub struct SetHours {
    /// The hours.
    pub hours: Option<Hours>,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoursSet {
    /// The time zone, or none.
    pub zone: Option<Label>,
}

impl Command for SetHours {
    type Reply = HoursSet;

    fn run(self, step: &mut Step<'_>) -> Result<HoursSet, Refusal> {
        if let Some(hours) = &self.hours {
            calendar::check(hours).map_err(|error| wrong(&error))?;
        }
        let zone = self.hours.as_ref().and_then(|hours| Label::new(hours.zone.clone()).ok());
        let at = step.now;
        step.record(&Record::Chain(ChainRecord::Hours { hours: self.hours.map(Box::new), at }), None)?;
        Ok(HoursSet { zone })
    }
}

/// Reserves above this are mistakes: a year, ms.
const LONGEST: u64 = 366 * 86_400_000;

/// Sets how long before its own promise this desk wants work done that it hands over on a link, where handing over says
/// nothing else; `None`: no longer.
#[derive(Debug, Clone, Copy)]
pub struct SetReserve {
    /// The link.
    pub link: LinkNo,
    /// How long, ms.
    pub reserve: Option<u64>,
}

impl Command for SetReserve {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        find::link(step, self.link)?;
        if self.reserve.is_some_and(|reserve| reserve > LONGEST) {
            return Err(Refusal::invalid("reserve", "it is more than a year"));
        }
        let (no, reserve, at) = (self.link, self.reserve, step.now);
        step.record(&Record::Chain(ChainRecord::Reserved { no, reserve, at }), None).map(drop)
    }
}

fn wrong(error: &calendar::HoursError) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "bad-hours",
        format!("These are no business hours: {error}."),
        "Correct them and try again.",
    )
}
