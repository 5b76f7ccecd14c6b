//! Lines of work, and what the principal says to them. proto-spec, sections 6.30 to 6.32.

use deskwire_machine::account::{Account, Amount, Said, Upto, is_quantity};
use deskwire_machine::delegation::{Role, State};
use deskwire_machine::disclosure;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::{Person, ReasonText};
use deskwire_proto::message::{Body, Facts, Kind, work_add, work_approve, work_dispute};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Currency, Line, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::Record;
use deskwire_store::row::DelegationRow;
use deskwire_store::table::{ACCOUNT, Rows, WORK_ITEMS};
use serde::{Deserialize, Serialize};

use super::say::{Saying, say};
use super::{find, typed};
use crate::account::{Counting, words};
use crate::{Command, Fault, Refusal, Step};

/// Work may have been done so long before it was offered, ms: somebody called and somebody drove there.
const BEFORE_OFFER: u64 = 366 * 86_400_000;
/// And be dated so far ahead, ms: wherever on the earth somebody is, it may be tomorrow there.
const AHEAD: u64 = 86_400_000;

/// The contractor adds a line of work.
#[derive(Debug, Clone)]
pub struct AddWork {
    /// The delegation.
    pub delegation: DelegationNo,
    /// What it says; without a currency, that of the terms.
    pub line: NewLine,
    /// Who adds it.
    pub by: Person,
}

/// What a line of work says.
#[derive(Debug, Clone)]
pub struct NewLine {
    /// What is counted.
    pub r#type: work_add::WorkType,
    /// How many.
    pub quantity: deskwire_proto::text::Decimal,
    /// Of what.
    pub unit: deskwire_proto::text::Code,
    /// Price of one.
    pub price: deskwire_proto::text::Decimal,
    /// Its currency; that of the terms when absent.
    pub currency: Option<Currency>,
    /// Tax, per cent.
    pub tax: deskwire_proto::text::Percent,
    /// When it was done.
    pub date: Timestamp,
    /// What was done.
    pub what: Line,
}

/// A line that was added, or a word that was said to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkSaid {
    /// The item.
    pub item: ItemId,
}

impl Command for AddWork {
    type Reply = WorkSaid;

    fn run(self, step: &mut Step<'_>) -> Result<WorkSaid, Refusal> {
        let row = find::delegation(step, self.delegation)?;
        role(&row, Role::Contractor, "The contractor alone adds lines of work.")?;
        let link = find::link(step, row.link)?;
        find::speakable(&link)?;
        begun(step, &row)?;
        let terms = find::terms(step, &link)?;
        let facts = facts(&self.line, &terms)?;
        dates(facts.date, row.created, step.now)?;
        let text = work_add::Text { by: disclosure::person(&self.by, &terms), what: self.line.what };
        let body = Body::WorkAdd { facts, text };
        let item = say(step, Saying::event(row.link, (self.delegation, row.id), body))?;
        Ok(WorkSaid { item })
    }
}

/// The principal agrees to a line of work, or does not.
#[derive(Debug, Clone)]
pub struct JudgeWork {
    /// The delegation.
    pub delegation: DelegationNo,
    /// The line.
    pub work: ItemId,
    /// Why it is disputed; nothing approves it.
    pub dispute: Option<Prose>,
    /// Who says it.
    pub by: Person,
}

impl Command for JudgeWork {
    type Reply = WorkSaid;

    fn run(self, step: &mut Step<'_>) -> Result<WorkSaid, Refusal> {
        let row = find::delegation(step, self.delegation)?;
        role(&row, Role::Principal, "The principal alone approves or disputes a line of work.")?;
        let link = find::link(step, row.link)?;
        find::speakable(&link)?;
        let terms = find::terms(step, &link)?;
        self.undecided(step, &row)?;
        let by = disclosure::person(&self.by, &terms);
        let body = match self.dispute {
            None => Body::WorkApprove {
                facts: work_approve::Facts { work: self.work },
                text: disclosure::by_text(&self.by, &terms),
            },
            Some(reason) => Body::WorkDispute {
                facts: work_dispute::Facts { work: self.work },
                text: ReasonText { by, reason },
            },
        };
        let item = say(step, Saying::event(row.link, (self.delegation, row.id), body))?;
        Ok(WorkSaid { item })
    }
}

impl JudgeWork {
    /// The line is one of this delegation, and no signed statement holds it.
    fn undecided(&self, step: &Step<'_>, row: &DelegationRow) -> Result<(), Refusal> {
        let known = step.rows().get(WORK_ITEMS, &(row.link, (false, self.work)))?;
        let known = known.filter(|known| known.delegation == row.id).ok_or_else(|| unknown(self.work))?;
        let place = (row.link, (false, (false, known.seq)));
        let line = step.rows().get(ACCOUNT, &place)?.ok_or_else(|| unknown(self.work))?;
        if line.aside || !matches!(line.said, Said::Line { .. }) {
            return Err(unknown(self.work));
        }
        let link = find::link(step, row.link)?;
        let stream = find::stream(step, row.link)?;
        if step.rows().list(ACCOUNT, &(row.link, true), 1)?.is_empty() {
            return Ok(());
        }
        let account = Account::of(words(step.rows(), (row.link, &link), &stream, Counting::Settled)?);
        let signed = account.signed(&Upto::ALL);
        let held = account.line(row.id, self.work).and_then(|line| line.held_by(&signed));
        match held {
            None => Ok(()),
            Some(place) => Err(Refusal::new(
                Fault::Conflict,
                "line-settled",
                format!(
                    "The line {} is in the statement {}, which both sides have signed.",
                    self.work, signed[place].item
                ),
                "Agree with the contractor on another line that corrects it.",
            )),
        }
    }
}

fn role(row: &DelegationRow, role: Role, words: &str) -> Result<(), Refusal> {
    if row.case.role() == role {
        return Ok(());
    }
    let next = "Ask the other side to do it.";
    Err(Refusal::new(Fault::Forbidden, "action-not-allowed", words, next))
}

/// Work is booked on what was accepted, and never on a trial.
fn begun(step: &Step<'_>, row: &DelegationRow) -> Result<(), Refusal> {
    let state = row.case.view(find::stream(step, row.link)?.in_length).state;
    let (words, next) = match state {
        State::Unoffered | State::Offered => ("The delegation is not accepted yet.", "Accept it first."),
        State::Declined => ("The delegation was declined.", "Ask the principal to offer the work again."),
        State::Accepted
        | State::InProgress
        | State::Waiting { .. }
        | State::Resolved
        | State::Confirmed
        | State::Returned
        | State::Recalled => return trial(step, row),
    };
    Err(Refusal::new(Fault::Conflict, "action-not-allowed", words, next))
}

fn trial(step: &Step<'_>, row: &DelegationRow) -> Result<(), Refusal> {
    let facts = match step.read(row.offer)? {
        Record::ItemMade(made) => made.facts,
        Record::Received(received) => deskwire_proto::envelope::read_head(&received.signed)?.facts,
        _ => return Err(find::broken("an offer is another record")),
    };
    match Facts::decode(Kind::Offer, &facts) {
        Ok(Facts::Offer(offer)) if offer.test => Err(Refusal::new(
            Fault::Conflict,
            "delegation-is-a-test",
            "The delegation is a trial: nothing is billed on it.",
            "Ask the principal to offer the work for real.",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn facts(line: &NewLine, terms: &Terms) -> Result<work_add::Facts, Refusal> {
    let currency = currency(line.currency.as_ref(), terms)?;
    if !is_quantity(&line.quantity) {
        return Err(amount(format!("the quantity is {}, and has to be more than nothing", line.quantity)));
    }
    let net = Amount::net(&line.quantity, &line.price);
    if !net.fits() || !net.tax(&line.tax).fits() {
        return Err(amount(format!("{} times {} has more than twelve digits", line.quantity, line.price)));
    }
    Ok(work_add::Facts {
        tax: line.tax.clone(),
        date: line.date,
        r#type: line.r#type,
        unit: line.unit.clone(),
        price: line.price.clone(),
        currency,
        quantity: line.quantity.clone(),
    })
}

fn currency(named: Option<&Currency>, terms: &Terms) -> Result<Currency, Refusal> {
    let currency = match (named, &terms.currency) {
        (Some(named), _) => {
            typed::agreed(named, terms)?;
            named.clone()
        }
        (None, Some(agreed)) => agreed.clone(),
        (None, None) => {
            return Err(Refusal::new(
                Fault::Invalid,
                "currency-missing",
                "No currency is named, and the terms of this link name none.",
                "Name one, such as EUR.",
            ));
        }
    };
    typed::currency(&currency)?;
    Ok(currency)
}

fn amount(why: String) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "impossible-amount",
        format!("The amount cannot be: {why}."),
        "Correct quantity and price.",
    )
}

fn dates(date: Timestamp, offered: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let words = if date > now.plus(AHEAD) {
        "The work is dated after today."
    } else if date.plus(BEFORE_OFFER) < offered {
        "The work is dated more than a year before it was offered."
    } else {
        return Ok(());
    };
    Err(Refusal::new(Fault::Invalid, "impossible-date", words, "Give the day on which the work was done."))
}

fn unknown(work: ItemId) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-work-line",
        format!("There is no line of work {work} on this delegation."),
        "See its lines with `deskwire work list`.",
    )
}
