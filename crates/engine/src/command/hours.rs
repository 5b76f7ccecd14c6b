//! The business hours of this desk.

use deskwire_proto::text::Label;
use deskwire_store::record::{ChainRecord, Record};
use serde::{Deserialize, Serialize};

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

fn wrong(error: &calendar::HoursError) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "bad-hours",
        format!("These are no business hours: {error}."),
        "Correct them and try again.",
    )
}
