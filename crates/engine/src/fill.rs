//! Rows as a long life of a desk leaves them, written without that life: for measurements of what is read from them.
//!
//! No record stands behind them. A store that was filled so is good for measuring, and for nothing else.

use std::sync::Arc;

use deskwire_machine::account::Said;
use deskwire_proto::id::ItemId;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{AccountRow, FigureRow, StreamRow};
use deskwire_store::table::{ACCOUNT, Committed, FIGURES, RECEIVED, Rows, RowsMut, SENT, STREAMS};
use deskwire_store::{Batch, Direction, Result, View, VisitRow};

use crate::project::MONTH;
use crate::{Core, Refusal};

type Done<T> = std::result::Result<T, Refusal>;

/// Rows that are handed over together.
const AT_ONCE: u64 = 10_000;

/// So many lines of work more like the first one of a link, each approved like that, and figures of so many delegations
/// more. The desk is the principal of a line of its partner that it has approved.
///
/// # Errors
/// When there is no such line, or the store fails.
pub fn account(core: &Core, link: LinkNo, lines: u64, delegations: u64) -> Done<()> {
    let view = core.view();
    let rows = Committed(Arc::clone(view));
    let stream = rows.get(STREAMS, &link)?.ok_or_else(|| broken("a link without streams"))?;
    let first = |ours: bool| -> Done<AccountRow> {
        let found = rows.list(ACCOUNT, &(link, (false, ours)), 1)?;
        let (_, row) = found.into_iter().next().ok_or_else(|| broken("no line of work that was approved"))?;
        Ok(row)
    };
    let (line, verdict) = (first(false)?, first(true)?);
    let mut filling = Filling::new(view);
    for number in 1..=lines {
        let mut item = [0xff; ItemId::SIZE];
        item[..8].copy_from_slice(&number.to_be_bytes());
        let item = ItemId::new(item);
        for (ours, like, length) in [(false, &line, stream.in_length), (true, &verdict, stream.out_length)] {
            let row = AccountRow { item, said: said(&like.said, item), ..like.clone() };
            filling.put(ACCOUNT, &(link, (false, (ours, length + number))), &row)?;
        }
        filling.hand_over(number)?;
    }
    ends(&rows, &mut filling, (link, &stream), lines)?;
    for number in 1..=delegations {
        let offered = Timestamp(line.at.0.saturating_sub(number * 60_000));
        let row = FigureRow {
            theirs: true,
            offered,
            accepted: Some(offered.plus(60_000 + number % 3_600_000)),
            resolved: Some(offered.plus(3_600_000 + number % 86_400_000)),
            stars: number.is_multiple_of(2).then_some(5),
            closed: true,
            ..FigureRow::default()
        };
        let key = (link, (offered.0 / MONTH, DelegationNo(1_000_000 + number)));
        filling.put(FIGURES, &key, &row)?;
        filling.hand_over(number)?;
    }
    filling.end()
}

/// Both streams end behind those lines, in messages like their last ones.
fn ends(
    rows: &Committed,
    filling: &mut Filling<'_>,
    (link, stream): (LinkNo, &StreamRow),
    lines: u64,
) -> Done<()> {
    let sent = rows.get(SENT, &(link, stream.out_length))?;
    let received = rows.get(RECEIVED, &(link, stream.in_length))?;
    let (Some(sent), Some(received)) = (sent, received) else { return Err(broken("streams without an end")) };
    let (out, incoming) = (stream.out_length + lines, stream.in_length + lines);
    filling.put(SENT, &(link, out), &sent)?;
    filling.put(RECEIVED, &(link, incoming), &received)?;
    let stream =
        StreamRow { out_length: out, acked: out, in_length: incoming, given: incoming, ..stream.clone() };
    Ok(filling.put(STREAMS, &link, &stream)?)
}

fn said(like: &Said, item: ItemId) -> Said {
    match like {
        Said::Line { delegation, facts, hash, .. } => {
            Said::Line { delegation: *delegation, item, facts: facts.clone(), hash: *hash }
        }
        Said::Verdict { delegation, approved, .. } => {
            Said::Verdict { delegation: *delegation, work: item, approved: *approved }
        }
        Said::Propose { .. } | Said::Sign { .. } => like.clone(),
    }
}

fn broken(what: &str) -> Refusal {
    deskwire_store::Error::BadRow(what.to_owned()).into()
}

/// Rows on their way to the view.
struct Filling<'a> {
    view: &'a Arc<dyn View>,
    batch: Batch,
}

impl<'a> Filling<'a> {
    fn new(view: &'a Arc<dyn View>) -> Self {
        Self { view, batch: Batch::default() }
    }

    fn hand_over(&mut self, number: u64) -> Done<()> {
        if number.is_multiple_of(AT_ONCE) { self.apply() } else { Ok(()) }
    }

    fn apply(&mut self) -> Done<()> {
        let batch = std::mem::take(&mut self.batch);
        let position = self.view.position()?.ok_or_else(|| broken("a view without a position"))?;
        Ok(self.view.apply(&batch, &position)?)
    }

    fn end(mut self) -> Done<()> {
        self.apply()?;
        Ok(self.view.flush()?)
    }
}

impl Rows for Filling<'_> {
    fn raw_get(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn raw_scan(&self, _: &[u8], _: &[u8], _: Direction, _: &mut VisitRow<'_>) -> Result<()> {
        Ok(())
    }
}

impl RowsMut for Filling<'_> {
    fn raw_put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.batch.put(key, value);
    }

    fn raw_delete(&mut self, key: Vec<u8>) {
        self.batch.delete(key);
    }
}
