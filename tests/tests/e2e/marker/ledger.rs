//! Which planted text may reach whom, and which must have.

use std::collections::BTreeSet;

use deskwire_tests::recorder;

/// A desk of the play: 0 is Acme in the middle, 1 Beta and 2 Gamma are its partners.
pub(super) type Who = usize;

/// One planted text.
struct Mark {
    what: String,
    owner: Who,
    may: BTreeSet<Who>,
    must: BTreeSet<Who>,
}

/// All planted texts, by their numbers.
#[derive(Default)]
pub(super) struct Ledger(Vec<Mark>);

/// The number of a planted text.
pub(super) type MarkNo = u32;

impl Ledger {
    /// A new text, which so far belongs to its owner alone.
    pub(super) fn plant(&mut self, owner: Who, what: impl Into<String>) -> MarkNo {
        let number = self.0.len() as MarkNo;
        self.0.push(Mark { what: what.into(), owner, may: [owner].into(), must: BTreeSet::new() });
        number
    }

    /// The number planted last.
    pub(super) fn newest(&self) -> MarkNo {
        self.0.len() as MarkNo - 1
    }

    /// Somebody may learn it.
    pub(super) fn allow(&mut self, number: MarkNo, to: Who) {
        self.0[number as usize].may.insert(to);
    }

    /// Somebody has to learn it.
    pub(super) fn expect(&mut self, number: MarkNo, to: Who) {
        self.allow(number, to);
        self.0[number as usize].must.insert(to);
    }

    /// Everything that reached whom it must not, or did not reach whom it must.
    pub(super) fn wrongs(&self, sent: &Sent, names: &[&str]) -> Vec<String> {
        let mut wrongs = Vec::new();
        for (from, to) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
            for number in &sent.marks[from][to] {
                let way = format!("{} -> {}", names[from], names[to]);
                match self.0.get(*number as usize) {
                    Some(mark) if mark.may.contains(&to) => {}
                    Some(mark) => {
                        wrongs.push(format!("{way}: {} of {} ({number})", mark.what, names[mark.owner]));
                    }
                    None => wrongs.push(format!("{way}: a mark that was never planted ({number})")),
                }
            }
        }
        for (number, mark) in self.0.iter().enumerate() {
            for to in &mark.must {
                if !(0..3).any(|from| sent.marks[from][*to].contains(&(number as MarkNo))) {
                    wrongs.push(format!(
                        "{} was never seen on the way to {} ({number})",
                        mark.what, names[*to]
                    ));
                }
            }
        }
        wrongs
    }

    /// How many texts must have reached a partner, and how many must not have left.
    pub(super) fn counts(&self) -> (usize, usize) {
        let open = self.0.iter().filter(|mark| !mark.must.is_empty()).count();
        (open, self.0.iter().filter(|mark| mark.may.len() == 1).count())
    }
}

/// The text of a mark.
pub(super) fn text(number: MarkNo) -> String {
    recorder::mark(number)
}

/// The marks in the bytes that went from one desk to another.
#[derive(Default)]
pub(super) struct Sent {
    marks: [[BTreeSet<MarkNo>; 3]; 3],
}

impl Sent {
    /// Adds what one desk sent to another.
    pub(super) fn add(&mut self, from: Who, to: Who, bytes: &[u8]) {
        self.marks[from][to].extend(recorder::marks(bytes));
    }
}
