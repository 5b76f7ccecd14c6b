//! A partner that answers falsely: nothing counts as delivered that it has not truly signed for.

use std::sync::{Arc, Mutex};

use deskwire_proto::{
    batch::Batch,
    document::{Signed, V1},
    id::{DelegationId, Hash, LinkId},
    key::SecretKey,
    receipt::Receipt,
};
use deskwire_tests::{
    desk::Desk,
    https,
    links::{link_with, offer, until},
    puppet::now,
    stub::{Heard, Reply, Stub},
    world::{World, address},
};

/// How the partner answers a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    BeyondTheEnd,
    BadSignature,
    Stranger,
    OtherLink,
    OtherHash,
    NotAReceipt,
    /// The true receipt for what came before.
    Old,
    Truly,
}

/// Whoever reads "delivered" must be able to rely on a signature of the partner under exactly this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_true_receipt_counts_as_delivery() {
    let world = World::new("only_a_true_receipt");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (at, tls) = (address(), https::new_identity());
    let mut puppet = super::linked(&acme, ("Puppet", at, tls.spki()), &mut random).await;

    let manner = Arc::new(Mutex::new(Manner::BeyondTheEnd));
    let mut reader = Reader {
        secret: SecretKey::from_seed(&puppet.secret.seed()),
        link: puppet.link,
        nonce: random.array(),
        held: (0, puppet.link.into()),
        manner: Arc::clone(&manner),
        given: Vec::new(),
    };
    let _stub = Stub::https(at, &tls, move |heard| reader.answer(heard)).await;
    let (ticket, delegation) = offer(&acme, "Puppet", "Is this delivered?").await;
    for (next, code) in [
        (Manner::BeyondTheEnd, "malformed"),
        (Manner::BadSignature, "answer-unverified"),
        (Manner::Stranger, "answer-unverified"),
        (Manner::OtherLink, "answer-unverified"),
        (Manner::OtherHash, "fork"),
        (Manner::NotAReceipt, "answer-unverified"),
    ] {
        *manner.lock().unwrap() = next;
        // A sign of life, so that it is tried again at once.
        puppet.open_session().await;
        until(&format!("{code} for {next:?}"), async || {
            let link = link_with(&acme, "Puppet").await;
            assert_eq!(link.out.acknowledged, 0, "{next:?} counted as delivery");
            Ok(link.last_error.filter(|trouble| trouble.code == code))
        })
        .await;
        let seen = acme.client().delegation(&delegation.id).await.unwrap();
        assert!(seen.undelivered.is_some() && seen.provisional, "{next:?}: {seen:?}");
    }
    *manner.lock().unwrap() = Manner::Truly;
    puppet.open_session().await;
    until("The delivery", async || {
        let link = link_with(&acme, "Puppet").await;
        Ok((link.out.length > 0 && link.out.acknowledged == link.out.length).then_some(()))
    })
    .await;
    assert_eq!(acme.client().delegation(&delegation.id).await.unwrap().undelivered, None);

    // A receipt for what came before says nothing of what came since.
    let before = link_with(&acme, "Puppet").await.out.acknowledged;
    *manner.lock().unwrap() = Manner::Old;
    acme.json(&["ticket", "comment", &ticket, "And this?", "--to", "Puppet"]).await;
    until("A receipt of before", async || {
        let link = link_with(&acme, "Puppet").await;
        assert_eq!(link.out.acknowledged, before, "it counted as delivery");
        Ok(link.last_error.filter(|trouble| trouble.code == "receipt-behind"))
    })
    .await;
    *manner.lock().unwrap() = Manner::Truly;
    puppet.open_session().await;
    until("The delivery of what came since", async || {
        let link = link_with(&acme, "Puppet").await;
        Ok((link.out.acknowledged > before && link.out.acknowledged == link.out.length).then_some(()))
    })
    .await;

    // Whoever has given a receipt cannot say later that it had seen nothing.
    let id = DelegationId::from_hex(&delegation.id).unwrap();
    let denial = puppet.say(&super::comment("We never got that"), Some(id));
    let receipt = puppet.receipt(&puppet.push(vec![denial]).await);
    let outcomes: Vec<_> = receipt.outcomes.iter().map(|outcome| outcome.2.as_str()).collect();
    assert_eq!(outcomes, ["seen-behind-receipt"]);
}

/// The reader's side of a stream.
struct Reader {
    secret: SecretKey,
    link: LinkId,
    nonce: [u8; 32],
    /// How many messages it says it holds, and the hash of the last.
    held: (u64, Hash),
    manner: Arc<Mutex<Manner>>,
    /// The last true receipt.
    given: Vec<u8>,
}

impl Reader {
    fn answer(&mut self, heard: &Heard) -> Reply {
        match heard.what.as_str() {
            "POST /deskwire/1/hello" => self.welcome(&heard.body),
            "POST /deskwire/1/batch" => self.receipt(&heard.body),
            _ => Reply::problem(404, "unknown-path"),
        }
    }

    fn welcome(&mut self, body: &[u8]) -> Reply {
        self.nonce[0] = self.nonce[0].wrapping_add(1);
        super::welcome(&self.secret, (self.link, self.held), self.nonce, body)
    }

    fn receipt(&mut self, body: &[u8]) -> Reply {
        let manner = *self.manner.lock().unwrap();
        let batch = Batch::decode(body).unwrap();
        let last = batch.deliveries.last().unwrap();
        let head = deskwire_proto::envelope::read_head(last.signed()).unwrap();
        let upto = if manner == Manner::BeyondTheEnd { head.seq + 5 } else { head.seq };
        let mut times = vec![0; upto as usize];
        times[0] = now().0;
        let receipt = Receipt {
            v: V1,
            to: head.from,
            base: 0,
            from: head.to,
            hash: if manner == Manner::OtherHash { Hash::of(b"other") } else { last.hash() },
            link: if manner == Manner::OtherLink { LinkId::new([9; 32]) } else { self.link },
            upto,
            times,
            length: 0,
            outcomes: Vec::new(),
        };
        let stranger = SecretKey::from_seed(&[3; 32]);
        let key = if manner == Manner::Stranger { &stranger } else { &self.secret };
        let mut bytes = Signed::seal(receipt, key).raw().to_vec();
        match manner {
            Manner::BadSignature => *bytes.last_mut().unwrap() ^= 1,
            Manner::NotAReceipt => bytes = last.signed().to_vec(),
            Manner::Old => bytes = self.given.clone(),
            Manner::Truly => {
                self.held = (upto, last.hash());
                self.given.clone_from(&bytes);
            }
            _ => {}
        }
        Reply::signed(bytes)
    }
}
