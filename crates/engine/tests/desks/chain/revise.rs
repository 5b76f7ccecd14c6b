//! Edits and retractions: history where it was written, tombstones elsewhere, and honesty about what has left.

use deskwire_engine::command::comment;
use deskwire_engine::command::file::{self, AttachFile};
use deskwire_engine::command::relay;
use deskwire_engine::command::revise::{EditComment, Open, TakeBack, Withdraw};
use deskwire_engine::query::{DeliveryState, SeenBy};
use deskwire_machine::relay::Mode;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::comment_add::AuthorProof;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, comment_add, comment_edit, comment_retract, file_retract};
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, FileNo, TicketNumber};
use deskwire_store::row::{Audience, FileState};
use deskwire_store::table::{GRANTS, Rows};

use super::{Chain, THREAD};
use crate::harness::{self, person, prose};

const TICKET: TicketNumber = TicketNumber(1);

fn edit(chain: &mut Chain, desk: usize, of: Option<EntryRef>, words: &str) {
    let command = EditComment { ticket: TICKET, of: of.unwrap(), body: prose(words), by: person("Boris") };
    chain.desks[desk].run(command).unwrap();
}

fn back(of: Option<EntryRef>, keep: bool) -> TakeBack {
    TakeBack { ticket: TICKET, of: of.unwrap(), keep, by: person("Boris") }
}

fn two() -> Chain {
    Chain::case(2, &Terms::default())
}

#[test]
fn an_edit_leaves_its_history_with_the_author_and_the_newest_words_with_the_partner() {
    let mut chain = two();
    let said = chain.say(1, "It is the left register.", THREAD);
    chain.settle();
    edit(&mut chain, 1, said.at, "It is the right register.");
    edit(&mut chain, 1, said.at, "It is register 3.");
    chain.settle();
    let own = chain.comments(1).remove(0);
    let words: Vec<_> = own.history.iter().map(|one| one.body.as_ref().unwrap().to_string()).collect();
    assert_eq!(words, ["It is the left register.", "It is the right register.", "It is register 3."]);
    assert!(own.history[1..].iter().all(|one| one.deliveries[0].state == DeliveryState::Delivered));
    let theirs = chain.comments(0).remove(0);
    assert_eq!(theirs.body, Some(prose("It is register 3.")));
    assert!(theirs.edited.is_some() && theirs.history.is_empty());
}

#[test]
fn what_was_retracted_is_shown_nowhere_at_the_partner_and_stays_so_whatever_comes() {
    let mut chain = two();
    let said = chain.say(1, "SECRET of the client", THREAD);
    chain.settle();
    // Two people at once: one edits, the other retracts.
    edit(&mut chain, 1, said.at, "another SECRET");
    let done = chain.desks[1].run(back(said.at, false)).unwrap();
    assert_eq!((done.read.len(), done.never.len()), (1, 0));
    chain.settle();
    let theirs = chain.comments(0).remove(0);
    assert_eq!((theirs.body, theirs.retracted), (None, true));
    let own = chain.comments(1).remove(0);
    assert_eq!((own.body, own.retracted, own.history.len()), (None, true, 2));
    assert_eq!(own.retraction.unwrap().deliveries[0].state, DeliveryState::Delivered);
    assert_eq!(chain.crossed(1, 0, "another SECRET"), 0, "an edit that waited goes nowhere any more");
    let again = chain.desks[1].run(back(said.at, false)).unwrap_err();
    assert_eq!(again.code, "already-retracted");
}

#[test]
fn nobody_edits_or_retracts_what_a_partner_wrote() {
    let mut chain = two();
    chain.say(1, "It is the left register.", THREAD);
    chain.settle();
    let at =
        deskwire_engine::query::find_comment(&chain.reader(0), TICKET, &chain.comments(0)[0].id.to_string());
    let refusal = chain.desks[0].run(back(at.ok(), false)).unwrap_err();
    assert_eq!(refusal.code, "not-your-comment");
}

/// Fault case 94.
#[test]
fn an_internal_comment_made_public_and_back_leaves_only_what_was_public_when_it_left() {
    let mut chain = two();
    let said = chain.say(0, "MARKER-ONE the client does not pay", Audience::Internal);
    let open =
        |at: Option<EntryRef>| Open { ticket: TICKET, of: at.unwrap(), audience: THREAD, by: person("Anna") };
    chain.desks[0].run(open(said.at)).unwrap();
    // Back before anything was sent: it never leaves.
    let done = chain.desks[0].run(back(said.at, true)).unwrap();
    assert_eq!((done.never.len(), done.read.len()), (1, 0));
    chain.settle();
    assert!(!chain.reached(1, "MARKER-ONE") && chain.comments(1).is_empty());
    let own = chain.comments(0).remove(0);
    assert_eq!(own.audience, SeenBy::Internal);
    assert_eq!(own.body, Some(prose("MARKER-ONE the client does not pay")), "it stays here");
    // Public, on its way, and back: the partner may have got it or not; if not, it never reads it.
    chain.desks[0].run(open(said.at)).unwrap();
    chain.lose(0, 1);
    chain.wire.clear();
    let done = chain.desks[0].run(back(said.at, true)).unwrap();
    assert_eq!((done.never.len(), done.read.len()), (0, 1), "nobody can say that it was not read");
    chain.settle();
    assert!(!chain.reached(1, "MARKER-ONE"), "it is sent again without its text");
    assert!(chain.bodies(1).iter().all(Option::is_none));
    // Public for good.
    chain.desks[0].run(open(said.at)).unwrap();
    chain.settle();
    assert_eq!(chain.bodies(1).last().unwrap().as_deref(), Some("MARKER-ONE the client does not pay"));
    let own = chain.comments(0).remove(0);
    assert!(!own.retracted && own.retraction.is_none() && own.audience == SeenBy::Thread);
}

#[test]
fn a_text_that_arrived_and_is_withdrawn_is_hidden_and_said_to_be() {
    let mut chain = two();
    chain.say(0, "MARKER sent to the wrong desk", THREAD);
    chain.settle();
    let link = chain.link_of(0, 1);
    let seq = chain.stream(0, link).out_length;
    assert!(chain.desks[0].run(Withdraw { link, seq }).unwrap(), "the partner may have read it");
    chain.settle();
    let theirs = chain.comments(1).remove(0);
    assert_eq!((theirs.body, theirs.withdrawn), (None, true));
    assert_eq!(chain.desks[0].run(Withdraw { link, seq }).unwrap_err().code, "no-text");
    let missing = chain.desks[0].run(Withdraw { link, seq: 99 }).unwrap_err();
    assert_eq!(missing.code, "unknown-message");
}

/// Fault case 95.
#[test]
fn a_comment_edited_to_remove_what_names_somebody_shows_honestly_what_left() {
    let mut chain = two();
    let said = chain.say(0, "Ask Maria Ivanova, +7 900 1234567.", THREAD);
    chain.settle();
    edit(&mut chain, 0, said.at, "Ask at the counter.");
    chain.settle();
    let own = chain.comments(0).remove(0);
    assert_eq!(own.body, Some(prose("Ask at the counter.")));
    assert_eq!(own.history[0].body, Some(prose("Ask Maria Ivanova, +7 900 1234567.")));
    assert_eq!(
        own.deliveries[0].state,
        DeliveryState::Delivered,
        "the first version has left, and it is said"
    );
    let theirs = chain.bodies(1);
    assert_eq!(
        theirs,
        [Some("Ask at the counter.".to_owned())],
        "the partner's screens show the new words alone"
    );
}

#[test]
fn a_file_taken_back_is_hidden_there_and_its_bytes_are_granted_no_more() {
    let mut chain = two();
    let attach = attached("photo.jpg", THREAD);
    let blob = attach.blob;
    chain.desks[0].run(attach).unwrap();
    chain.settle();
    let link = chain.link_of(0, 1);
    assert!(chain.desks[0].rows().get(GRANTS, &(link, blob)).unwrap().is_some());
    let of = Some(chain.files(0)[0].row.entry);
    chain.desks[0].run(back(of, false)).unwrap();
    chain.settle();
    let theirs = chain.files(1).remove(0);
    assert!(
        theirs.retracted && matches!(theirs.row.state, FileState::Failed(_)),
        "nothing is fetched any more"
    );
    assert!(chain.desks[0].rows().get(GRANTS, &(link, blob)).unwrap().is_none());
    chain.desks[1].run(file::BlobHere { file: FileNo(1) }).unwrap();
    assert!(matches!(chain.files(1)[0].row.state, FileState::Failed(_)));
}

/// Two files of the same bytes: the one that is taken back does not take the other with it.
#[test]
fn a_file_of_the_same_bytes_keeps_its_grant_when_another_one_is_taken_back() {
    let mut chain = two();
    let attach = attached("photo.jpg", THREAD);
    let blob = attach.blob;
    for _ in 0..2 {
        chain.desks[0].run(attach.clone()).unwrap();
    }
    chain.settle();
    let link = chain.link_of(0, 1);
    let granted = |chain: &Chain| chain.reader(0).granted(link, &blob).unwrap().map(|row| row.entry);
    let files: Vec<_> = chain.files(0).into_iter().map(|file| file.row.entry).collect();
    assert_eq!(granted(&chain), Some(files[1]));
    chain.desks[0].run(back(Some(files[1]), false)).unwrap();
    chain.settle();
    assert_eq!(granted(&chain), Some(files[0]), "the partner was told of this one and may still fetch it");
    chain.desks[0].run(back(Some(files[0]), false)).unwrap();
    chain.settle();
    assert_eq!(granted(&chain), None);
}

/// The partner took it back: what is here of it is given up, unless somebody else here has a file of the same bytes.
#[test]
fn the_bytes_of_a_file_that_its_partner_took_back_are_no_longer_kept() {
    let mut chain = two();
    chain.desks[0].run(attached("photo.jpg", THREAD)).unwrap();
    chain.settle();
    chain.desks[1].run(file::BlobHere { file: FileNo(1) }).unwrap();
    assert_eq!(chain.files(1)[0].row.state, FileState::Here);
    let of = Some(chain.files(0)[0].row.entry);
    chain.desks[0].run(back(of, false)).unwrap();
    chain.settle();
    let theirs = chain.files(1).remove(0);
    assert!(theirs.retracted);
    assert!(matches!(theirs.row.state, FileState::Failed(why) if why.code.as_str() == "retracted"));
}

pub(super) fn attached(name: &str, audience: Audience) -> AttachFile {
    harness::attached(TICKET, name, (Hash::of(name.as_bytes()), 1_000), audience)
}

#[test]
fn the_preview_of_a_comment_is_what_leaves() {
    let mut chain = two();
    let by = person("Shop's engineer");
    let preview = comment::preview(&chain.reader(0), TICKET, &prose("Two beeps."), &THREAD, &by).unwrap();
    let sent: Vec<_> =
        preview[0].1.sent.iter().map(|sent| (sent.field.as_str(), sent.value.as_str())).collect();
    assert_eq!(sent, [("audience", "thread"), ("body", "Two beeps."), ("by.name", "Shop's engineer")]);
    chain.say(0, "Two beeps.", THREAD);
    chain.settle();
    for value in ["Two beeps.", "Shop's engineer"] {
        assert_eq!(chain.crossed(0, 1, value), 1);
    }
    let internal = comment::preview(&chain.reader(0), TICKET, &prose("x"), &Audience::Internal, &by).unwrap();
    assert!(internal.is_empty(), "what is internal goes to nobody");
    let nobody = Audience::Delegations(vec![DelegationNo(9)]);
    let unknown = comment::preview(&chain.reader(0), TICKET, &prose("x"), &nobody, &by).unwrap_err();
    assert_eq!(unknown.code, "unknown-delegation");
}

fn forged_edit(comment: ItemId, version: u64, words: &str) -> Body {
    let text = comment_add::Text { by: None, body: prose(words), proof: None, origin: None, relayed: None };
    Body::CommentEdit { facts: comment_edit::Facts { comment, version: version.try_into().unwrap() }, text }
}

#[test]
fn a_partner_edits_and_retracts_only_what_is_its_own_and_there() {
    let refused = |prepare: &dyn Fn(&Chain) -> Body| {
        let mut chain = two();
        chain.say(0, "said by Shop", THREAD);
        chain.say(1, "said by Acme", THREAD);
        chain.settle();
        let body = prepare(&chain);
        chain.forge(1, 0, &body)
    };
    let by = |chain: &Chain, words: &str| {
        let comments = chain.comments(0);
        comments.iter().find(|one| one.body == Some(prose(words))).unwrap().id
    };
    let retract = |comment| Body::CommentRetract { facts: comment_retract::Facts { comment }, text: NoText };
    let file = |file| Body::FileRetract { facts: file_retract::Facts { file }, text: NoText };
    let unknown = ItemId::new([3; 16]);
    assert_eq!(refused(&|chain| forged_edit(by(chain, "said by Acme"), 2, "x")), None);
    assert_eq!(refused(&|chain| forged_edit(by(chain, "said by Acme"), 7, "x")), None, "a gap is no harm");
    assert_eq!(refused(&|chain| retract(by(chain, "said by Acme"))), None);
    let not_yours = Some("not-your-field".to_owned());
    assert_eq!(refused(&|chain| forged_edit(by(chain, "said by Shop"), 2, "x")), not_yours);
    assert_eq!(refused(&|chain| retract(by(chain, "said by Shop"))), not_yours);
    let malformed = Some("malformed-facts".to_owned());
    assert_eq!(refused(&|_| forged_edit(unknown, 2, "x")), malformed);
    assert_eq!(refused(&|_| retract(unknown)), malformed);
    assert_eq!(refused(&|chain| file(by(chain, "said by Acme"))), malformed, "a comment is no file");
}

#[test]
fn an_older_version_does_not_come_over_a_newer_one_and_a_false_proof_is_refused() {
    let mut chain = two();
    let said = chain.say(1, "first", THREAD);
    chain.settle();
    edit(&mut chain, 1, said.at, "second");
    chain.settle();
    let id = chain.comments(0)[0].id;
    assert_eq!(chain.forge(1, 0, &forged_edit(id, 2, "again")), Some("malformed-facts".to_owned()));
    let mut chain = two();
    let keys = chain.desks[1].identity.keys().clone();
    let proof = AuthorProof::seal(
        &prose("other words"),
        ItemId::new([1; 16]),
        Timestamp(1),
        &keys,
        chain.desks[1].identity.secret(),
    );
    let text =
        comment_add::Text { by: None, body: prose("words"), proof: Some(proof), origin: None, relayed: None };
    let facts = comment_add::Facts { audience: deskwire_proto::message::common::Audience::Thread };
    let said = Body::CommentAdd { facts, text };
    assert_eq!(chain.forge(1, 0, &said), Some("malformed-text".to_owned()));
}

#[test]
fn a_retraction_goes_down_the_chain_and_each_hop_says_that_it_arrived() {
    let mut chain = Chain::case(4, &Terms::default());
    chain.relay_all(false);
    let said = chain.say(3, "MARKER of the fitter", THREAD);
    chain.settle();
    edit(&mut chain, 3, said.at, "better words");
    chain.settle();
    for desk in 0..3 {
        assert_eq!(chain.bodies(desk), [Some("better words".to_owned())], "desk {desk}");
    }
    // Whatever is set meanwhile: what went onward is taken back.
    chain.relay(1, 0, Mode::Off, false);
    chain.desks[3].run(back(said.at, false)).unwrap();
    chain.settle();
    for desk in 0..3 {
        let comment = chain.comments(desk).remove(0);
        assert_eq!((comment.body, comment.retracted), (None, true), "desk {desk}");
        let arrived = comment.deliveries.iter().all(|hop| hop.state == DeliveryState::Delivered);
        assert!(arrived, "desk {desk} knows how far what it relayed has come");
    }
}

#[test]
fn what_waits_for_a_click_and_is_taken_back_waits_no_more() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay(1, 0, Mode::Click, false);
    let said = chain.say(2, "Wrong ticket", THREAD);
    chain.settle();
    let waits = deskwire_engine::query::relays(&chain.reader(1), None, 10).unwrap();
    assert_eq!(waits.len(), 1);
    chain.desks[2].run(back(said.at, false)).unwrap();
    chain.settle();
    let waiting = relay::Waiting { ticket: waits[0].ticket, of: waits[0].of, delegation: waits[0].no };
    assert_eq!(chain.desks[1].run(relay::Approve(waiting)).unwrap_err().code, "nothing-waits");
    chain.settle();
    assert!(!chain.reached(0, "Wrong ticket"));
}
