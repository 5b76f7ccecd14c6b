//! Copies of a desk that come to life: nothing is lost or doubled, and nothing goes on before people have looked.

use std::process::Command;

use deskwire_api_types::{Audience, Comment, CommentRequest, Link, LinkState, ThreadEntry};
use deskwire_tests::{
    cli::{self, assert_sentence},
    desk::Desk,
    links::{PATIENCE, accept, find, link, link_with, offer, quiet, until},
    world::World,
};

use crate::kill::streams_agree;

/// One data folder that runs twice, as after a restored machine beside which nobody has switched off the old one: the
/// link stops on both sides as soon as the copy that was replaced speaks, and stays so until one is gone. Then the other
/// starts anew and goes on with everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_that_runs_twice_stops_the_link_until_one_copy_is_gone_and_loses_nothing() {
    let world = World::new("a_desk_runs_twice");
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, theirs) = case(&acme, &kassa).await;
    acme.stop().await;
    let mut twin = acme.twin(world.path("twin"));
    acme.start().await;
    comment(&acme, &ticket, "before the copy ran").await;
    quiet(PATIENCE, &acme, &kassa).await;

    // The copy gets back what the first one has said meanwhile, and Kassa takes it for the desk from then on.
    takes_over(&mut twin, &kassa).await;
    told(&twin, "Kassa", "recovered", 1).await;
    comment(&acme, &ticket, "while both ran").await;
    both_stop(&acme, &kassa, 1).await;
    assert!(shown(&kassa, &theirs, "while both ran").await.is_empty(), "nothing goes on");
    let show = kassa.run(&["link", "show", "acme"]).await;
    assert!(show.out.contains("Two copies of the desk of Acme seem to run"), "{show:?}");
    // The other copy meets a closed door, and its people see that as well.
    comment(&twin, &ticket, "from the copy").await;
    let refused = until("What the copy is told", async || {
        Ok(find(&twin, "Kassa").await?.filter(|link| link.state == LinkState::Quarantined))
    })
    .await;
    assert_eq!(refused.last_error.unwrap().code, "link-paused");

    // As long as nothing has been done about it, going on ends at the same place.
    resume(&kassa, &acme).await;
    both_stop(&acme, &kassa, 2).await;

    twin.kill().await;
    acme.stop().await;
    acme.start().await;
    resume(&kassa, &acme).await;
    quiet(PATIENCE, &acme, &kassa).await;
    all_shown(&[(&acme, &ticket), (&kassa, &theirs)], &["before the copy ran", "while both ran"]).await;
    whole(&acme, &kassa).await;
    comment(&kassa, &theirs, "and on").await;
    quiet(PATIENCE, &acme, &kassa).await;
    all_shown(&[(&acme, &ticket)], &["and on"]).await;
}

/// Both copies are behind a router and fetch what there is for their desk: what one of them got, the other one gets when
/// it has become the only one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_behind_a_router_fetched_away_comes_to_the_one_that_stays() {
    let world = World::new("copies_behind_a_router");
    let (mut acme, kassa) = tokio::join!(Desk::hidden(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, theirs) = case(&acme, &kassa).await;
    acme.stop().await;
    let mut twin = acme.twin(world.path("twin"));
    acme.start().await;
    comment(&acme, &ticket, "before the copy ran").await;
    quiet(PATIENCE, &acme, &kassa).await;

    takes_over(&mut twin, &kassa).await;
    let said = ["to either, one", "to either, two", "to either, three"];
    for body in said {
        comment(&kassa, &theirs, body).await;
        until("Somebody has fetched it", async || {
            let out = link_with(&kassa, "Acme").await.out;
            Ok((out.waiting == 0 && out.acknowledged == out.length).then_some(()))
        })
        .await;
    }
    comment(&acme, &ticket, "while both ran").await;
    both_stop(&acme, &kassa, 1).await;

    twin.kill().await;
    acme.stop().await;
    acme.start().await;
    resume(&kassa, &acme).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let desks = [(&acme, ticket.as_str()), (&kassa, &theirs)];
    all_shown(&desks, &["before the copy ran"]).await;
    all_shown(&desks, &said).await;
    // What was said while the other copy had fetched away, and confirmed, what it does not know of is refused.
    let own = shown(&acme, &ticket, "while both ran").await;
    match shown(&kassa, &theirs, "while both ran").await.len() {
        1 => all_shown(&desks, &["while both ran"]).await,
        _ => assert_eq!(own[0].deliveries[0].code.as_deref(), Some("seen-behind-receipt"), "{own:?}"),
    }
    whole(&acme, &kassa).await;
}

/// Both copies speak before either has heard of the other: two messages have one number, which is a fork. The operators
/// choose what the partner holds; what the other copy had said is kept with it and shown as without effect. As long as
/// both run, the choice alone is not enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_that_both_speak_are_a_fork_and_a_choice_does_not_hide_the_second_copy() {
    let world = World::new("two_copies_speak");
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, theirs) = case(&acme, &kassa).await;
    acme.stop().await;
    let mut twin = acme.twin(world.path("twin"));
    acme.start().await;
    comment(&acme, &ticket, "before the copy ran").await;
    quiet(PATIENCE, &acme, &kassa).await;
    takes_over(&mut twin, &kassa).await;
    comment(&twin, &ticket, "from the copy").await;
    until("The word of the copy", async || {
        Ok((shown(&kassa, &theirs, "from the copy").await.len() == 1).then_some(()))
    })
    .await;

    comment(&acme, &ticket, "from the first one").await;
    told(&kassa, "Acme", "fork", 1).await;
    told(&acme, "Kassa", "fork", 1).await;
    choose(&kassa, &acme, "--ours", "--theirs").await;
    quiet(PATIENCE, &acme, &kassa).await;
    all_shown(&[(&acme, &ticket), (&kassa, &theirs)], &["before the copy ran", "from the copy"]).await;
    without_effect(&acme, &ticket, "from the first one").await;

    comment(&acme, &ticket, "and on").await;
    both_stop(&acme, &kassa, 1).await;
    twin.kill().await;
    acme.stop().await;
    acme.start().await;
    resume(&kassa, &acme).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let all = ["before the copy ran", "from the copy", "and on"];
    all_shown(&[(&acme, &ticket), (&kassa, &theirs)], &all).await;
    without_effect(&acme, &ticket, "from the first one").await;
    whole(&acme, &kassa).await;
}

/// A stale backup speaks while the newer disk is away, which had signed something else under that number. When the newer
/// disk is back, both operators choose it: what the older one had said is kept at the partner, without effect. That one
/// had told its own address; partners come back to the right one when the desk has been started once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_after_a_stale_backup_is_repaired_with_what_its_author_holds() {
    let world = World::new("a_fork_repaired_authors");
    let forked = Forked::new(&world, true).await;
    choose(&forked.kassa, &forked.acme, "--theirs", "--ours").await;
    let Forked { acme, kassa, ticket, theirs } = &forked;
    quiet(PATIENCE, acme, kassa).await;
    all_shown(&[(acme, ticket), (kassa, theirs)], &["before", "on the newer disk"]).await;
    without_effect(kassa, theirs, "on the older disk").await;
    forked.goes_on().await;
}

/// The same, and the operators choose what the partner holds: the desk takes over what its older copy had said, and keeps
/// what it had signed itself, without effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_after_a_stale_backup_is_repaired_with_what_its_reader_holds() {
    let world = World::new("a_fork_repaired_readers");
    let forked = Forked::new(&world, false).await;
    choose(&forked.kassa, &forked.acme, "--ours", "--theirs").await;
    let Forked { acme, kassa, ticket, theirs } = &forked;
    quiet(PATIENCE, acme, kassa).await;
    all_shown(&[(acme, ticket), (kassa, theirs)], &["before", "on the older disk"]).await;
    without_effect(acme, ticket, "on the newer disk").await;
    forked.goes_on().await;
}

/// Two desks whose link stands still over a fork, with the ticket of each.
struct Forked {
    acme: Desk,
    kassa: Desk,
    ticket: String,
    theirs: String,
}

impl Forked {
    /// `moved`: the older disk tells partners another address.
    async fn new(world: &World, moved: bool) -> Self {
        let (mut acme, mut kassa) = tokio::join!(Desk::new(world, "Acme"), Desk::new(world, "Kassa"));
        link(&kassa, &acme, Default::default()).await;
        let (ticket, theirs) = case(&acme, &kassa).await;
        let file = world.path("stale.tar");
        let file = file.to_str().unwrap();
        acme.json(&["backup", "--with-keys", file]).await;
        comment(&acme, &ticket, "before").await;
        quiet(PATIENCE, &acme, &kassa).await;

        // Acme signs a message in an open session, and its partner dies before it has read it.
        let length = link_with(&acme, "Kassa").await.out.length;
        let pid = kassa.daemon().pid().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
        comment(&acme, &ticket, "on the newer disk").await;
        until("The number of the message", async || {
            Ok((link_with(&acme, "Kassa").await.out.length > length).then_some(()))
        })
        .await;
        acme.kill().await;
        kassa.kill().await;
        kassa.start().await;

        let folder = world.path("older");
        let restored = cli::run(&folder, &["restore", file, "--json"]).await;
        assert_eq!(restored.code, 0, "{restored:?}");
        let mut older = if moved { Desk::found(folder, "Acme") } else { acme.again(folder) };
        older.start().await;
        comment(&older, &ticket, "on the older disk").await;
        quiet(PATIENCE, &older, &kassa).await;
        all_shown(&[(&older, &ticket), (&kassa, &theirs)], &["before", "on the older disk"]).await;
        older.stop().await;

        acme.start().await;
        told(&kassa, "Acme", "fork", 1).await;
        told(&acme, "Kassa", "fork", 1).await;
        all_shown(&[(&kassa, &theirs)], &["before", "on the older disk"]).await;
        all_shown(&[(&acme, &ticket)], &["before", "on the newer disk"]).await;
        Self { acme, kassa, ticket, theirs }
    }

    /// Nothing of it is left to do, and work goes on both ways, also after another start.
    async fn goes_on(mut self) {
        whole(&self.acme, &self.kassa).await;
        for (desk, ticket) in [(&mut self.acme, &self.ticket), (&mut self.kassa, &self.theirs)] {
            let proof = desk.folder.with_extension("proof");
            let proof = proof.to_str().unwrap();
            desk.json(&["export", ticket, "-o", proof]).await;
            let read = desk.run(&["verify", "--file", proof]).await;
            assert_eq!((read.code, read.err.as_str()), (0, ""), "{read:?}");
            desk.stop().await;
            assert_eq!(desk.run(&["check"]).await.code, 0);
            desk.start().await;
        }
        let Self { acme, kassa, ticket, theirs } = &self;
        comment(acme, ticket, "and on").await;
        comment(kassa, theirs, "on and on").await;
        quiet(PATIENCE, acme, kassa).await;
        all_shown(&[(acme, ticket), (kassa, theirs)], &["and on", "on and on"]).await;
        whole(acme, kassa).await;
    }
}

/// A case that one desk has handed to the other: the ticket of each, with nothing under way.
async fn case(acme: &Desk, kassa: &Desk) -> (String, String) {
    let (ticket, delegation) = offer(acme, "Kassa", "Dead cash register").await;
    let theirs = accept(kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, acme, kassa).await;
    (ticket, theirs)
}

async fn comment(desk: &Desk, ticket: &str, body: &str) {
    let request = CommentRequest { body: body.to_owned(), audience: Audience::Thread };
    desk.client().comment(ticket, &request).await.unwrap();
}

/// The comments of a ticket with this body.
async fn shown(desk: &Desk, ticket: &str, body: &str) -> Vec<Comment> {
    let thread = desk.client().ticket(ticket).await.unwrap().thread;
    let comment = |entry| match entry {
        ThreadEntry::Comment(comment) => Some(comment),
        _ => None,
    };
    thread.into_iter().filter_map(comment).filter(|comment| comment.body.as_deref() == Some(body)).collect()
}

/// Each of these bodies is there once, and counts.
async fn all_shown(tickets: &[(&Desk, &str)], bodies: &[&str]) {
    for (desk, ticket) in tickets {
        for body in bodies {
            let found = shown(desk, ticket, body).await;
            let [one] = &found[..] else { panic!("{body} at {}: {found:?}", desk.name) };
            let delivered = one.deliveries.iter().all(|told| told.code.is_none());
            assert!(one.no_effect.is_none() && delivered, "{body} at {}: {one:?}", desk.name);
        }
    }
}

/// The comment is there once, and says why it does not count, in the answer of the API and to a person: an own one where
/// its delivery is told.
async fn without_effect(desk: &Desk, ticket: &str, body: &str) {
    let found = shown(desk, ticket, body).await;
    let [one] = &found[..] else { panic!("{body} at {}: {found:?}", desk.name) };
    let told = one.deliveries.first().filter(|told| told.code.as_deref() == Some("branch-left"));
    let why = one.no_effect.as_ref().or_else(|| told.and_then(|told| told.words.as_ref()));
    let why = why.unwrap_or_else(|| panic!("{body} counts at {}: {one:?}", desk.name));
    assert_sentence(why);
    let read = desk.run(&["ticket", "show", ticket]).await;
    let words = read.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(body) && words.contains(why.as_str()), "{read:?}");
}

/// Starts another copy of a desk and waits until the partner has taken it for the desk.
async fn takes_over(twin: &mut Desk, partner: &Desk) {
    let before = link_with(partner, &twin.name).await.health.unwrap().partner_instances;
    twin.start().await;
    until("The copy is taken for the desk", async || {
        let health = find(partner, &twin.name).await?.and_then(|link| link.health);
        Ok(health.filter(|health| health.partner_instances > before))
    })
    .await;
}

/// Waits until an operator was told this for so many times; in words.
async fn told(desk: &Desk, partner: &str, code: &str, times: usize) {
    let events = until(&format!("{code} at {}", desk.name), async || {
        let events = find(desk, partner).await?.map(|link| link.events).unwrap_or_default();
        let told: Vec<_> = events.into_iter().filter(|event| event.code == code).collect();
        Ok((told.len() >= times).then_some(told))
    })
    .await;
    assert_eq!(events.len(), times, "{events:?}");
    events.iter().for_each(|event| assert_sentence(&event.words));
}

/// Both sides have found out that the first desk runs twice, for so many times, and stand still.
async fn both_stop(twice: &Desk, partner: &Desk, times: usize) {
    for (desk, other) in [(partner, &twice.name), (twice, &partner.name)] {
        told(desk, other, "clone-suspected", times).await;
        assert_eq!(paused(desk, other).await.last_error.unwrap().code, "clone-suspected");
    }
}

async fn paused(desk: &Desk, partner: &str) -> Link {
    until(&format!("{} stands still at {}", partner, desk.name), async || {
        Ok(find(desk, partner).await?.filter(|link| link.state == LinkState::Paused))
    })
    .await
}

/// Both operators let the link go on.
async fn resume(one: &Desk, other: &Desk) {
    for (desk, partner) in [(one, other), (other, one)] {
        desk.json(&["link", "resume", &link_with(desk, &partner.name).await.name]).await;
    }
}

/// Both operators look at both branches of a fork, which changes nothing, and then choose.
async fn choose(reader: &Desk, author: &Desk, readers: &str, authors: &str) {
    let both = [(reader, author, readers), (author, reader, authors)];
    for (desk, partner, choice) in both {
        let name = link_with(desk, &partner.name).await.name;
        let branches = desk.client().branches(&name).await.unwrap();
        assert_eq!((branches.own, branches.same < branches.length), (desk.name == author.name, true));
        assert_eq!(branches.ours.len() as u64, branches.length - branches.same, "{branches:?}");
        // The author may know of it from the reader's refusal alone, which says nothing that is signed.
        let evidence = branches.other_hex.is_some() && branches.other_hex != branches.held_hex;
        assert!(evidence || branches.own, "{branches:?}");
        let read = desk.run(&["link", "repair", &name, choice, "--dry-run"]).await;
        assert_eq!((read.code, read.err.as_str()), (0, ""), "{read:?}");
        assert_eq!(read.out.contains("`other_hex`"), evidence, "{read:?}");
        assert_eq!(paused(desk, &partner.name).await.last_error.unwrap().code, "fork");
    }
    for (desk, partner, choice) in both {
        let name = link_with(desk, &partner.name).await.name;
        desk.json(&["link", "repair", &name, choice]).await;
        told(desk, &partner.name, "branch-chosen", 1).await;
    }
}

/// Both streams are the same on both sides, and everything stored verifies.
async fn whole(one: &Desk, other: &Desk) {
    streams_agree(one, other).await;
    streams_agree(other, one).await;
    for desk in [one, other] {
        let report = desk.json(&["verify"]).await;
        assert_eq!(report["problems"].as_array().map(Vec::len), Some(0), "{report}");
    }
}
