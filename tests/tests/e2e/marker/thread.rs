//! What people say: comments and files, new words, taken back, shared with others, and let go onward.

use deskwire_api_types::{
    Audience, AudienceChange, CommentEdit, CommentRequest, Delivery, FileQuery, RelayChoice, RelayQuery,
    TakeBack, ThreadEntry,
};
use deskwire_client::Error;
use deskwire_tests::recorder::marks;

use super::{case::Said, flow::Start, ledger::MarkNo, play::Play};

impl Play<'_> {
    pub(super) async fn comment(&mut self) -> Result<(), Error> {
        let index = self.case();
        let audience = self.audience(index);
        let at = self.cases[index].at;
        let (mark, body) = self.plant(at, format!("a comment for {}", short(&audience)));
        let request = CommentRequest { body, audience: audience.clone() };
        let (client, person) = self.actor(at, &[]);
        let comment = client.comment(&self.cases[index].number, &request).await?;
        self.said(index, &audience, &[mark], &[person]);
        self.arrives(&comment.deliveries, &[mark]);
        let marks = vec![mark];
        let (audiences, people) = (vec![audience], vec![person]);
        self.cases[index].said.push(Said { id: comment.id, file: false, marks, people, audiences });
        Ok(())
    }

    pub(super) async fn attach(&mut self) -> Result<(), Error> {
        let index = self.case();
        let audience = self.audience(index);
        let at = self.cases[index].at;
        let what = format!("a file for {}", short(&audience));
        let (name, content) = (self.plant(at, what.clone()), self.plant(at, what));
        let filler = self.random.bytes(300);
        std::fs::write(&self.file, [filler.as_slice(), content.1.as_bytes(), &filler].concat()).unwrap();
        let query = FileQuery { name: name.1, media: None, audience: Some(audience.to_string()) };
        let number = self.cases[index].number.clone();
        let (client, person) = self.actor(at, &[]);
        let file = client.attach(&number, &query, &self.file).await?;
        let marks = vec![name.0, content.0];
        self.contents.insert(name.0, content.0);
        self.said(index, &audience, &marks, &[person]);
        self.arrives(&file.deliveries, &marks);
        let (id, audiences, people) = (file.id, vec![audience], vec![person]);
        self.cases[index].said.push(Said { id, file: true, marks, people, audiences });
        Ok(())
    }

    /// New words: whoever has the old ones gets them.
    pub(super) async fn edit(&mut self) -> Result<(), Error> {
        let Some((index, place)) = self.one_said(false) else { return Ok(()) };
        let (at, said) = (self.cases[index].at, self.cases[index].said[place].clone());
        let (mark, body) = self.plant(at, "new words of a comment");
        let (client, person) = self.actor(at, &[]);
        let number = self.cases[index].number.clone();
        client.edit_comment(&number, &said.id, &CommentEdit { body }).await?;
        for audience in &said.audiences {
            self.said(index, audience, &[mark], &[said.people.as_slice(), &[person]].concat());
        }
        if !said.audiences.is_empty() {
            self.later.insert(said.marks[0], mark);
        }
        // The old words may not have left yet.
        self.ledger.forgive(said.marks[0]);
        self.cases[index].said[place].marks = vec![mark];
        self.cases[index].said[place].people.push(person);
        Ok(())
    }

    /// Takes a comment or a file back, or makes it internal.
    pub(super) async fn take_back(&mut self) -> Result<(), Error> {
        let file = self.random.one_in(4);
        let Some((index, place)) = self.one_said(file) else { return Ok(()) };
        let (at, said) = (self.cases[index].at, self.cases[index].said[place].clone());
        let how = TakeBack { keep: self.random.one_in(2) };
        let readers = self.readers(index);
        let client = self.actor(at, &readers).0;
        let number = self.cases[index].number.clone();
        said.marks.iter().for_each(|mark| self.ledger.forgive(*mark));
        if said.file {
            client.retract_file(&said.id, &how).await?;
        } else {
            client.retract(&number, &said.id, &how).await?;
        }
        self.cases[index].said[place].audiences.clear();
        Ok(())
    }

    /// Lets others read what was said: its newest words, never the ones before (case 95).
    pub(super) async fn share(&mut self) -> Result<(), Error> {
        let file = self.random.one_in(4);
        let Some((index, place)) = self.one_said(file) else { return Ok(()) };
        let (at, said) = (self.cases[index].at, self.cases[index].said[place].clone());
        let audience = self.audience(index);
        let to = AudienceChange { audience: audience.clone() };
        let client = self.actor(at, &[]).0;
        let number = self.cases[index].number.clone();
        if said.file {
            client.share_file(&said.id, &to).await?;
        } else {
            client.share(&number, &said.id, &to).await?;
        }
        let person = self.ledger.newest();
        self.said(index, &audience, &said.marks, &[said.people.as_slice(), &[person]].concat());
        self.cases[index].said[place].audiences.push(audience);
        Ok(())
    }

    /// Looks at what waits at a desk in the middle, and lets something go onward or not.
    pub(super) async fn relay(&mut self) -> Result<(), Error> {
        let at = 1 + self.random.below(2) as usize;
        let client = self.desks[at].client().clone();
        let waiting = client.relays(&RelayQuery { ticket: None, limit: Some(20) }).await?.relays;
        let known: Vec<_> =
            waiting.iter().filter_map(|waits| Some((waits, self.place(&waits.delegation)?))).collect();
        if known.is_empty() {
            return Ok(());
        }
        let (waits, onto) = *self.random.pick(&known);
        let root = self.cases[self.handed[onto].case].root;
        self.root = Some(root);
        let (ticket, item) = (waits.ticket.clone(), waits.item.clone());
        let choice = RelayChoice { ticket: ticket.clone(), item, delegation: Some(waits.delegation.clone()) };
        let client = self.actor(at, &[]).0;
        if self.random.one_in(4) {
            return client.skip_relay(&choice).await.map(drop);
        }
        let preview = client.preview_relay(&choice).await?;
        let thread = client.ticket(&ticket).await?.thread;
        let found: Vec<MarkNo> = thread.iter().flat_map(|entry| words_of(entry, &choice.item)).collect();
        let shown = marks(serde_json::to_string(&preview).unwrap().as_bytes());
        client.approve_relay(&choice).await?;
        for mark in found.into_iter().chain(shown) {
            let person = self.ledger.is_person(mark);
            let mut mark = Some(mark);
            while let Some(one) = mark {
                let content = self.contents.get(&one).copied();
                let all: Vec<MarkNo> = [one].into_iter().chain(content).collect();
                let (words, people) = if person { (&[][..], &all[..]) } else { (&all[..], &[][..]) };
                self.flow(at, words, people, vec![Start::Over(onto, true)]);
                mark = self.later.get(&one).copied();
            }
        }
        Ok(())
    }

    fn said(&mut self, index: usize, audience: &Audience, marks: &[MarkNo], people: &[MarkNo]) {
        let starts = Start::of(audience, index, &self.handed);
        self.flow(self.cases[index].at, marks, people, starts);
    }

    fn arrives(&mut self, deliveries: &[Delivery], marks: &[MarkNo]) {
        for delivery in deliveries {
            let to = self.who(&delivery.partner);
            marks.iter().for_each(|mark| self.ledger.expect(*mark, to));
        }
    }

    fn one_said(&mut self, file: bool) -> Option<(usize, usize)> {
        let index = self.case();
        let said = &self.cases[index].said;
        let fit: Vec<_> = (0..said.len()).filter(|place| said[*place].file == file).collect();
        (!fit.is_empty()).then(|| (index, *self.random.pick(&fit)))
    }

    /// The place of a delegation of this part of the play.
    fn place(&self, id: &str) -> Option<usize> {
        (self.begun.1..self.handed.len()).find(|at| self.handed[*at].id == id)
    }
}

fn words_of(entry: &ThreadEntry, item: &str) -> Vec<MarkNo> {
    let words = match entry {
        ThreadEntry::Comment(comment) if comment.id == item => comment.body.clone(),
        ThreadEntry::File(file) if file.id == item => Some(file.name.clone()),
        ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
    };
    words.map(|words| marks(words.as_bytes()).into_iter().collect()).unwrap_or_default()
}

fn short(audience: &Audience) -> &'static str {
    match audience {
        Audience::Internal => "internal",
        Audience::Requester => "requester",
        Audience::Thread => "thread",
        Audience::Delegations { .. } => "one delegation",
    }
}
