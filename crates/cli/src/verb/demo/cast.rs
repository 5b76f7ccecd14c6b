//! The three desks of the story, as processes.

use std::{net::SocketAddr, path::Path, time::Instant};

use deskwire_api_types::Desk;
use deskwire_client::{Client, local::LocalDesk};

use super::transcript::Transcript;
use crate::{
    desks,
    failure::{Done, Failure},
    render::short,
};

/// One desk and the person who acts there.
#[derive(Debug)]
pub(super) struct Player {
    /// What the transcript calls it.
    pub(super) short: &'static str,
    /// Its display name.
    pub(super) name: &'static str,
    /// Who acts there.
    pub(super) person: &'static str,
    /// What its daemon says of itself.
    pub(super) info: Desk,
    /// A client of its daemon, acting for the person.
    pub(super) client: Client,
    /// The process.
    pub(super) desk: LocalDesk,
}

/// All three.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) shop: Player,
    pub(super) acme: Player,
    pub(super) kassa: Player,
}

/// What the transcript calls them; folders in lower case.
pub(super) const NAMES: [&str; 3] = ["Shop", "Acme", "Kassa"];

impl Cast {
    /// Makes and starts the three desks below `root`, all at once.
    pub(super) async fn start(root: &Path, script: &Transcript) -> Result<Self, Failure> {
        let [shop, acme, kassa] = desks::free_ports()?;
        script.title("Three desks, three processes");
        let begun = Instant::now();
        let (shop, acme, kassa) = tokio::try_join!(
            Player::start(root, "Shop", "Shop Retail", "Olga Smirnova", shop),
            Player::start(root, "Acme", "Acme Service", "Igor Sokolov", acme),
            Player::start(root, "Kassa", "Kassa Systems", "Lena Hoffmann", kassa),
        )?;
        let cast = Self { shop, acme, kassa };
        for player in cast.players() {
            player.introduce(script);
        }
        script
            .more(|style| style.dim(&format!("made and started in {:.2} s", begun.elapsed().as_secs_f64())));
        Ok(cast)
    }

    pub(super) fn players(&self) -> [&Player; 3] {
        [&self.shop, &self.acme, &self.kassa]
    }

    fn into_desks(self) -> [LocalDesk; 3] {
        [self.shop.desk, self.acme.desk, self.kassa.desk]
    }

    /// Asks all three to end, and waits for it.
    pub(super) async fn stop(self) -> Done {
        desks::stop_all(self.into_desks()).await
    }

    /// Lets them run on.
    pub(super) fn leave_running(self) {
        for desk in self.into_desks() {
            desk.leave_running();
        }
    }

    /// The last lines of those that have ended although nobody asked them to; of all when none has.
    pub(super) fn last_words(&mut self) -> String {
        const LINES: usize = 12;
        let mut players = [&mut self.shop, &mut self.acme, &mut self.kassa];
        let ended = players.each_mut().map(|player| player.desk.ended());
        let nobody = ended.iter().all(Option::is_none);
        let mut text = String::new();
        for (player, ended) in players.iter().zip(ended) {
            let words = player.desk.last_words(LINES);
            if (ended.is_some() || nobody) && !words.is_empty() {
                let how = ended.map_or_else(|| "runs".to_owned(), |status| format!("has ended: {status}"));
                text.push_str(&format!(
                    "\nThe last lines of {} ({how}):\n  {}\n",
                    player.short,
                    words.join("\n  ")
                ));
            }
        }
        text
    }
}

impl Player {
    async fn start(
        root: &Path,
        short: &'static str,
        name: &'static str,
        person: &'static str,
        listen: SocketAddr,
    ) -> Result<Self, Failure> {
        let desk = desks::start(root, &short.to_lowercase(), name, listen).await?;
        let client = desk.client().clone().acting_as(person);
        let info = client.desk().await?;
        Ok(Self { short, name, person, info, client, desk })
    }

    /// Where it is reached, as its partners are told.
    pub(super) fn endpoint(&self) -> &str {
        self.info.endpoints.first().map_or("", String::as_str)
    }

    fn introduce(&self, script: &Transcript) {
        let words = format!(
            "{}: desk {}…, {}, process {}, up in {} ms",
            self.name,
            short(&self.info.id),
            self.endpoint(),
            self.desk.pid(),
            self.desk.took().as_millis()
        );
        script.did(self.short, &words);
    }
}
