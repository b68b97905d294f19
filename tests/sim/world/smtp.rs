//! A mail server: one conversation, with whatever the seed lets go wrong in it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailwright::egress::Transport;
use mailwright::model::Phase;
use mailwright::model::service::TlsMode;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::{World, replies, tls};
use crate::dice::Dice;
use crate::plan::{Access, Mailbox};

/// What password services log in with.
pub const PASSWORD: &str = "correct-horse-battery";

/// The conversation is over.
pub struct Gone;

pub type Step<T> = Result<T, Gone>;

pub struct Conversation {
    pub world: World,
    pub mailbox: usize,
    pub dice: Dice,
    who: String,
    stream: Option<BufReader<Box<dyn Transport>>>,
    /// Makes the process panic at the next thing that it hears.
    pub mine: Arc<AtomicBool>,
    is_secure: bool,
    is_known: bool,
}

/// Talks until either side hangs up.
pub async fn serve(
    world: World,
    mailbox: usize,
    number: u64,
    dice: Dice,
    (stream, mine): (DuplexStream, Arc<AtomicBool>),
) {
    let mut conversation = Conversation {
        world,
        mailbox,
        dice,
        who: format!("smtp {number}"),
        stream: Some(BufReader::new(Box::new(stream))),
        mine,
        is_secure: false,
        is_known: false,
    };
    // However it ended, it is over.
    let _ = conversation.talk().await;
    conversation.note("closed");
}

impl Conversation {
    async fn talk(&mut self) -> Step<()> {
        if self.plan().tls == TlsMode::Implicit {
            self.secure().await?;
        }
        if let Some(refusal) = self.hitch(Phase::Connect).await? {
            return self.refuse(refusal, &[]).await;
        }
        self.say("220 world ESMTP").await?;
        loop {
            let line = self.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.hello().await?,
                "STARTTLS" => {
                    self.say("220 go on").await?;
                    self.secure().await?;
                }
                "AUTH" => self.authenticate(&line).await?,
                "MAIL" => self.mail().await?,
                "RSET" => self.answer(Phase::MailFrom, "250 forgotten").await?,
                "QUIT" => {
                    self.answer(Phase::MailFrom, "221 bye").await?;
                    return Err(Gone);
                }
                _ => self.say("500 5.5.1 what?").await?,
            }
        }
    }

    async fn secure(&mut self) -> Step<()> {
        let stream = self.stream.take().ok_or(Gone)?.into_inner();
        let acceptor = &tls::authority().1;
        let stream = acceptor.accept(stream).await.map_err(|_| Gone)?;
        self.stream = Some(BufReader::new(Box::new(stream)));
        self.is_secure = true;
        Ok(())
    }

    async fn hello(&mut self) -> Step<()> {
        if let Some(refusal) = self.hitch(Phase::Ehlo).await? {
            return self.refuse(refusal, &[]).await;
        }
        let mut lines = vec!["world", "SIZE 40000000"];
        if self.plan().character.pipelining {
            lines.push("PIPELINING");
        }
        match self.plan().access {
            _ if !self.is_secure && self.plan().tls == TlsMode::Starttls => lines.push("STARTTLS"),
            Access::Open => {}
            Access::Password => lines.push("AUTH PLAIN"),
            Access::Token => lines.push("AUTH XOAUTH2 OAUTHBEARER"),
        }
        let text: Vec<String> = lines.iter().map(|line| format!("250-{line}")).collect();
        self.say(&format!("{}\r\n250 8BITMIME", text.join("\r\n")))
            .await
    }

    async fn authenticate(&mut self, line: &str) -> Step<()> {
        let mut words = line.split(' ').skip(1);
        let (mechanism, response) = (words.next(), words.next().unwrap_or_default());
        let response = STANDARD.decode(response).unwrap_or_default();
        let response = String::from_utf8_lossy(&response).into_owned();
        if let Some(refusal) = self.hitch(Phase::Authenticate).await? {
            return self.refuse(refusal, &[]).await;
        }
        self.is_known = match self.plan().access {
            Access::Open => true,
            Access::Password => response.ends_with(&format!("\0{PASSWORD}")),
            Access::Token => {
                let after = response.split("auth=Bearer ").nth(1).unwrap_or_default();
                let token = after.split('\u{1}').next().unwrap_or_default();
                self.world.knows_token(self.mailbox, token)
            }
        };
        if self.is_known {
            return self.say("235 2.7.0 welcome").await;
        }
        if mechanism != Some("PLAIN") {
            self.say("334 eyJzdGF0dXMiOiI0MDEifQ==").await?;
            self.line().await?;
        }
        self.refuse("535 5.7.3 Authentication unsuccessful", &[])
            .await
    }

    /// The step's own reply, unless something goes wrong.
    pub async fn answer(&mut self, phase: Phase, reply: &str) -> Step<()> {
        match self.hitch(phase).await? {
            Some(refusal) => self.refuse(refusal, &[]).await,
            None => self.say(reply).await,
        }
    }

    /// What goes wrong before the step is answered: it waits, hangs up, or gives a refusal.
    pub async fn hitch(&mut self, phase: Phase) -> Step<Option<&'static str>> {
        if !self.world.is_troubled() {
            return Ok(None);
        }
        let character = self.plan().character;
        if self.dice.in_1000(character.silent) {
            self.note(&format!("says nothing more in {phase:?}"));
            return Err(self.silence().await);
        }
        if self.dice.in_1000(character.cut) {
            self.note(&format!("hangs up in {phase:?}"));
            return Err(Gone);
        }
        if self.dice.in_1000(character.slow) {
            let most = self.dice.pick(&[5, 60, 280]);
            let wait = self.dice.seconds(0, most);
            self.world.env().sleep(wait).await;
        }
        let refuse = match phase {
            Phase::RcptTo => character.refuse_recipient,
            _ => character.refuse,
        };
        let refuses = self.dice.in_1000(refuse);
        Ok(refuses.then(|| replies::refusal(phase, &mut self.dice)))
    }

    /// Says nothing until the other side hangs up.
    pub async fn silence(&mut self) -> Gone {
        let mut rest = [0; 4096];
        while let Some(stream) = &mut self.stream
            && stream.read(&mut rest).await.is_ok_and(|read| read > 0)
        {}
        Gone
    }

    /// A numbered refusal of these recipients, or of whatever was asked; a 421 is the last word.
    pub async fn refuse(&mut self, reply: &str, recipients: &[String]) -> Step<()> {
        self.numbered(reply, recipients).await?;
        match reply.starts_with("421") {
            true => Err(Gone),
            false => Ok(()),
        }
    }

    /// Says a reply that names its number, and returns it.
    pub async fn numbered(&mut self, reply: &str, recipients: &[String]) -> Step<usize> {
        let code = reply[..3].parse().expect("a reply begins with its code");
        let number = self.world.replied(code, recipients);
        self.say(&format!("{reply} (#{number})")).await?;
        Ok(number)
    }

    pub async fn say(&mut self, reply: &str) -> Step<()> {
        let last = reply.lines().last().unwrap_or_default();
        self.note(&format!("S {last}"));
        let stream = self.stream.as_mut().ok_or(Gone)?;
        let written = stream.write_all(format!("{reply}\r\n").as_bytes()).await;
        written.map_err(|_| Gone)?;
        stream.flush().await.map_err(|_| Gone)
    }

    /// The next command. What it proves who is there with is not written down.
    pub async fn line(&mut self) -> Step<String> {
        let line = self.bytes().await?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let shown = line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        self.note(&format!("C {shown}"));
        Ok(line)
    }

    /// The next line with its end.
    pub async fn bytes(&mut self) -> Step<Vec<u8>> {
        let mut line = Vec::new();
        let stream = self.stream.as_mut().ok_or(Gone)?;
        match stream.read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 && line.ends_with(b"\n") => Ok(line),
            _ => Err(Gone),
        }
    }

    pub fn plan(&self) -> &Mailbox {
        &self.world.plan().mailboxes[self.mailbox]
    }

    pub fn may_send(&self) -> bool {
        self.is_known || self.plan().access == Access::Open
    }

    pub fn note(&self, what: &str) {
        self.world.note(&self.who, what);
    }
}
