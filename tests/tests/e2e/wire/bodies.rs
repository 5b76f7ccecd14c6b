//! Messages whose envelope is good and whose content is not: consumed, refused one by one, and told in the receipt.

use deskwire_proto::{
    delivery::Delivery,
    id::Hash,
    message::{
        Body,
        common::{Audience, ByText, Own},
        file_add, status,
    },
    number::FileSize,
    text::{Code, FileName, KindName, Label},
};
use deskwire_tests::{
    desk::Desk,
    links::until,
    puppet::{Puppet, signed},
    world::World,
};
use serde_bytes::ByteBuf;

use super::{an_offer, case, comment, held, welcoming};

/// One bad record must harm only itself: not the link, not the next message, not another ticket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_message_is_refused_alone_and_its_author_told() {
    let world = World::new("a_bad_message");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (mut puppet, _stub) = welcoming(&acme, "Puppet", &mut random).await;
    let mut other = super::puppet(&acme, "Other", &mut random).await;
    other.open_session().await;
    let foreign = other.say(&an_offer(), Some(case(7)));
    other.receipt(&other.push(vec![foreign]).await);

    puppet.open_session().await;
    let mut messages = vec![puppet.say(&an_offer(), Some(case(1)))];
    let mut expected = Vec::new();
    for (message, code) in bad(&mut puppet) {
        messages.push(message);
        expected.push((messages.len() as u64, code.to_owned()));
    }
    messages.push(puppet.say(&comment("And this one is good"), Some(case(1))));
    let count = messages.len() as u64;
    let first = puppet.receipt(&puppet.push(messages.clone()).await);
    assert!(first.upto < count, "what has lost its text is not refused before the author was asked");
    let receipt = until("The whole batch", async || {
        let answer = puppet.push(messages.clone()).await;
        if answer.status != 200 {
            assert_eq!(answer.code(), "busy");
            return Ok(None);
        }
        Ok(Some(puppet.receipt(&answer)))
    })
    .await;
    let told = |receipt: &deskwire_proto::receipt::Receipt| -> Vec<(u64, String)> {
        let words = receipt.outcomes.iter().map(|outcome| outcome.3.as_str());
        words.for_each(|words| assert!(!words.trim().is_empty(), "{receipt:?}"));
        receipt.outcomes.iter().map(|outcome| (outcome.0, outcome.2.as_str().to_owned())).collect()
    };
    assert_eq!(told(&receipt), expected);
    assert_eq!((receipt.upto, held(&acme, "Puppet").await), (count, count));

    // The answer was lost, the batch comes again: the refusals are still there.
    assert_eq!(told(&puppet.receipt(&puppet.push(messages).await)), expected);
    assert_eq!(held(&acme, "Puppet").await, count);

    let tickets = acme.client().tickets(&Default::default()).await.unwrap().tickets;
    assert_eq!(tickets.len(), 2, "{tickets:?}");
    let mut all = String::new();
    for ticket in tickets {
        all.push_str(
            &serde_json::to_string(&acme.client().ticket(&ticket.number).await.unwrap().thread).unwrap(),
        );
    }
    assert!(all.contains("And this one is good") && !all.contains("Let me in"), "{all}");
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

/// Every way in which the content can be wrong, and the code that the author gets.
fn bad(puppet: &mut Puppet) -> Vec<(Delivery, &'static str)> {
    let own =
        || Own { status: Code::new("open").unwrap(), ticket: Label::new("P-1").unwrap(), status_label: None };
    let by = || Some(ByText::default());
    let mut cases = vec![
        // A delegation that is guessed, and one of somebody else.
        (puppet.say(&comment("Let me in"), Some(case(99))), "unknown-delegation"),
        (puppet.say(&comment("Let me in"), Some(case(7))), "unknown-delegation"),
        (puppet.say(&an_offer(), Some(case(1))), "duplicate-delegation"),
    ];
    // The principal says what is the contractor's to say.
    let state = Some(status::Progress::InProgress);
    let body = Body::Status { facts: status::Facts { own: own(), state }, text: by() };
    cases.push((puppet.say(&body, Some(case(1))), "not-your-field"));
    let body = Body::Accept {
        facts: deskwire_proto::message::accept::Facts {
            own: own(),
            version: deskwire_proto::number::Version::FIRST,
        },
        text: by(),
    };
    cases.push((puppet.say(&body, Some(case(1))), "action-not-allowed"));
    let mut odd = |change: &dyn Fn(&mut Puppet) -> Delivery, code| {
        let delivery = change(puppet);
        puppet.length += 1;
        puppet.head = delivery.hash();
        cases.push((delivery, code));
    };
    odd(
        &|puppet| {
            let content = puppet.content(&comment("Let me in"), Some(case(1)));
            let mut head = puppet.next(&content);
            head.kind = KindName::new("ticket.burn").unwrap();
            signed(&head, &content, &puppet.secret)
        },
        "unsupported-kind",
    );
    odd(
        &|puppet| {
            let content = puppet.content(&comment("Let me in"), Some(case(1)));
            let mut head = puppet.next(&content);
            head.must = Some(vec![Code::new("colour").unwrap()]);
            signed(&head, &content, &puppet.secret)
        },
        "unsupported-key",
    );
    odd(
        &|puppet| {
            let content = puppet.content(&comment("Let me in"), Some(case(1)));
            let head = puppet.next(&content);
            Delivery::new(signed(&head, &content, &puppet.secret).signed().to_vec(), None)
        },
        "text-missing",
    );
    odd(
        &|puppet| {
            let content = puppet.content(&comment("Let me in"), Some(case(1)));
            let other = puppet.content(&comment("Let me in"), Some(case(1)));
            let head = puppet.next(&content);
            let signed = signed(&head, &content, &puppet.secret).signed().to_vec();
            Delivery::new(signed, other.text.map(ByteBuf::into_vec))
        },
        "text-mismatch",
    );
    odd(
        &|puppet| {
            let mut content = puppet.content(&comment("Let me in"), Some(case(1)));
            content.facts = ByteBuf::from(vec![0xa1, 0x61, b'x', 0xfb, 0, 0, 0, 0, 0, 0, 0, 0]);
            let head = puppet.next(&content);
            signed(&head, &content, &puppet.secret)
        },
        "malformed-facts",
    );
    for name in names() {
        odd(&|puppet| file_called(puppet, &name), "malformed-text");
    }
    cases
}

/// Names that lead out of their folder, end early, are read otherwise than they are written, or fill a screen.
fn names() -> Vec<Vec<u8>> {
    let names = [
        "..",
        "../../etc",
        "/dev/null",
        "..\\..\\etc",
        "",
        "a\0.txt",
        "a\r\nb",
        "a\u{1b}[2J",
        "a\u{202e}gpj.exe",
    ];
    let names = names.into_iter().map(|name| name.as_bytes().to_vec());
    names.chain([vec![b'a'; 10_000], vec![b'a', 0xff]]).collect()
}

/// A file of this name. The types of this program cannot say it, so the bytes of another one are changed.
fn file_called(puppet: &mut Puppet, called: &[u8]) -> Delivery {
    let facts = file_add::Facts {
        blob: Hash::of(b""),
        size: FileSize::new(0).unwrap(),
        chunks: Hash::of(b""),
        comment: None,
        audience: Audience::Thread,
    };
    let name = FileName::new("Let me in").unwrap();
    let text = file_add::Text { by: None, name, media: None, origin: None, relayed: None };
    let mut content = puppet.content(&Body::FileAdd { facts, text }, Some(case(1)));
    let text = content.text.as_mut().unwrap();
    let place = text.windows(10).position(|window| window == b"\x69Let me in").unwrap();
    let length = called.len() as u16;
    let head = match called.len() {
        0..24 => vec![0x60 | length as u8],
        24..256 => vec![0x78, length as u8],
        _ => [&[0x79], &length.to_be_bytes()[..]].concat(),
    };
    text.splice(place..place + 10, [&head, called].concat());
    let head = puppet.next(&content);
    signed(&head, &content, &puppet.secret)
}
