//! What this crate makes of a vector: `ok` and the bytes encoded again, or the code of the refusal.

use deskwire_proto::batch::Batch;
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::code::{Code, OutcomeCode};
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Document, Signed, code_of};
use deskwire_proto::envelope::{self, Stream};
use deskwire_proto::id::{DeskId, Hash, LinkId};
use deskwire_proto::invitation::Invitation;
use deskwire_proto::key::{self, PublicKey};
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::linking::{LinkAnswer, LinkRequest, LinkReveal, LinkState};
use deskwire_proto::message::comment_add::AuthorProof;
use deskwire_proto::pull::{PullAnswer, PullRequest};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::{RecoverPage, RecoverRequest};
use deskwire_proto::session::{Hello, Welcome};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Prose;
use deskwire_proto::transfer::{BlobHave, BlobPut, BlobRequest, Upload};
use deskwire_proto::words::{Language, VerificationWords};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use crate::file::Vector;

/// The bytes that an accepted value encodes to again, or the word of the refusal.
pub(crate) type Verdict = Result<Vec<u8>, String>;

/// Gives the bytes of a vector to the function that accepts such bytes.
pub(crate) fn of(vector: &Vector) -> Verdict {
    let bytes = vector.bytes();
    let keys = match keys(vector) {
        Ok(keys) => keys,
        Err(code) => return Err(code.to_string()),
    };
    match (vector.purpose.as_str(), vector.cddl.as_str()) {
        ("desk-id-text", _) => {
            text(&bytes).parse().map(|id: DeskId| id.to_string().into_bytes()).map_err(malformed)
        }
        ("invitation-text", _) => {
            text(&bytes).parse().map(|one: Invitation| one.to_string().into_bytes()).map_err(malformed)
        }
        ("words", _) => words(vector, &bytes),
        ("cbor", _) => strict(vector, &bytes),
        (_, "message") => deliver(vector, &keys, &Delivery::new(bytes, None).encode()).map(|again| again.0),
        (_, "delivery") => deliver(vector, &keys, &bytes).map(|again| again.1),
        (_, "text-part") => text_part(vector, bytes),
        (_, "author-proof") => {
            author_proof(vector, &bytes).map_err(|_| OutcomeCode::MalformedText.to_string())
        }
        (_, rule) => document(vector, &keys, rule, &bytes).map_err(|code| code.to_string()),
    }
}

fn keys(vector: &Vector) -> Result<Vec<PublicKey>, Code> {
    let key = |hex: &String| {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hex of a key");
        PublicKey::new(&bytes.try_into().expect("32 bytes")).map_err(|_| Code::WeakKey)
    };
    vector.keys.iter().map(key).collect()
}

fn malformed<E>(_: E) -> String {
    Code::Malformed.to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a text form is UTF-8")
}

fn strict(vector: &Vector, bytes: &[u8]) -> Verdict {
    let bounds = if vector.context_text("bounds") == Some("large") { Bounds::LARGE } else { Bounds::MESSAGE };
    cbor::check(bytes, bounds).map(|()| bytes.to_vec()).map_err(|_| Code::NotDeterministic.to_string())
}

fn words(vector: &Vector, bytes: &[u8]) -> Verdict {
    let words = VerificationWords::new(bytes.try_into().expect("a link id"));
    let value = vector.value.as_ref().expect("the words");
    for language in Language::ALL {
        assert_eq!(value[language.tag()], words.words(language).join(" "));
    }
    assert_eq!(value["digits"], words.digits());
    Ok(bytes.to_vec())
}

/// Bytes of the message and of the delivery, encoded again.
fn deliver(vector: &Vector, keys: &[PublicKey], bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let code = |code: Code| code.to_string();
    let delivery = Delivery::decode(bytes).map_err(code)?;
    let key = key::signer(keys, Sign1::parse(delivery.signed()).map_err(code)?.key_id()).map_err(code)?;
    let id = |name: &str| vector.context_bytes(name).expect("desk ids and the link");
    let stream = Stream {
        link: LinkId::try_from(id("link").as_slice()).expect("a link id"),
        from: DeskId::try_from(id("from").as_slice()).expect("a desk id"),
        to: DeskId::try_from(id("to").as_slice()).expect("a desk id"),
    };
    let verified = envelope::accept(delivery, &stream, key).map_err(code)?;
    let body = verified.body.map_err(|outcome| outcome.to_string())?;
    let signed = verified.delivery.signed();
    let payload = Sign1::parse(signed).map_err(code)?.unverified_payload();
    let (facts, text) = body.encode();
    let mut head = verified.head;
    head.facts = ByteBuf::from(facts);
    let text = text.map(|text| [&verified.delivery.text().expect("a text part")[..18], &text].concat());
    let again = exchange(signed, payload, &cbor::encode(&head).expect("a head"));
    Ok((again.clone(), Delivery::new(again, text).encode()))
}

/// The signed bytes with another payload of the same length in the place of theirs.
fn exchange(signed: &[u8], payload: &[u8], again: &[u8]) -> Vec<u8> {
    let behind = signed.len() - 66;
    assert_eq!(&signed[behind - payload.len()..behind], payload);
    [&signed[..behind - payload.len()], again, &signed[behind..]].concat()
}

/// Puts the text part behind a head of our own, for nothing but a head makes it part of anything.
fn text_part(vector: &Vector, part: Vec<u8>) -> Verdict {
    use deskwire_proto::envelope::{Composed, Place};
    use deskwire_proto::id::{DelegationId, ItemId};
    use deskwire_proto::key::SecretKey;
    use deskwire_proto::message::Kind;
    use deskwire_proto::text::KindName;
    use deskwire_proto::time::Timestamp;

    let kind = vector.context_text("kind").expect("the kind");
    let delegation =
        Kind::from_name(kind).expect("a kind").needs_delegation().then(|| DelegationId::new([7; 16]));
    let content = Composed {
        kind: KindName::new(kind).expect("a name"),
        facts: ByteBuf::from(vector.context_bytes("facts").expect("the facts")),
        text: Some(ByteBuf::from(part.clone())),
        delegation,
    };
    let (from, to) = (DeskId::new([1; 32]), DeskId::new([2; 32]));
    let stream = Stream { link: LinkId::new([3; 32]), from, to };
    let place = Place { seq: 1, prev: Hash::from(stream.link), seen: 0, time: Timestamp(1) };
    let key = SecretKey::from_seed(&[4; 32]);
    let delivery = envelope::seal(&stream, place, ItemId::new([5; 16]), &content, &key)
        .map_err(|code| code.to_string())?;
    let verified = envelope::accept(delivery, &stream, &key.public()).map_err(|code| code.to_string())?;
    let body = verified.body.map_err(|outcome| outcome.to_string())?;
    Ok([&part[..18], &body.encode().1.expect("a text")].concat())
}

fn document(vector: &Vector, keys: &[PublicKey], rule: &str, bytes: &[u8]) -> Result<Vec<u8>, Code> {
    match rule {
        "key-event" => key_event(vector, bytes),
        "key-log" => KeyLog::decode(bytes).map(|log| log.encode()),
        "descriptor" => Descriptor::open(bytes).map(|one| again(bytes, one.body())),
        "terms" => plain::<Terms>(bytes),
        "invitation" => plain::<Invitation>(bytes)
            .and_then(|again| Invitation::decode(bytes).map(|_| again).map_err(|_| Code::Malformed)),
        "link-request" => LinkRequest::open(bytes).map(|(signed, _)| again(bytes, signed.body())),
        "link-answer" => LinkAnswer::open(bytes).map(|(signed, _)| again(bytes, signed.body())),
        "link-reveal" => reveal(vector, keys, bytes),
        "link-state" => signed::<LinkState>(keys, bytes),
        "hello" => signed::<Hello>(keys, bytes),
        "welcome" => signed::<Welcome>(keys, bytes),
        "receipt" => {
            let again = signed::<Receipt>(keys, bytes)?;
            open::<Receipt>(keys, bytes)?.body().check().map(|()| again)
        }
        "pull-request" => signed::<PullRequest>(keys, bytes),
        "pull-answer" => PullAnswer::decode(bytes).map(|answer| answer.encode()),
        "recover-request" => signed::<RecoverRequest>(keys, bytes),
        "recover-page" => RecoverPage::decode(bytes).map(|page| page.encode()),
        "batch" => Batch::decode(bytes).map(|batch| batch.encode()),
        "blob-request" => signed::<BlobRequest>(keys, bytes),
        "blob-put" => signed::<BlobPut>(keys, bytes),
        "blob-upload" => upload(keys, bytes),
        "blob-have" => BlobHave::decode(bytes).map(|have| have.encode()),
        other => panic!("no function accepts the rule {other}"),
    }
}

/// One event at the end of the log in the context; the first of a log without one.
fn key_event(vector: &Vector, bytes: &[u8]) -> Result<Vec<u8>, Code> {
    let mut events: Vec<ByteBuf> = match vector.context_bytes("log") {
        Some(log) => KeyLog::decode(&log)?.events().to_vec(),
        None => Vec::new(),
    };
    events.push(ByteBuf::from(bytes));
    KeyLog::verify(&events).map(|log| log.events().last().expect("one event").to_vec())
}

fn plain<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<Vec<u8>, Code> {
    let value: T = cbor::decode(bytes, Bounds::LARGE).map_err(|error| code_of(&error))?;
    Ok(cbor::encode(&value).expect("a wire type"))
}

fn open<T: Document>(keys: &[PublicKey], bytes: &[u8]) -> Result<Signed<T>, Code> {
    let key = *key::signer(keys, Sign1::parse(bytes)?.key_id())?;
    Signed::open(bytes, &key)
}

fn signed<T: Document>(keys: &[PublicKey], bytes: &[u8]) -> Result<Vec<u8>, Code> {
    open::<T>(keys, bytes).map(|one| again(bytes, one.body()))
}

fn again<T: Serialize>(bytes: &[u8], body: &T) -> Vec<u8> {
    let payload = Sign1::parse(bytes).expect("accepted").unverified_payload();
    exchange(bytes, payload, &cbor::encode(body).expect("a wire type"))
}

fn reveal(vector: &Vector, keys: &[PublicKey], bytes: &[u8]) -> Result<Vec<u8>, Code> {
    let reveal = open::<LinkReveal>(keys, bytes)?;
    let request = vector.context_bytes("request").expect("the signed request");
    let answer = vector.context_bytes("answer").expect("the signed answer");
    let commit = LinkRequest::open(&request)?.0.body().commit;
    reveal.body().check(&commit, &Hash::of(&answer))?;
    let link = deskwire_proto::linking::link_id(&request, &answer, &reveal.body().nonce);
    let value = vector.value.as_ref().expect("the link id");
    assert_eq!(value["link"], link.to_hex());
    Ok(again(bytes, reveal.body()))
}

fn upload(keys: &[PublicKey], bytes: &[u8]) -> Result<Vec<u8>, Code> {
    let upload = Upload::decode(bytes)?;
    let key = *key::signer(keys, Sign1::parse(upload.put())?.key_id())?;
    let put = upload.open(&key)?;
    Ok(Upload::new(&put, upload.bytes().to_vec()).encode())
}

fn author_proof(vector: &Vector, bytes: &[u8]) -> Result<Vec<u8>, Code> {
    let body = Prose::new(vector.context_text("body").expect("the comment")).expect("prose");
    let proof: AuthorProof = cbor::decode(bytes, Bounds::LARGE).map_err(|_| Code::Malformed)?;
    proof.verify(&body).map_err(|_| Code::Malformed)?;
    Ok(cbor::encode(&proof).expect("a wire type"))
}
