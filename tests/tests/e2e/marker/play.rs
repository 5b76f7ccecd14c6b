//! The play: what there is to act on, and one random action after the other.

use std::{collections::BTreeMap, path::PathBuf};

use deskwire_api_types::{
    Audience, CommentRequest, Contact, DelegateRequest, Equipment, FieldName, FileQuery, NewTicket, Priority,
    ServiceObject, TicketStatus,
};
use deskwire_client::{Client, Error};
use deskwire_tests::{desk::Desk, links::link_with, random::Random, world::World};

use super::{
    TO_BETA, TO_GAMMA,
    case::{Case, Handed, Words},
    ledger::{Ledger, MarkNo, Who, text},
};

/// The play.
pub(super) struct Play<'a> {
    pub(super) desks: [&'a Desk; 3],
    pub(super) random: Random,
    pub(super) ledger: Ledger,
    pub(super) cases: Vec<Case>,
    pub(super) handed: Vec<Handed>,
    links: BTreeMap<(Who, Who), String>,
    file: PathBuf,
    done: BTreeMap<&'static str, u32>,
}

impl<'a> Play<'a> {
    pub(super) async fn new(desks: [&'a Desk; 3], random: Random, ledger: Ledger, world: &World) -> Self {
        let mut links = BTreeMap::new();
        for (from, to) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
            links.insert((from, to), link_with(desks[from], &desks[to].name).await.name);
        }
        let (file, done) = (world.path("content"), BTreeMap::new());
        Self { desks, random, ledger, cases: Vec::new(), handed: Vec::new(), links, file, done }
    }

    /// One random action.
    pub(super) async fn act(&mut self) {
        let what = match self.random.below(20) {
            _ if self.cases.len() < 3 => "new",
            0..=2 => "new",
            3..=5 => "delegate",
            6..=10 => "comment",
            11 | 12 => "file",
            13 => "status",
            _ => "action",
        };
        let outcome = match what {
            "new" => self.new_ticket().await,
            "delegate" => self.delegate().await,
            "comment" => self.comment().await,
            "file" => self.attach().await,
            "status" => self.set_status().await,
            _ => self.action().await,
        };
        match outcome {
            Ok(()) => *self.done.entry(what).or_default() += 1,
            Err(Error::Refused(problem)) if problem.status < 500 => {
                *self.done.entry("refused").or_default() += 1;
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }

    pub(super) fn done(&self) -> &BTreeMap<&'static str, u32> {
        &self.done
    }

    pub(super) fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Plants a mark; its number and its text.
    pub(super) fn plant(&mut self, who: Who, what: &str) -> (MarkNo, String) {
        let number = self.ledger.plant(who, what);
        (number, text(number))
    }

    /// A client for somebody whose name is a mark. It may reach those to whom names travel.
    pub(super) fn actor(&mut self, who: Who, readers: &[Who]) -> Client {
        let (mark, name) = self.plant(who, "the name of an acting person");
        for reader in readers {
            if names_travel(who, *reader) {
                self.ledger.allow(mark, *reader);
            }
        }
        self.desks[who].client().clone().acting_as(&name)
    }

    async fn new_ticket(&mut self) -> Result<(), Error> {
        let at = self.random.below(3) as Who;
        let mut fields = Vec::new();
        let mut field = |play: &mut Self, name: FieldName| {
            let (mark, text) = play.plant(at, &format!("the field {}", name.as_str()));
            fields.push((name, mark));
            text
        };
        let requester = Contact {
            name: field(self, FieldName::Contact),
            email: Some(field(self, FieldName::Contact)),
            phone: Some(field(self, FieldName::Contact)),
            onward: self.random.one_in(2),
        };
        let object = ServiceObject {
            name: field(self, FieldName::Object),
            address: Some(field(self, FieldName::Object)),
            coordinates: None,
        };
        let equipment = Equipment {
            kind: Some(field(self, FieldName::Equipment)),
            serial: Some(field(self, FieldName::Equipment)),
            ..Default::default()
        };
        let (company, agreement) = (field(self, FieldName::Company), field(self, FieldName::Agreement));
        let category = field(self, FieldName::Category);
        let (title, description) = (self.plant(at, "a title"), self.plant(at, "a description"));
        let onward = requester.onward;
        let ticket = NewTicket {
            title: title.1,
            description: Some(description.1),
            category: Some(category),
            priority: Some(Priority::High),
            requester: Some(requester),
            company: Some(company),
            object: Some(object),
            equipment: Some(equipment),
            agreement: Some(agreement),
            due: None,
        };
        let number = self.actor(at, &[]).new_ticket(&ticket).await?.number;
        let words = Words { title: vec![title.0], description: vec![description.0], fields, onward };
        self.cases.push(Case { at, number, words, ..Case::default() });
        Ok(())
    }

    async fn delegate(&mut self) -> Result<(), Error> {
        let index = self.random.below(self.cases.len() as u64) as usize;
        let case = self.cases[index].clone();
        let to = if case.at == 0 { 1 + self.random.below(2) as Who } else { 0 };
        let mut request = DelegateRequest { link: self.links[&(case.at, to)].clone(), ..Default::default() };
        if self.random.one_in(3) {
            request.fields = Some(self.random.some(&FieldName::ALL));
        }
        let mut words = case.words.clone();
        for (said, marks) in
            [(&mut request.title, &mut words.title), (&mut request.description, &mut words.description)]
        {
            if self.random.one_in(4) {
                let mark = self.ledger.plant(case.at, "other words than the ticket's");
                (*said, *marks) = (Some(text(mark)), vec![mark]);
            }
        }
        if self.random.one_in(4) {
            let (mark, text) = self.plant(case.at, "a note to the partner");
            request.note = Some(text);
            words.description.push(mark);
        }
        let files = self.random.some(&case.files);
        request.files = files.iter().map(|(id, _)| id.clone()).collect();
        words.fields.retain(|(field, _)| {
            let chosen = request.fields.as_ref().is_none_or(|chosen| chosen.contains(field));
            let own = *field != FieldName::Contact || !case.foreign || case.words.onward;
            chosen && own && allowed(case.at, to).contains(field)
        });
        let delegation = self.actor(case.at, &[to]).delegate(&case.number, &request).await?;
        for mark in words.marks().chain(files.iter().flat_map(|(_, marks)| [marks[0], marks[1]])) {
            // What came from a partner may have been changed by it meanwhile.
            if case.foreign { self.ledger.allow(mark, to) } else { self.ledger.expect(mark, to) }
        }
        for (_, marks) in files.iter().filter(|_| names_travel(case.at, to)) {
            self.ledger.allow(marks[2], to);
        }
        self.cases[index].shared.push((to, delegation.id.clone()));
        self.allow_label(index, to);
        let (principal, contractor) = (case.at, to);
        self.handed.push(Handed {
            id: delegation.id,
            principal,
            contractor,
            case: index,
            words,
            taken: None,
        });
        Ok(())
    }

    async fn comment(&mut self) -> Result<(), Error> {
        let index = self.random.below(self.cases.len() as u64) as usize;
        let (audience, readers) = self.audience(index);
        let at = self.cases[index].at;
        let (mark, body) = self.plant(at, &format!("a comment for {audience}"));
        let request = CommentRequest { body, audience };
        let comment = self.actor(at, &readers).comment(&self.cases[index].number, &request).await?;
        for delivery in &comment.deliveries {
            let to = self.who(&delivery.partner);
            assert!(readers.contains(&to), "{comment:?} goes to somebody else");
            self.ledger.expect(mark, to);
        }
        Ok(())
    }

    async fn attach(&mut self) -> Result<(), Error> {
        let index = self.random.below(self.cases.len() as u64) as usize;
        let (audience, readers) = self.audience(index);
        let at = self.cases[index].at;
        let what = format!("a file for {audience}");
        let (name, content) = (self.plant(at, &what), self.plant(at, &what));
        let filler = self.random.bytes(3_000);
        std::fs::write(&self.file, [filler.as_slice(), content.1.as_bytes(), &filler].concat()).unwrap();
        let query = FileQuery { name: name.1, media: None, audience: Some(audience.to_string()) };
        let number = self.cases[index].number.clone();
        let client = self.actor(at, &readers);
        let person = self.ledger.newest();
        let file = client.attach(&number, &query, &self.file).await?;
        for delivery in &file.deliveries {
            let to = self.who(&delivery.partner);
            self.ledger.expect(name.0, to);
            self.ledger.expect(content.0, to);
        }
        self.cases[index].files.push((file.id, [name.0, content.0, person]));
        Ok(())
    }

    async fn set_status(&mut self) -> Result<(), Error> {
        let index = self.random.below(self.cases.len() as u64) as usize;
        let (mark, label) = self.plant(self.cases[index].at, "the label of a status");
        let readers: Vec<Who> = self.cases[index].shared.iter().map(|(who, _)| *who).collect();
        let request = TicketStatus { status: "waiting".to_owned(), label: Some(label) };
        let number = self.cases[index].number.clone();
        self.actor(self.cases[index].at, &readers).set_status(&number, &request).await?;
        self.relabel(index, mark);
        Ok(())
    }

    /// A random audience of a ticket, and who may read it.
    fn audience(&mut self, index: usize) -> (Audience, Vec<Who>) {
        let shared = self.cases[index].shared.clone();
        match self.random.below(4) {
            0 => (Audience::Internal, Vec::new()),
            1 => (Audience::Requester, Vec::new()),
            2 if !shared.is_empty() => {
                let (who, id) = self.random.pick(&shared).clone();
                (Audience::Delegations { ids: vec![id] }, vec![who])
            }
            _ => (Audience::Thread, shared.iter().map(|(who, _)| *who).collect()),
        }
    }

    /// A ticket has a new label; the partners of the ticket see it where the terms let the status travel.
    pub(super) fn relabel(&mut self, index: usize, mark: MarkNo) {
        self.cases[index].label = Some(mark);
        let readers: Vec<Who> = self.cases[index].shared.iter().map(|(who, _)| *who).collect();
        for reader in readers {
            self.allow_label(index, reader);
        }
    }

    fn allow_label(&mut self, index: usize, to: Who) {
        let case = &self.cases[index];
        if let Some(mark) = case.label
            && allowed(case.at, to).contains(&FieldName::Status)
        {
            self.ledger.allow(mark, to);
        }
    }

    /// The contractor's ticket: it holds what the offer said, and Acme may hand that on.
    pub(super) fn taken(&mut self, at: usize, number: String) -> usize {
        let handed = &mut self.handed[at];
        let place = self.cases.len();
        handed.taken = Some(place);
        let words = handed.words.clone();
        let shared = vec![(handed.principal, handed.id.clone())];
        let (foreign, at) = (true, handed.contractor);
        let case = Case { at, number, words, foreign, shared, ..Case::default() };
        self.cases.push(case);
        place
    }

    fn who(&self, partner: &str) -> Who {
        self.desks.iter().position(|desk| desk.name == partner).unwrap()
    }
}

pub(super) fn allowed(from: Who, to: Who) -> &'static [FieldName] {
    if from.max(to) == 1 { TO_BETA } else { TO_GAMMA }
}

fn names_travel(from: Who, to: Who) -> bool {
    from.max(to) == 2
}
