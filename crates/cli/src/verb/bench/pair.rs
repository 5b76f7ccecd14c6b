//! The two desks that are measured, with one accepted delegation between them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use deskwire_api_types::{
    AcceptOffer, Audience, CommentRequest, DelegateRequest, DelegationState, Link, NewTicket, TermsOffer,
};
use deskwire_client::{Client, local::LocalDesk};

use crate::{
    desks::{self, noise},
    failure::{self, Done, Failure},
    output::Output,
};

/// How long a desk may take with what is on its way before something is taken to be wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a desk is asked how far it is.
const PAUSE: Duration = Duration::from_millis(5);

/// The desk that sends, the desk that receives, and what lies between them.
pub(super) struct Pair {
    sender: LocalDesk,
    receiver: LocalDesk,
    names: Names,
}

/// What lies between the two, and where they lie themselves.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Folders of the sender and the receiver.
    pub(super) folders: [PathBuf; 2],
    /// Number of the sender's ticket; its first, unless it had some before.
    pub(super) ticket: String,
    /// Id of the delegation.
    pub(super) delegation: String,
    /// Name of the link at the sender.
    pub(super) link: String,
    /// Name of the link at the receiver.
    pub(super) their_link: String,
}

impl Pair {
    /// Makes, starts and links them, and hands a ticket over.
    pub(super) async fn start(root: &Path) -> Result<Self, Failure> {
        let [one, two] = desks::free_ports()?;
        let (sender, receiver) = tokio::try_join!(
            desks::start(root, "sender", "Sending Desk", one),
            desks::start(root, "receiver", "Receiving Desk", two),
        )?;
        Self::between(sender, receiver).await
    }

    /// Links two desks that run, and hands a ticket over.
    pub(super) async fn between(sender: LocalDesk, receiver: LocalDesk) -> Result<Self, Failure> {
        let (from, to) = (sender.client(), receiver.client());
        let link = desks::introduce(from, to, TermsOffer::default(), false).await?;
        desks::approve(from, to, &link).await?;
        desks::verify(from, to, &link).await?;
        let (ticket, delegation) = hand_over(from, to, &link.at_inviter).await?;
        desks::delegation_becomes(from, &delegation, "The acceptance", |delegation| {
            delegation.state == DelegationState::Accepted
        })
        .await?;
        for client in [from, to] {
            desks::nothing_waits(client).await?;
        }
        let folders = [sender.folder().to_owned(), receiver.folder().to_owned()];
        let (link, their_link) = (link.at_inviter, link.at_accepter);
        Ok(Self { names: Names { folders, ticket, delegation, link, their_link }, sender, receiver })
    }

    /// Starts two desks again, the receiver first, so that the sender meets it at once.
    pub(super) async fn again(names: Names) -> Result<Self, Failure> {
        let program = desks::program()?;
        let receiver = LocalDesk::start(&program, &names.folders[1], &[]).await?;
        let sender = LocalDesk::start(&program, &names.folders[0], &[]).await?;
        Ok(Self { sender, receiver, names })
    }

    /// What lies between the two.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// How long each took from its start until it took work.
    pub(super) fn took(&self) -> [Duration; 2] {
        [self.sender.took(), self.receiver.took()]
    }

    /// One more ticket that the receiver has accepted: a caller who writes on it.
    pub(super) async fn more(&self, size: u64) -> Result<Writer, Failure> {
        let (ticket, delegation) = hand_over(self.sender(), self.receiver(), &self.names.link).await?;
        Ok(Writer { ticket, delegation, ..self.writer(size) })
    }

    /// Ends both with `SIGKILL`.
    pub(super) async fn kill(mut self) -> Names {
        self.sender.kill().await;
        self.receiver.kill().await;
        self.names
    }

    pub(super) fn sender(&self) -> &Client {
        self.sender.client()
    }

    pub(super) fn receiver(&self) -> &Client {
        self.receiver.client()
    }

    pub(super) fn pids(&self) -> [u32; 2] {
        [self.sender.pid(), self.receiver.pid()]
    }

    pub(super) fn folders(&self) -> [PathBuf; 2] {
        self.names.folders.clone()
    }

    /// Ends both.
    pub(super) async fn stop(self) -> Done {
        desks::stop_all([self.sender, self.receiver]).await
    }

    /// Measures, ends both, and shows their last words where that failed.
    pub(super) async fn measured<T>(
        self,
        out: Output,
        measure: impl AsyncFnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let measured = desks::unless_interrupted(measure(&self)).await;
        if let Err(failure) = &measured
            && failure.code() != "interrupted"
        {
            out.note(&self.last_words());
        }
        let stopped = self.stop().await;
        // The failure that ended the run is the one to tell.
        measured.and_then(|measured| stopped.map(|()| measured))
    }

    /// The last lines of both logs.
    pub(super) fn last_words(&self) -> String {
        let words = |desk: &LocalDesk| desk.last_words(12).join("\n  ");
        format!(
            "The sender's last lines:\n  {}\nThe receiver's:\n  {}",
            words(&self.sender),
            words(&self.receiver)
        )
    }

    /// A caller who writes comments.
    pub(super) fn writer(&self, size: u64) -> Writer {
        Writer {
            client: self.sender().clone(),
            ticket: self.names.ticket.clone(),
            delegation: self.names.delegation.clone(),
            size: usize::try_from(size).unwrap_or(usize::MAX),
        }
    }

    /// Waits until the receiver has committed everything and its receipts are durable at the sender; returns the link
    /// there.
    pub(super) async fn drained(&self) -> Result<Link, Failure> {
        let mut best = (0, tokio::time::Instant::now());
        loop {
            let link = self.sender().link(&self.names.link).await?;
            let out = link.out;
            if out.waiting == 0 && out.unacknowledged == 0 && out.acknowledged == out.length {
                let taken = self.receiver().link(&self.names.their_link).await?.incoming.length;
                return if taken == out.length { Ok(link) } else { Err(lost(out.length, taken)) };
            }
            if out.acknowledged > best.0 {
                best = (out.acknowledged, tokio::time::Instant::now());
            } else if best.1.elapsed() > PATIENCE {
                return Err(stuck(&link));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A caller who writes comments for the receiver.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    client: Client,
    ticket: String,
    delegation: String,
    size: usize,
}

impl Writer {
    /// The text of this number, like no other of its size.
    pub(super) fn body(&self, number: u64) -> String {
        noise::text(number, self.size)
    }

    /// Writes a comment; returns how often the desk asked for a pause before it took it.
    pub(super) async fn write(&self, body: String) -> Result<u64, Failure> {
        let audience = Audience::Delegations { ids: vec![self.delegation.clone()] };
        let request = CommentRequest { body, audience };
        for pauses in 0.. {
            match self.client.comment(&self.ticket, &request).await {
                Ok(_) => return Ok(pauses),
                Err(Failure::Refused(problem)) if problem.retry_after.is_some() && pauses < 100 => {
                    tokio::time::sleep(Duration::from_secs(problem.retry_after.unwrap_or(1))).await;
                }
                Err(failure) => return Err(failure),
            }
        }
        unreachable!("the attempts end with an answer or a failure")
    }
}

/// A new ticket of the sender, accepted by the receiver: its number, and the delegation's id.
async fn hand_over(from: &Client, to: &Client, link: &str) -> Result<(String, String), Failure> {
    let ticket = NewTicket { title: "Measured".into(), ..Default::default() };
    let ticket = from.new_ticket(&ticket).await?.number;
    let request = DelegateRequest { link: link.to_owned(), ..Default::default() };
    let delegation = from.delegate(&ticket, &request).await?.id;
    desks::offer_arrives(to, &delegation).await?;
    to.accept(&delegation, &AcceptOffer::default()).await?;
    Ok((ticket, delegation))
}

fn lost(sent: u64, taken: u64) -> Failure {
    let detail =
        format!("The sender has receipts for {sent} messages, but the receiver says that it has {taken}.");
    failure::refused(
        "bench-differs",
        "The desks do not agree",
        detail,
        "This is a fault of Deskwire: please report it.",
    )
}

fn stuck(link: &Link) -> Failure {
    let trouble = link.last_error.as_ref().map_or_else(String::new, |trouble| format!(" {}", trouble.words));
    let detail = format!(
        "No message has arrived for {} s; {} are on their way.{trouble}",
        PATIENCE.as_secs(),
        link.out.waiting + link.out.unacknowledged
    );
    failure::refused(
        "bench-stuck",
        "The messages do not arrive",
        detail,
        "Look at the last lines of the desks above.",
    )
}
