//! What one query looks up again and again: partners, streams and delegations, each read once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deskwire_store::Error;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{DelegationRow, StreamRow};
use deskwire_store::table::{DELEGATIONS, Rows};

use crate::{Partner, Reader, Refusal};

/// The reader, with what the query at work has read already.
pub(super) struct Lookup<'a> {
    pub(super) reader: &'a Reader,
    partners: RefCell<HashMap<LinkNo, Arc<Partner>>>,
    streams: RefCell<HashMap<LinkNo, Rc<StreamRow>>>,
    delegations: RefCell<HashMap<DelegationNo, Rc<DelegationRow>>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(reader: &'a Reader) -> Self {
        Self {
            reader,
            partners: RefCell::default(),
            streams: RefCell::default(),
            delegations: RefCell::default(),
        }
    }

    /// A link that a row names.
    pub(super) fn partner(&self, no: LinkNo) -> Result<Arc<Partner>, Refusal> {
        if let Some(known) = self.partners.borrow().get(&no) {
            return Ok(Arc::clone(known));
        }
        let found = self.reader.partner(no)?.ok_or_else(|| broken("a row names a link that is not there"))?;
        self.partners.borrow_mut().insert(no, Arc::clone(&found));
        Ok(found)
    }

    /// Where both streams of a link stand.
    pub(super) fn stream(&self, no: LinkNo) -> Result<Rc<StreamRow>, Refusal> {
        if let Some(known) = self.streams.borrow().get(&no) {
            return Ok(Rc::clone(known));
        }
        let found = Rc::new(self.reader.stream(no)?);
        self.streams.borrow_mut().insert(no, Rc::clone(&found));
        Ok(found)
    }

    /// A delegation that a row names.
    pub(super) fn delegation(&self, no: DelegationNo) -> Result<Rc<DelegationRow>, Refusal> {
        if let Some(known) = self.delegations.borrow().get(&no) {
            return Ok(Rc::clone(known));
        }
        let row = self.reader.rows().get(DELEGATIONS, &no)?;
        let found = Rc::new(row.ok_or_else(|| broken("a row names a delegation that is not there"))?);
        self.delegations.borrow_mut().insert(no, Rc::clone(&found));
        Ok(found)
    }
}

/// Rows that contradict each other: damage, or a mistake in this program.
pub(super) fn broken(what: &str) -> Refusal {
    Error::BadRow(what.to_owned()).into()
}
