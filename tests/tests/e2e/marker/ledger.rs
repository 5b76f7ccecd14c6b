//! Which planted text may be where, and what was found where.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use deskwire_tests::recorder;

/// A desk of the play, by its place in the chain: Shop, Acme, Kassa, Petrov.
pub(super) type Who = usize;

/// The number of a planted text.
pub(super) type MarkNo = u32;

/// The names of the parts, for messages; the desks themselves are called otherwise.
pub(super) const PARTS: [&str; 4] = ["Shop", "Acme", "Kassa", "Petrov"];

/// One planted text.
struct Mark {
    what: Cow<'static, str>,
    owner: Who,
    /// The case at the top of the chain to which it belongs; nothing for what belongs to a link or a desk.
    root: Option<usize>,
    may: u8,
    must: u8,
    reached: u8,
}

/// Where bytes were captured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Between two desks, in one direction.
    Way(Who, Who),
    /// What a desk tells its own people: answers, problems, files on its disk, backups.
    Own(Who, &'static str),
    /// What anybody may read who looks after the machine: logs, figures.
    Operator(Who, &'static str),
    /// A proof file of a delegation of this case, which the two desks give to a third; whether of other cases even the
    /// facts are left out.
    Proof(Who, Who, usize, bool),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Way(from, to) => write!(f, "{} -> {}", PARTS[from], PARTS[to]),
            Self::Own(who, what) | Self::Operator(who, what) => write!(f, "{what} of {}", PARTS[who]),
            Self::Proof(one, other, ..) => write!(f, "a proof of {} and {}", PARTS[one], PARTS[other]),
        }
    }
}

/// All planted texts, by their numbers, and what was found.
#[derive(Default)]
pub(super) struct Ledger {
    marks: Vec<Mark>,
    found: BTreeSet<(Place, MarkNo)>,
    wrongs: Vec<String>,
    /// Names of links and desks, which operators read.
    operators: BTreeSet<MarkNo>,
    /// How many bytes were searched.
    pub(super) searched: u64,
}

impl Ledger {
    /// A new text, which so far belongs to its owner alone.
    pub(super) fn plant(
        &mut self,
        owner: Who,
        root: Option<usize>,
        what: impl Into<Cow<'static, str>>,
    ) -> MarkNo {
        let number = self.marks.len() as MarkNo;
        self.marks.push(Mark { what: what.into(), owner, root, may: 1 << owner, must: 0, reached: 0 });
        number
    }

    /// The number planted last.
    pub(super) fn newest(&self) -> MarkNo {
        self.marks.len() as MarkNo - 1
    }

    /// Whether it is the name of a person.
    pub(super) fn is_person(&self, number: MarkNo) -> bool {
        self.marks[number as usize].what.contains("person")
    }

    /// Somebody may learn it.
    pub(super) fn allow(&mut self, number: MarkNo, to: Who) {
        self.marks[number as usize].may |= 1 << to;
    }

    /// Somebody has to learn it.
    pub(super) fn expect(&mut self, number: MarkNo, to: Who) {
        self.allow(number, to);
        self.marks[number as usize].must |= 1 << to;
    }

    /// It was taken back, perhaps before it left.
    pub(super) fn forgive(&mut self, number: MarkNo) {
        self.marks[number as usize].must = 0;
    }

    /// Operators may read it: the name of a desk or a link.
    pub(super) fn for_operators(&mut self, number: MarkNo) {
        self.operators.insert(number);
    }

    /// Searches captured bytes.
    pub(super) fn search(&mut self, place: Place, bytes: &[u8]) {
        self.searched += bytes.len() as u64;
        for number in recorder::marks(bytes) {
            self.found.insert((place, number));
        }
    }

    /// Compares what was found since the last time with what may be there. To be called when all is at rest and every
    /// permission is known.
    pub(super) fn judge(&mut self) {
        for (place, number) in std::mem::take(&mut self.found) {
            let Some(mark) = self.marks.get_mut(number as usize) else {
                self.wrongs.push(format!("{place}: a mark that was never planted ({number})"));
                continue;
            };
            let knows = |who: Who| mark.may & (1 << who) != 0;
            let right = match place {
                Place::Way(from, to) => {
                    mark.reached |= 1 << to;
                    knows(from) && knows(to)
                }
                Place::Own(who, _) => knows(who),
                Place::Operator(who, _) => knows(who) && self.operators.contains(&number),
                Place::Proof(one, other, root, bare) => {
                    let fact =
                        !bare && ["label", "code", "category"].iter().any(|fact| mark.what.contains(fact));
                    knows(one) && knows(other) && (fact || mark.root.is_none_or(|own| own == root))
                }
            };
            if !right {
                let owner = PARTS[mark.owner];
                self.wrongs.push(format!("{place}: {} of {owner} ({number})", mark.what));
            }
        }
    }

    /// Everything that was where it must not be, or did not reach whom it must.
    pub(super) fn wrongs(&mut self) -> Vec<String> {
        self.judge();
        let mut wrongs = std::mem::take(&mut self.wrongs);
        for (number, mark) in self.marks.iter().enumerate() {
            for to in (0..PARTS.len()).filter(|to| mark.must & !mark.reached & (1 << to) != 0) {
                let (what, owner) = (&mark.what, PARTS[mark.owner]);
                wrongs.push(format!("{what} of {owner} never reached {} ({number})", PARTS[to]));
            }
        }
        wrongs
    }

    /// How many wrongs are known so far.
    pub(super) fn known(&self) -> &[String] {
        &self.wrongs
    }

    /// How many texts there are, how many must have reached a partner, and how many must not have left.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let open = self.marks.iter().filter(|mark| mark.must != 0).count();
        (self.marks.len(), open, self.marks.iter().filter(|mark| mark.may.count_ones() == 1).count())
    }
}

/// The text of a mark.
pub(super) fn text(number: MarkNo) -> String {
    recorder::mark(number)
}
