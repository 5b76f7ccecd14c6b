//! What either side does in a delegation.

use deskwire_api_types::{
    AcceptOffer, Action, Answer, Ask, ChangeDecline, ChangeTake, Confirm, Contact, Custom, Delegation,
    Equipment, FieldName, OfferUpdate, Rate, Reason, Resolve, ServiceObject, StatusChange, WorkState,
};
use deskwire_client::{Client, Error};

use super::{ROOM, ledger::Who, play::Play};

impl Play<'_> {
    /// One of the actions that a side may do now.
    pub(super) async fn action(&mut self) -> Result<(), Error> {
        let Some(at) = self.one_handed() else { return Ok(()) };
        let handed = self.handed[at].clone();
        let contractor = self.random.one_in(2);
        let (who, other) = if contractor {
            (handed.contractor, handed.principal)
        } else {
            (handed.principal, handed.contractor)
        };
        let known = self.desks[who].client().delegation(&handed.id).await?;
        if known.actions.is_empty() {
            return Ok(());
        }
        let action = *self.random.pick(&known.actions);
        let client = self.actor(who, &[other]).0;
        match action {
            Action::Accept => self.accept(at, &client).await,
            Action::Status => {
                let case = if contractor { handed.taken } else { Some(handed.case) };
                self.status(case, contractor, &client, &known).await
            }
            Action::Update => self.update(at, (who, other), &client, &known).await,
            _ => self.say((who, other), action, &client, &known).await,
        }
    }

    async fn accept(&mut self, at: usize, client: &Client) -> Result<(), Error> {
        let handed = self.handed[at].clone();
        let (mark, label) = self.plant(handed.contractor, "the label of an accept");
        let body = AcceptOffer { label: Some(label), status: Some("open".to_owned()), version: None };
        let taken = client.accept(&handed.id, &body).await?;
        let case = self.taken(at, taken.own.ticket);
        self.relabel(case, mark);
        Ok(())
    }

    async fn status(
        &mut self,
        case: Option<usize>,
        contractor: bool,
        client: &Client,
        known: &Delegation,
    ) -> Result<(), Error> {
        let Some(case) = case else { return Ok(()) };
        let (mark, label) = self.plant(self.cases[case].at, "the label of a status told");
        let state = *self.random.pick(&[None, Some(WorkState::InProgress), Some(WorkState::WaitingThird)]);
        let state = state.filter(|_| contractor);
        let body = StatusChange { state, status: Some("waiting".to_owned()), label: Some(label) };
        client.status(&known.id, &body).await?;
        self.relabel(case, mark);
        Ok(())
    }

    /// Changes one field, which the terms let travel or not.
    async fn update(
        &mut self,
        at: usize,
        way: (Who, Who),
        client: &Client,
        known: &Delegation,
    ) -> Result<(), Error> {
        let field = self.random.below(9);
        // A category is a fact, which stands in proofs of other cases too.
        let what = [
            "title",
            "description",
            "category",
            "company",
            "agreement",
            "contact",
            "object",
            "equipment",
            "room",
        ];
        let place = usize::try_from(field).unwrap_or_default();
        let (mark, text) = self.plant(way.0, format!("an updated {}", what[place]));
        let some = || Some(text.clone());
        let empty = OfferUpdate::default();
        let (field, body) = match field {
            0 => (None, OfferUpdate { title: some(), ..empty }),
            1 => (None, OfferUpdate { description: some(), ..empty }),
            2 => (Some(FieldName::Category), OfferUpdate { category: some(), ..empty }),
            3 => (Some(FieldName::Company), OfferUpdate { company: some(), ..empty }),
            4 => (Some(FieldName::Agreement), OfferUpdate { agreement: some(), ..empty }),
            5 => {
                let contact = Contact { name: text.clone(), ..Default::default() };
                (Some(FieldName::Contact), OfferUpdate { contact: Some(contact), ..empty })
            }
            6 => {
                let object = ServiceObject { name: text.clone(), ..Default::default() };
                (Some(FieldName::Object), OfferUpdate { object: Some(object), ..empty })
            }
            7 => {
                let equipment = Equipment { serial: some(), ..Default::default() };
                (Some(FieldName::Equipment), OfferUpdate { equipment: Some(equipment), ..empty })
            }
            _ => {
                let custom = vec![Custom { key: ROOM.to_owned(), value: text.clone() }];
                (Some(FieldName::Custom), OfferUpdate { custom, ..empty })
            }
        };
        client.update(&known.id, &body).await?;
        let fits = field.is_none_or(|field| self.rules.travels(way.0, way.1, field));
        assert!(fits, "{field:?} was taken though the terms do not let it travel");
        if field != Some(FieldName::Category) || !self.rules.mapped.contains(&way) {
            self.ledger.allow(mark, way.1);
        }
        // The contractor may hand on what it was told; of a contact it was not allowed to.
        let taken = self.handed[at].taken.map(|case| &mut self.cases[case].words);
        for words in [Some(&mut self.handed[at].words), taken].into_iter().flatten() {
            match field {
                Some(FieldName::Contact) => {}
                Some(field) => words.fields.push((field, mark, true)),
                None if place == 0 => words.title.push(mark),
                None => words.description.push(mark),
            }
        }
        Ok(())
    }

    /// An action with a reason, solution, question or answer.
    async fn say(
        &mut self,
        way: (Who, Who),
        action: Action,
        client: &Client,
        known: &Delegation,
    ) -> Result<(), Error> {
        let (mark, text) = self.plant(way.0, action.as_str());
        self.ledger.allow(mark, way.1);
        let id = known.id.as_str();
        let reason = || Reason { reason: text.clone(), code: None };
        let version = known.change.as_ref().map_or(known.version, |change| change.version);
        let done = match action {
            Action::Decline => client.decline(id, &reason()).await,
            Action::Return => client.return_back(id, &reason()).await,
            Action::Recall => client.recall(id, &reason()).await,
            Action::Reopen => client.reopen(id, &reason()).await,
            Action::Ask => client.ask(id, &Ask { question: text.clone() }).await,
            Action::Answer => client.answer(id, &Answer { answer: text.clone(), needed: true }).await,
            Action::Confirm => client.confirm(id, &Confirm::default()).await,
            Action::Rate => client.rate(id, &Rate { stars: 3, words: Some(text.clone()) }).await,
            Action::Resolve => {
                client.resolve(id, &Resolve { solution: Some(text.clone()), ..Default::default() }).await
            }
            Action::ChangeTake => client.take_change(id, &ChangeTake { version }).await,
            Action::ChangeDecline => {
                client.decline_change(id, &ChangeDecline { version, reason: text.clone() }).await
            }
            Action::Accept | Action::Status | Action::Update => {
                unreachable!("{action:?} has a way of its own")
            }
        };
        done.map(drop)
    }
}
