//! Fifth part: Acme loses power for a night. The others work on, and in the morning everything is there, once, in order.

use std::time::Instant;

use deskwire_api_types::{Audience, CommentRequest};

use super::{Cast, Player, Told, Transcript, let_onward, say};
use crate::{desks, failure::Failure, verb::demo::props};

pub(super) async fn play(cast: &mut Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let [at_shop, at_acme, at_kassa, at_petrov] = &told.tickets;
    script.title("Acme loses power for a night");
    cast.acme.kill().await;
    script.did(cast.acme.short, &format!("process {} is killed", cast.acme.desk.pid()));
    evening(cast, script, told).await?;

    let begun = Instant::now();
    cast.acme.wake().await?;
    let words = format!(
        "power is back: process {}, up in {} ms",
        cast.acme.desk.pid(),
        cast.acme.desk.took().as_millis()
    );
    script.did(cast.acme.short, &words);
    let Cast { shop, acme, kassa, petrov } = cast;
    let of_shop = [(&*acme, at_acme), (&*kassa, at_kassa), (&*petrov, at_petrov)];
    arrive(&of_shop, &props::SHOP_AT_NIGHT).await?;
    let of_partners = [props::KASSA_AT_NIGHT.as_slice(), &[props::PETROV_AT_NIGHT]].concat();
    arrive(&[(&*acme, at_acme)], &of_partners).await?;
    let_onward(acme, at_acme, of_partners.len()).await?;
    arrive(&[(&*shop, at_shop)], &of_partners).await?;
    let count = props::SHOP_AT_NIGHT.len() + of_partners.len();
    let words = format!(
        "all {count} have gone through the whole chain by themselves, {:.2} s after the start began",
        begun.elapsed().as_secs_f64()
    );
    script.sent(acme.short, &words, &["Shop", "Kassa"]);
    Ok(())
}

/// What is said while Acme is away.
async fn evening(cast: &Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let Cast { shop, kassa, petrov, .. } = cast;
    let [at_shop, _, at_kassa, at_petrov] = &told.tickets;
    for body in props::SHOP_AT_NIGHT {
        let request = CommentRequest { body: body.to_owned(), audience: Audience::Thread };
        shop.client.comment(at_shop, &request).await?;
        script.sent(shop.short, &format!("Olga: “{body}”"), &["Acme, when it is back"]);
    }
    for body in props::KASSA_AT_NIGHT {
        say(kassa, at_kassa, body, Audience::Thread, &[(petrov, at_petrov)], script).await?;
    }
    say(petrov, at_petrov, props::PETROV_AT_NIGHT, Audience::Thread, &[(kassa, at_kassa)], script).await?;
    let waiting = shop.client.link(&told.links.shop_acme).await?.out;
    let count = waiting.waiting + waiting.unacknowledged;
    script.kept(shop.short, &format!("{count} items wait for Acme, and are shown as not delivered"));
    Ok(())
}

/// Waits until each of these desks has all of these comments.
async fn arrive(readers: &[(&Player, &String)], bodies: &[&str]) -> Result<(), Failure> {
    for (reader, ticket) in readers {
        for body in bodies {
            desks::comment_arrives(&reader.client, ticket, body).await?;
        }
    }
    Ok(())
}
