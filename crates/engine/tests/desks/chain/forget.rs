//! Where a text could hide from its erasure, and what keeps an erasure from coming to its end: each a way in which somebody
//! would be told that they are forgotten while they are not.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::closing::{End, Suspend};
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::erase::Erase;
use deskwire_engine::command::privacy::{ApplyErased, AskAgain};
use deskwire_engine::command::queue::{DropItems, Park, Retry, Target};
use deskwire_engine::command::relay::Approve;
use deskwire_engine::command::tick::Tick;
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::custody::{ErasedLine, ExpiredTexts, Listed, expired_texts};
use deskwire_engine::query::{
    self, ErasureState, ErasureWork, Person, QueueFilter, erasure_work, erasures, find_case, find_person,
};
use deskwire_engine::{Fault, Keyed};
use deskwire_machine::relay::Mode;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Audience, NoText};
use deskwire_proto::message::{Body, comment_add, erase};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Label;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::Subject;
use deskwire_store::table::{DELEGATIONS, Rows, WAITING};

use super::erase::{
    CASE, MARKER, code, erase_case, is_gone, look, look_everywhere, order, personal, state, traces,
};
use super::onward::waits;
use super::{Chain, THREAD, recovered};
use crate::harness::{because, person, prose};

fn marked() -> Person {
    Person::new(&[MARKER.to_owned()]).unwrap()
}

fn comment(words: &str) -> Body {
    let facts = comment_add::Facts { audience: Audience::Thread };
    let text = comment_add::Text { by: None, body: prose(words), proof: None, origin: None, relayed: None };
    Body::CommentAdd { facts, text }
}

/// What was dropped from the queue never left, but its words are in the journal as often as it was to go to somebody.
#[test]
fn what_was_dropped_before_it_left_goes_with_what_it_carried() {
    let mut chain = Chain::case(2, &Terms::default());
    chain.cut = vec![0];
    chain.say(0, &format!("{MARKER} called"), THREAD);
    let target = Target::Link(chain.link_of(0, 1));
    let dropped = chain.desks[0].run(DropItems { target, by: person("Anna") }).unwrap();
    assert_eq!(dropped.count, 1);
    chain.cut.clear();
    let found = find_case(&chain.reader(0), CASE).unwrap();
    order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
    look_everywhere(&mut chain);
    is_gone(&chain);
}

/// Whoever empties the queue must not make an erasure wait for an answer that can never come.
#[test]
fn nobody_drops_a_request_from_the_queue() {
    let mut chain = personal();
    chain.cut = vec![0];
    let erasure = erase_case(&mut chain, 0);
    let link = chain.link_of(0, 1);
    let all = DropItems { target: Target::Link(link), by: person("Anna") };
    assert_eq!(chain.desks[0].run(all).unwrap().count, 0);
    let (_, waiting) = chain.desks[0].rows().list(WAITING, &link, 1).unwrap().remove(0);
    let one = DropItems { target: Target::Item(waiting.item), by: person("Anna") };
    assert_eq!(chain.desks[0].run(one).unwrap_err().code, "erasure-owed");
    chain.cut.clear();
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    is_gone(&chain);
}

/// A partner that is away for two months is asked when it comes back, and an answer is not given up either.
#[test]
fn neither_a_request_nor_its_answer_is_given_up_after_thirty_days() {
    for away in [0, 1] {
        let mut chain = personal();
        chain.cut = vec![away];
        let erasure = erase_case(&mut chain, 0);
        look_everywhere(&mut chain);
        for _ in 0..32 * 24 {
            for desk in &mut chain.desks {
                desk.now = desk.now.plus(60 * 60 * 1_000);
                desk.run(Tick).unwrap();
            }
        }
        chain.cut.clear();
        look_everywhere(&mut chain);
        assert_eq!(state(&chain, 0, erasure), ErasureState::Done, "{away} away");
        is_gone(&chain);
    }
}

/// Between the order and the moment at which the disk is rewritten nobody may hand the text to somebody else.
#[test]
fn what_is_being_erased_goes_onward_to_nobody() {
    let mut chain = personal_waiting();
    let found = find_case(&chain.reader(0), CASE).unwrap();
    order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
    look(&mut chain, 0);
    chain.settle();
    let waiting = waits(&chain, 1);
    assert!(!waiting.is_empty());
    for work in erasure_work(&chain.reader(1), &mut || false).unwrap() {
        let ErasureWork::Carry(work) = work else { continue };
        chain.desks[1].run(*work).unwrap();
    }
    for restarted in [false, true] {
        if restarted {
            let desk = chain.desks.remove(1);
            chain.desks.insert(1, desk.restart());
        }
        for one in &waiting {
            let _ = chain.desks[1].run(Approve(*one));
        }
    }
    look_everywhere(&mut chain);
    assert!(!chain.reached(2, MARKER));
    is_gone(&chain);
}

/// A case of three desks, where a comment of the first waits at the second for somebody to let it go on.
fn personal_waiting() -> Chain {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay(1, 2, Mode::Click, false);
    chain.say(0, &format!("{MARKER} called"), THREAD);
    chain.settle();
    chain
}

/// A case that came back to where it began: every desk waits for the next one, and nobody would ever answer.
#[test]
fn an_erasure_that_runs_in_a_circle_comes_to_its_end() {
    let mut chain = Chain::of(3, &Terms::default());
    chain.link(2, 0, Terms::default());
    chain.desks[0].ticket(&format!("{MARKER} cannot print"));
    chain.relay_all(false);
    chain.hand_down();
    chain.hand_over(2, 1, 0).unwrap();
    chain.settle();
    assert_eq!(chain.tickets(0), 2, "it came back");
    chain.say(0, &format!("{MARKER} called"), THREAD);
    chain.settle();
    let found = find_case(&chain.reader(0), CASE).unwrap();
    let erasure = order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
    look_everywhere(&mut chain);
    is_gone(&chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
}

#[test]
fn a_person_in_the_words_of_a_status_is_found() {
    let mut chain = Chain::case(2, &Terms::default());
    let label = Some(Label::new(format!("Waits for {MARKER}")).unwrap());
    // Of one that no partner is told of: what is told stands in signed facts.
    let ticket = chain.desks[1].ticket("An own one");
    let status = SetStatus { ticket, status: code("waiting"), label, by: person("Boris") };
    chain.desks[1].run(status).unwrap();
    let found = find_person(&chain.reader(1), &marked(), &[]).unwrap();
    order(&mut chain, 1, Subject::Person, found, true).unwrap();
    look(&mut chain, 1);
    let found: Vec<_> = traces(&chain.desks[1]);
    assert_eq!(found, Vec::<String>::new());
}

/// What operators say to each other about a link stands on no ticket, and names people all the same.
#[test]
fn a_person_in_what_was_said_about_a_link_is_found() {
    let mut chain = Chain::case(2, &Terms::default());
    let link = chain.link_of(0, 1);
    let (reason, by) = (prose(&format!("{MARKER} is ill.")), person("Anna"));
    chain.desks[0].run(Suspend { link, until: None, reason, by }).unwrap();
    chain.settle();
    assert!(!traces(&chain.desks[1]).is_empty());
    let found = find_person(&chain.reader(0), &marked(), &[]).unwrap();
    let erasure = order(&mut chain, 0, Subject::Person, found, true).unwrap();
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    is_gone(&chain);
}

/// Who parked or dropped something is a person too, and is shown until it is to be forgotten.
#[test]
fn whoever_parked_or_dropped_something_is_named_until_that_is_erased() {
    let mut chain = Chain::case(2, &Terms::default());
    chain.cut = vec![0];
    chain.say(0, "An apple", THREAD);
    chain.say(0, "A pear", THREAD);
    chain.act(0, 1, Action::Recall(because("A plum"))).unwrap();
    let link = chain.link_of(0, 1);
    let items = chain.desks[0].rows().list(WAITING, &link, 9).unwrap();
    let target = |place: usize| Target::Item(items[place].1.item);
    for place in [0, 2] {
        chain.desks[0].run(Park { target: target(place), by: person(MARKER) }).unwrap();
    }
    chain.desks[0].run(DropItems { target: target(1), by: person(MARKER) }).unwrap();
    let shown = |chain: &Chain| {
        let reader = chain.reader(0);
        let filter = QueueFilter { limit: 9, ..QueueFilter::default() };
        let queue = query::queue(&reader, &filter).unwrap().items;
        let thread = query::ticket_detail(&reader, CASE).unwrap().thread;
        let events = query::delegation(&reader, DelegationNo(1)).unwrap().timeline;
        [format!("{queue:?}"), format!("{thread:?}"), format!("{events:?}")]
    };
    let named = format!("{MARKER} dropped this");
    let before = shown(&chain);
    assert!(before.iter().all(|shown| shown.contains(MARKER)) && before[1].contains(&named), "{before:?}");
    let found = find_person(&chain.reader(0), &marked(), &[]).unwrap();
    let erasure = order(&mut chain, 0, Subject::Person, found, false).unwrap();
    look(&mut chain, 0);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    assert_eq!(traces(&chain.desks[0]), Vec::<String>::new());
    let after = shown(&chain);
    assert!(after.iter().all(|shown| shown.contains("An operator of this desk")), "{after:?}");
    chain.cut.clear();
    chain.desks[0].run(Retry { target: target(0), parked: true }).unwrap();
    chain.settle();
    assert!(chain.reached(1, "An apple") && !chain.reached(1, "A pear"));
}

/// A message without effect is shown nowhere, and its text is here.
#[test]
fn a_person_in_a_message_that_was_refused_is_found() {
    let mut chain = personal();
    let erased = erase_case(&mut chain, 1);
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 1, erased), ErasureState::Done);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    let body = comment(&format!("{MARKER} called too late"));
    assert!(chain.forge(0, 1, &body).is_some(), "the terms take nothing late");
    assert!(!traces(&chain.desks[1]).is_empty());
    let before = chain.desks[1].copy();
    let found = find_person(&chain.reader(1), &marked(), &[]).unwrap();
    order(&mut chain, 1, Subject::Person, found, true).unwrap();
    look(&mut chain, 1);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    let desk = chain.desks.remove(1);
    chain.desks.insert(1, desk.restore(&before));
    let found = find_case(&chain.reader(1), CASE).unwrap();
    order(&mut chain, 1, Subject::Case(CASE), found, true).unwrap();
    look(&mut chain, 1);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new(), "of the case, too");
}

/// What comes when a case is erased is shown nowhere: it must not stay for ever because nobody sees it.
#[test]
fn what_came_too_late_for_an_erased_case_expires_too() {
    let mut chain = personal();
    erase_case(&mut chain, 1);
    look_everywhere(&mut chain);
    let body = comment(&format!("{MARKER} called too late"));
    assert!(chain.forge(0, 1, &body).is_some(), "the terms take nothing late");
    let reader = chain.reader(1);
    let expired = |days: u64| {
        let now = chain.desks[1].now.plus(days * 24 * 60 * 60 * 1_000);
        expired_texts(&reader, now, 0, None).unwrap()
    };
    assert_eq!(expired(399).entries, []);
    let ExpiredTexts { entries, after } = expired(401);
    assert_eq!((entries.len(), after), (1, None));
    chain.desks[1].run(Erase { entries, ..Erase::default() }).unwrap();
    look(&mut chain, 1);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    let now = chain.desks[1].now.plus(402 * 24 * 60 * 60 * 1_000);
    assert_eq!(expired_texts(&chain.reader(1), now, 0, None).unwrap().entries, [], "once is enough");
}

/// What was parked and sent again stands in another place of the queue: it is on its way as before, and is asked for where it
/// arrived.
#[test]
fn what_was_parked_and_sent_again_is_asked_for_like_the_rest() {
    for carried in [true, false] {
        let mut chain = Chain::of(2, &Terms::default());
        chain.desks[0].ticket(&format!("{MARKER} cannot print"));
        chain.hand_over(0, 1, 1).unwrap();
        let link = chain.link_of(0, 1);
        let (_, waiting) = chain.desks[0].rows().list(WAITING, &link, 1).unwrap().remove(0);
        chain.desks[0].run(Park { target: Target::Item(waiting.item), by: person("Anna") }).unwrap();
        chain.desks[0].ticket("An apple");
        chain.hand_over(0, 2, 1).unwrap();
        chain.settle();
        chain.desks[0].run(Retry { target: Target::Item(waiting.item), parked: true }).unwrap();
        if carried {
            chain.settle();
        }
        let found = find_case(&chain.reader(0), CASE).unwrap();
        assert_eq!(found.unsent.is_empty(), carried, "{found:?}");
        let erasure = order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
        look_everywhere(&mut chain);
        assert_eq!(state(&chain, 0, erasure), ErasureState::Done, "carried: {carried}");
        is_gone(&chain);
        assert_eq!(chain.desks[1].rows().list(DELEGATIONS, &(), 9).unwrap().len(), 2, "the offer came");
    }
}

/// Only whoever handed a case over may have all of it erased: a contractor, or somebody who guesses an id, names its own items
/// at most.
#[test]
fn nobody_has_the_case_of_another_erased_as_a_whole() {
    let mut chain = personal();
    let id = |chain: &Chain, desk: usize, link: LinkNo| {
        let rows = chain.desks[desk].rows().list(DELEGATIONS, &(), 9).unwrap();
        rows.into_iter().find(|(_, row)| row.link == link).unwrap().1.id
    };
    let up = id(&chain, 1, chain.link_of(1, 0));
    for (from, to) in [(1, 0), (2, 1)] {
        let before = traces(&chain.desks[to]);
        let cases = Some(List::new(vec![up]).unwrap());
        let items = List::new(vec![ItemId::new([5; 16])]).unwrap();
        let body = Body::Erase { facts: erase::Facts { basis: code("spite"), cases, items }, text: NoText };
        assert_eq!(chain.forge_all((from, to), None, &[body]), []);
        look(&mut chain, to);
        let erased = erasures(&chain.reader(to), 9).unwrap().remove(0);
        assert_eq!((erased.state, erased.texts, erased.asked.len()), (ErasureState::Done, 0, 0));
        assert_eq!(traces(&chain.desks[to]), before);
    }
}

/// A link on which no new work is given still lets people be forgotten.
#[test]
fn an_erasure_goes_over_a_suspended_link() {
    let mut chain = personal();
    for (desk, other) in [(0, 1), (1, 0), (2, 1)] {
        let (link, reason, by) = (chain.link_of(desk, other), prose("Holidays."), person("Anna"));
        chain.desks[desk].run(Suspend { link, until: None, reason, by }).unwrap();
    }
    chain.settle();
    let erasure = erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    is_gone(&chain);
}

/// A request may come before what it names, from a desk that was restored or keeps another order: what was promised to be gone
/// is not kept when it comes.
#[test]
fn a_text_that_was_named_before_it_came_is_not_kept() {
    let mut chain = Chain::case(2, &Terms::default());
    let key = Hash::of(b"a call");
    let mut item = [0; ItemId::SIZE];
    let drawn = Hash::of_parts(&[b"deskwire item", key.as_bytes(), &1u32.to_be_bytes()]);
    item.copy_from_slice(&drawn.as_bytes()[..ItemId::SIZE]);
    let (no, request, basis) = (chain.link_of(0, 1), ItemId::new([4; 16]), code("gdpr-17"));
    let (items, cases) = (vec![ItemId::new(item)], Vec::new());
    let ask = vec![AskAgain { no, request, basis, items, cases }];
    chain.desks[0].run(ApplyErased { ask, ..ApplyErased::default() }).unwrap();
    chain.settle();
    let (body, by) = (prose(&format!("{MARKER} called")), person("Anna"));
    let command = AddComment { ticket: CASE, body, audience: THREAD, by };
    chain.desks[0].run(Keyed { key, request: key, command }).unwrap();
    chain.settle();
    assert!(chain.reached(1, MARKER), "it came");
    assert_eq!(chain.bodies(1), [None]);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    look_everywhere(&mut chain);
    assert!(erasures(&chain.reader(1), 9).unwrap().iter().all(|one| one.state == ErasureState::Done));
}

/// A desk that was restored with an item that waited has it twice once it came back: one of both is shown nowhere.
#[test]
fn what_came_back_after_a_restore_goes_with_its_first_copy() {
    let mut chain = Chain::case(2, &Terms::default());
    chain.cut = vec![0];
    chain.say(0, &format!("{MARKER} called"), THREAD);
    let copy = chain.desks[0].copy();
    chain.cut.clear();
    chain.settle();
    let desk = chain.desks.remove(0);
    chain.desks.insert(0, desk.restore(&copy));
    recovered(&mut chain, 0, 1);
    chain.settle();
    let found = find_person(&chain.reader(1), &marked(), &[]).unwrap();
    let erasure = order(&mut chain, 1, Subject::Person, found, true).unwrap();
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 1, erasure), ErasureState::Done);
    is_gone(&chain);
}

/// The same of an offer, and of all that says what it said: the partner who has it names the item alone.
#[test]
fn an_offer_that_came_back_after_a_restore_takes_its_ticket_along() {
    let mut chain = Chain::of(2, &Terms::default());
    chain.desks[0].ticket(&format!("{MARKER} cannot print"));
    let early = chain.desks[0].copy();
    chain.cut = vec![0];
    chain.hand_over(0, 1, 1).unwrap();
    let late = chain.desks[0].copy();
    chain.cut.clear();
    chain.settle();
    for copy in [late, early] {
        let desk = chain.desks.remove(0);
        chain.desks.insert(0, desk.restore(&copy));
        recovered(&mut chain, 0, 1);
        chain.settle();
    }
    let found = find_person(&chain.reader(1), &marked(), &[]).unwrap();
    let erasure = order(&mut chain, 1, Subject::Person, found, true).unwrap();
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 1, erasure), ErasureState::Done);
    is_gone(&chain);
}

/// The list beside the store, as the daemon keeps it.
#[derive(Default)]
struct Book(Vec<String>);

impl Book {
    fn lines(&self) -> Vec<ErasedLine> {
        self.0.iter().map(|line| line.parse().unwrap()).collect()
    }

    /// What the care of the store does before it erases anything.
    fn note(&mut self, chain: &Chain) {
        let mut listed = Listed::read(&self.lines());
        let lines = chain.desks[0].core.custody().erased_lines(&mut listed).unwrap();
        self.0.extend(lines.iter().map(ToString::to_string));
        assert!(chain.desks[0].core.custody().erased_lines(&mut listed).unwrap().is_empty(), "once");
    }

    /// The first desk is restored from an old copy; how many requests it makes anew.
    fn restored(&mut self, chain: &mut Chain, copy: &[(String, Vec<u8>)]) -> usize {
        let desk = chain.desks.remove(0);
        chain.desks.insert(0, desk.restore(copy));
        let apply = chain.desks[0].core.custody().erased_since(&self.lines()).unwrap().expect("older");
        let asked = apply.ask.len();
        let applied = chain.desks[0].run(apply).unwrap();
        self.0.push(chain.desks[0].core.custody().order_line(applied).unwrap().to_string());
        assert!(chain.desks[0].core.custody().erased_since(&self.lines()).unwrap().is_none(), "applied once");
        asked
    }
}

/// The partner would keep for ever what somebody was promised to be erased: nobody but the list knows that it was to be asked.
#[test]
fn a_request_that_had_not_left_before_a_restore_is_asked_again() {
    let mut chain = personal();
    let copy = chain.desks[0].copy();
    chain.cut = vec![0];
    let mut list = Book::default();
    erase_case(&mut chain, 0);
    list.note(&chain);
    look(&mut chain, 0);
    assert_eq!(list.restored(&mut chain, &copy), 1);
    chain.cut.clear();
    look_everywhere(&mut chain);
    is_gone(&chain);
    let all = erasures(&chain.reader(0), 9).unwrap();
    assert!(all.len() == 1 && all[0].state == ErasureState::Done, "{all:?}");
    assert!(all[0].asked[0].done.is_some(), "{all:?}");
    list.note(&chain);
    assert!(!Listed::read(&list.lines()).waits(), "{:?}", list.0);
}

/// Asked twice under the same id it is one request: what the partner has got is not said to it again.
#[test]
fn a_request_that_had_left_before_a_restore_is_not_made_twice() {
    let mut chain = personal();
    let copy = chain.desks[0].copy();
    let mut list = Book::default();
    erase_case(&mut chain, 0);
    list.note(&chain);
    chain.settle();
    assert_eq!(list.restored(&mut chain, &copy), 1, "no answer is on record");
    for _ in 0..2 {
        recovered(&mut chain, 0, 1);
    }
    look_everywhere(&mut chain);
    is_gone(&chain);
    assert_eq!(erasures(&chain.reader(1), 9).unwrap().iter().filter(|one| one.by.is_some()).count(), 1);
    let all = erasures(&chain.reader(0), 9).unwrap();
    assert!(all.iter().all(|one| one.state == ErasureState::Done), "{all:?}");
}

/// Whoever has answered is left alone, however often a backup is restored.
#[test]
fn a_request_that_was_answered_before_a_restore_is_not_asked_again() {
    let mut chain = personal();
    let copy = chain.desks[0].copy();
    let mut list = Book::default();
    erase_case(&mut chain, 0);
    list.note(&chain);
    look_everywhere(&mut chain);
    list.note(&chain);
    assert!(!Listed::read(&list.lines()).waits(), "{:?}", list.0);
    assert_eq!(list.restored(&mut chain, &copy), 0);
}

/// Who could not be asked because the link had ended is asked once it is there again.
#[test]
fn what_could_not_be_asked_before_a_restore_is_asked_after_it() {
    let mut chain = personal();
    let copy = chain.desks[0].copy();
    chain.cut = vec![0];
    let link = chain.link_of(0, 1);
    chain.desks[0].run(End { link }).unwrap();
    let mut list = Book::default();
    erase_case(&mut chain, 0);
    list.note(&chain);
    look(&mut chain, 0);
    list.note(&chain);
    assert!(Listed::read(&list.lines()).waits());
    assert_eq!(list.restored(&mut chain, &copy), 1);
    chain.cut.clear();
    look_everywhere(&mut chain);
    is_gone(&chain);
}

/// Who mistypes an id is told that there is no such erasure, not that the store is damaged.
#[test]
fn an_erasure_that_does_not_exist_is_unknown() {
    let chain = Chain::of(2, &Terms::default());
    let nowhere = EntryRef { segment: 9, offset: 9 };
    let refused = query::erasure(&chain.reader(0), nowhere).unwrap_err();
    assert_eq!((refused.fault, refused.code), (Fault::NotFound, "unknown-erasure"));
}
