//! The play: what there is to act on, and one random action after the other.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use deskwire_api_types::{
    Audience, Contact, Custom, DelegateRequest, Equipment, FieldName, NewTicket, Priority, ServiceObject,
    TicketStatus,
};
use deskwire_client::{Client, Error};
use deskwire_tests::{desk::Desk, links::link_with, random::Random, world::World};

use super::{
    ROOM,
    case::{Case, Handed, Words},
    flow::{Agreed, Flow, Rules, Start, settle},
    ledger::{Ledger, MarkNo, Place, Who, text},
};

/// The play.
pub(super) struct Play<'a> {
    pub(super) desks: &'a [Desk],
    pub(super) random: Random,
    pub(super) ledger: Ledger,
    pub(super) rules: Rules,
    pub(super) cases: Vec<Case>,
    pub(super) handed: Vec<Handed>,
    pub(super) links: BTreeMap<(Who, Who), String>,
    pub(super) flows: Vec<Flow>,
    /// The words that took the place of others.
    pub(super) later: BTreeMap<MarkNo, MarkNo>,
    /// The content of the file of a name.
    pub(super) contents: BTreeMap<MarkNo, MarkNo>,
    pub(super) file: PathBuf,
    /// Where the cases and the delegations of this part of the play begin: earlier ones rest.
    pub(super) begun: (usize, usize),
    /// The case that the marks planted now belong to.
    pub(super) root: Option<usize>,
    /// Whose people acted last.
    acting: Who,
    /// What they did.
    doing: &'static str,
    done: BTreeMap<&'static str, u32>,
}

/// What a random action is, and how often out of a hundred.
const ACTS: &[(&str, u64)] = &[
    ("new", 9),
    ("delegate", 13),
    ("comment", 17),
    ("edit", 7),
    ("take back", 4),
    ("share", 4),
    ("relay", 5),
    ("file", 4),
    ("status", 4),
    ("work", 6),
    ("look", 3),
    ("link", 3),
    ("action", 21),
];

impl<'a> Play<'a> {
    pub(super) async fn new(desks: &'a [Desk], agreed: [Agreed; 3], ledger: Ledger, world: &World) -> Self {
        let (mut links, mut relays) = (BTreeMap::new(), BTreeMap::new());
        for at in 0..desks.len() {
            for to in neighbours(at) {
                links.insert((at, to), link_with(&desks[at], &desks[to].name).await.name);
                relays.insert((at, to), Default::default());
            }
        }
        let (ever_named, ever_signed) = (BTreeSet::new(), BTreeSet::new());
        let rules =
            Rules { agreed, relays, ever_named, ever_signed, mapped: BTreeSet::new(), labels: Vec::new() };
        Self {
            desks,
            random: world.random(),
            ledger,
            rules,
            cases: Vec::new(),
            handed: Vec::new(),
            links,
            flows: Vec::new(),
            later: BTreeMap::new(),
            contents: BTreeMap::new(),
            file: world.path("content"),
            begun: (0, 0),
            root: None,
            acting: 0,
            doing: "",
            done: BTreeMap::new(),
        }
    }

    /// One random action.
    pub(super) async fn act(&mut self) {
        self.root = None;
        let mut drawn = self.random.below(ACTS.iter().map(|(_, weight)| weight).sum());
        let chosen = ACTS.iter().find(|(_, weight)| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        let what = if self.cases.len() < self.begun.0 + 4 { "new" } else { chosen.unwrap().0 };
        self.doing = what;
        let outcome = match what {
            "new" => self.new_ticket().await,
            "delegate" => self.delegate().await,
            "comment" => self.comment().await,
            "edit" => self.edit().await,
            "take back" => self.take_back().await,
            "share" => self.share().await,
            "relay" => self.relay().await,
            "file" => self.attach().await,
            "status" => self.set_status().await,
            "work" => self.work().await,
            "look" => self.look().await,
            "link" => self.link().await,
            _ => self.action().await,
        };
        self.note(what, outcome);
    }

    /// Notes how an action went. What is refused must not say what nobody there may know.
    pub(super) fn note(&mut self, what: &'static str, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => *self.done.entry(what).or_default() += 1,
            Err(Error::Refused(problem)) if problem.status < 500 => {
                let words = serde_json::to_vec(&problem).unwrap();
                self.ledger.search(Place::Own(self.acting, "a refusal"), &words);
                *self.done.entry("refused").or_default() += 1;
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }

    pub(super) fn done(&self) -> &BTreeMap<&'static str, u32> {
        &self.done
    }

    /// All is at rest: allows what the relays may have carried on, and compares.
    pub(super) fn judge(&mut self) {
        let flows = std::mem::take(&mut self.flows);
        settle(&mut self.ledger, &flows, (&self.cases, &self.handed), &self.rules);
        self.flows = flows;
        for name in 0..self.desks.len() {
            for who in self.rules.know(name) {
                self.ledger.allow(name as MarkNo, who);
            }
        }
        self.ledger.judge();
    }

    /// Begins another part of the play, with other cases.
    pub(super) fn turn_page(&mut self) {
        self.flows.clear();
        self.later.clear();
        self.begun = (self.cases.len(), self.handed.len());
    }

    /// Plants a mark; its number and its text.
    pub(super) fn plant(&mut self, who: Who, what: impl Into<Cow<'static, str>>) -> (MarkNo, String) {
        let number = self.ledger.plant(who, self.root, what);
        (number, text(number))
    }

    /// A client for somebody whose name is a mark. It may reach those to whom names travel.
    pub(super) fn actor(&mut self, who: Who, readers: &[Who]) -> (Client, MarkNo) {
        let (mark, name) = self.plant(who, format!("the name of an acting person ({})", self.doing));
        self.acting = who;
        for reader in readers.iter().filter(|reader| self.rules.agreed(who, **reader).names) {
            self.ledger.allow(mark, *reader);
        }
        (self.desks[who].client().clone().acting_as(&name), mark)
    }

    /// One of the cases of this part of the play.
    pub(super) fn case(&mut self) -> usize {
        let index = self.begun.0 + self.random.below((self.cases.len() - self.begun.0) as u64) as usize;
        self.root = Some(self.cases[index].root);
        index
    }

    /// One of the delegations of this part of the play.
    pub(super) fn one_handed(&mut self) -> Option<usize> {
        let count = (self.handed.len() - self.begun.1) as u64;
        let at = (count > 0).then(|| self.begun.1 + self.random.below(count) as usize)?;
        self.root = Some(self.cases[self.handed[at].case].root);
        Some(at)
    }

    pub(super) fn flow(&mut self, from: Who, marks: &[MarkNo], people: &[MarkNo], starts: Vec<Start>) {
        for start in starts {
            let people = people.iter().map(|mark| (*mark, true));
            for (mark, person) in marks.iter().map(|mark| (*mark, false)).chain(people) {
                self.flows.push(Flow { mark, person, from, start: start.clone() });
            }
        }
    }

    async fn new_ticket(&mut self) -> Result<(), Error> {
        let at = self.random.below(self.desks.len() as u64) as Who;
        let root = self.cases.len();
        self.root = Some(root);
        let onward = self.random.one_in(2);
        let mut fields = Vec::new();
        let mut field = |play: &mut Self, name: FieldName| {
            let (mark, text) = play.plant(at, format!("the field {}", name.as_str()));
            fields.push((name, mark, name != FieldName::Contact || onward));
            text
        };
        let requester = Contact {
            name: field(self, FieldName::Contact),
            email: Some(field(self, FieldName::Contact)),
            phone: Some(field(self, FieldName::Contact)),
            onward,
        };
        let object = ServiceObject {
            name: field(self, FieldName::Object),
            address: Some(field(self, FieldName::Object)),
            coordinates: None,
        };
        let equipment = Equipment {
            kind: Some(field(self, FieldName::Equipment)),
            maker: Some(field(self, FieldName::Equipment)),
            model: Some(field(self, FieldName::Equipment)),
            serial: Some(field(self, FieldName::Equipment)),
            inventory: Some(field(self, FieldName::Equipment)),
        };
        let (company, agreement) = (field(self, FieldName::Company), field(self, FieldName::Agreement));
        let category = field(self, FieldName::Category);
        let room = Custom { key: ROOM.to_owned(), value: field(self, FieldName::Custom) };
        let locker =
            Custom { key: "locker".to_owned(), value: self.plant(at, "a field that no terms have").1 };
        let (title, description) = (self.plant(at, "a title"), self.plant(at, "a description"));
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
            custom: vec![room, locker],
        };
        let number = self.actor(at, &[]).0.new_ticket(&ticket).await?.number;
        let words = Words { title: vec![title.0], description: vec![description.0], fields };
        self.cases.push(Case { at, number, words, root, ..Case::default() });
        Ok(())
    }

    async fn delegate(&mut self) -> Result<(), Error> {
        let index = self.case();
        let case = self.cases[index].clone();
        let to = *self.random.pick(&neighbours(case.at));
        let link = self.links[&(case.at, to)].clone();
        let mut request = DelegateRequest { link, anyway: true, ..Default::default() };
        if self.random.one_in(3) {
            request.fields = Some(self.random.some(&FieldName::ALL));
        }
        let mut words = case.words.clone();
        for (said, marks) in
            [(&mut request.title, &mut words.title), (&mut request.description, &mut words.description)]
        {
            if self.random.one_in(4) {
                let mark = self.ledger.plant(case.at, self.root, "other words than the ticket's");
                (*said, *marks) = (Some(text(mark)), vec![mark]);
            }
        }
        if self.random.one_in(4) {
            let (mark, text) = self.plant(case.at, "a note to the partner");
            request.note = Some(text);
            words.description.push(mark);
        }
        let files: Vec<_> = (0..case.said.len()).filter(|place| case.said[*place].file).collect();
        let files = self.random.some(&files);
        request.files = files.iter().map(|place| case.said[*place].id.clone()).collect();
        words.fields.retain(|(field, _, onward)| {
            let chosen = request.fields.as_ref().is_none_or(|chosen| chosen.contains(field));
            let unmapped = *field == FieldName::Category && self.rules.mapped.contains(&(case.at, to));
            let fits = chosen && self.rules.travels(case.at, to, *field);
            fits && (case.foreign && *onward || !case.foreign && !unmapped)
        });
        let delegation = self.actor(case.at, &[to]).0.delegate(&case.number, &request).await?;
        for mark in words.marks() {
            // What came from a partner may have been changed by it meanwhile.
            if case.foreign { self.ledger.allow(mark, to) } else { self.ledger.expect(mark, to) }
        }
        let place = self.handed.len();
        for said in &files {
            let file = &case.said[*said];
            file.marks.iter().for_each(|mark| self.ledger.expect(*mark, to));
            self.flow(case.at, &file.marks, &file.people, vec![Start::Over(place, false)]);
        }
        self.cases[index].shared.push((to, place));
        let (principal, contractor) = (case.at, to);
        let id = delegation.id;
        self.handed.push(Handed { id, principal, contractor, case: index, words, taken: None });
        self.allow_label(index, to);
        Ok(())
    }

    async fn set_status(&mut self) -> Result<(), Error> {
        let index = self.case();
        let at = self.cases[index].at;
        let (mark, label) = self.plant(at, "the label of a status");
        let own = self.random.one_in(2).then(|| self.plant(at, "the code of an own status"));
        let readers = self.readers(index);
        let code = own.as_ref().map_or_else(|| "waiting".to_owned(), |(_, code)| code.clone());
        let request = TicketStatus { status: code, label: Some(label) };
        let number = self.cases[index].number.clone();
        self.actor(at, &readers).0.set_status(&number, &request).await?;
        self.cases[index].code = own.map(|(code, _)| code);
        self.relabel(index, mark);
        Ok(())
    }

    /// Looks at a case as the people of its desk do: nothing may be there that they may not know.
    async fn look(&mut self) -> Result<(), Error> {
        let index = self.case();
        let case = &self.cases[index];
        let shown = serde_json::to_vec(&self.desks[case.at].client().ticket(&case.number).await?).unwrap();
        self.ledger.search(Place::Own(case.at, "what is shown"), &shown);
        Ok(())
    }

    /// A random audience of a ticket.
    pub(super) fn audience(&mut self, index: usize) -> Audience {
        let shared = &self.cases[index].shared;
        match self.random.below(4) {
            0 => Audience::Internal,
            1 => Audience::Requester,
            2 if !shared.is_empty() => {
                let (_, at) = *self.random.pick(shared);
                Audience::Delegations { ids: vec![self.handed[at].id.clone()] }
            }
            _ => Audience::Thread,
        }
    }

    pub(super) fn readers(&self, index: usize) -> Vec<Who> {
        self.cases[index].shared.iter().map(|(who, _)| *who).collect()
    }

    /// A ticket has a new label; the partners of the ticket see it where the terms let the status travel.
    pub(super) fn relabel(&mut self, index: usize, mark: MarkNo) {
        self.cases[index].label = Some(mark);
        for reader in self.readers(index) {
            self.allow_label(index, reader);
        }
    }

    pub(super) fn allow_label(&mut self, index: usize, to: Who) {
        let case = &self.cases[index];
        let (label, code) = (case.label, case.code);
        if self.rules.travels(case.at, to, FieldName::Status) {
            let code = code.filter(|_| !self.rules.mapped.contains(&(case.at, to)));
            label.into_iter().chain(code).for_each(|mark| self.ledger.allow(mark, to));
        }
    }

    /// The contractor's ticket: it holds what the offer said, and its desk may hand that on.
    pub(super) fn taken(&mut self, at: usize, number: String) -> usize {
        let place = self.cases.len();
        let root = self.cases[self.handed[at].case].root;
        let handed = &mut self.handed[at];
        handed.taken = Some(place);
        let words = handed.words.clone();
        let shared = vec![(handed.principal, at)];
        let (foreign, at) = (true, handed.contractor);
        self.cases.push(Case { at, number, words, foreign, root, shared, ..Case::default() });
        place
    }

    pub(super) fn who(&self, partner: &str) -> Who {
        self.desks.iter().position(|desk| desk.name == partner).unwrap()
    }
}

/// The desks with which one has a link.
pub(super) fn neighbours(at: Who) -> Vec<Who> {
    [at.checked_sub(1), Some(at + 1).filter(|who| *who < 4)].into_iter().flatten().collect()
}
