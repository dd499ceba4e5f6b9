//! A proxy before a registry that cuts, delays and refuses at random, with a fixed seed; and counts bytes.
//!
//! It carries one request a connection: what it passes on asks for the connection to be closed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A running proxy; it ends with the value.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct State {
    /// The state of the generator.
    random: u64,
    /// Of a thousand connections, so many meet with something.
    troubled: u64,
    counts: BTreeMap<&'static str, u64>,
    /// Bytes that came after the heads of requests.
    uploaded: u64,
}

impl State {
    /// A number below `below`; xorshift64.
    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn fate(&mut self) -> Fate {
        if self.draw(1000) >= self.troubled {
            return Fate::Pass;
        }
        let fate = match self.draw(8) {
            0 => Fate::Answer(429),
            1 => Fate::Answer(500),
            2 => Fate::Answer(502),
            3 => Fate::CutAtOnce,
            4 => Fate::CutRequest(self.draw(60_000) as usize),
            5 => Fate::CutAnswer(0),
            6 => Fate::CutAnswer(self.draw(400) as usize),
            _ => Fate::Delay(Duration::from_millis(5 + self.draw(40))),
        };
        *self.counts.entry(fate.name()).or_default() += 1;
        fate
    }
}

/// What happens to a connection.
#[derive(Clone, Copy)]
enum Fate {
    Pass,
    Answer(u16),
    CutAtOnce,
    /// After so many bytes of the request's body.
    CutRequest(usize),
    /// After so many bytes of the answer; the registry has done what it was asked.
    CutAnswer(usize),
    Delay(Duration),
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Answer(429) => "429",
            Self::Answer(500) => "500",
            Self::Answer(_) => "502",
            Self::CutAtOnce => "cut at once",
            Self::CutRequest(_) => "cut in the request",
            Self::CutAnswer(0) => "cut before the answer",
            Self::CutAnswer(_) => "cut in the answer",
            Self::Delay(_) => "delayed",
        }
    }
}

impl FaultProxy {
    /// A proxy before `upstream` (`host:port`) that leaves everything alone.
    pub fn before(upstream: String) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(Mutex::new(State {
            random: 1,
            troubled: 0,
            counts: BTreeMap::new(),
            uploaded: 0,
        }));
        let stop = Arc::new(Notify::new());
        let (shared, stopped) = (state.clone(), stop.clone());
        let thread = std::thread::spawn(move || serve(listener, upstream, shared, stopped));
        Self {
            address,
            state,
            stop,
            thread: Some(thread),
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// From now on, of a thousand connections `troubled` meet with something, drawn from `seed`.
    pub fn trouble(&self, seed: u64, troubled: u64) {
        let mut state = self.state();
        state.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        state.troubled = troubled;
    }

    /// How often each kind of trouble was made.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state().counts.clone()
    }

    /// Bytes of request bodies so far.
    pub fn uploaded(&self) -> u64 {
        self.state().uploaded
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: std::net::TcpListener, upstream: String, state: Arc<Mutex<State>>, stop: Arc<Notify>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener).expect("a listener");
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.expect("a connection").0,
                () = stop.notified() => return,
            };
            let (upstream, state) = (upstream.clone(), state.clone());
            tokio::spawn(async move {
                // Either end may hang up: that is what this is for.
                let _ = carry(stream, &upstream, &state).await;
            });
        }
    });
}

async fn carry(mut client: TcpStream, upstream: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 2;
        }
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let fate = locked().fate();
    match fate {
        Fate::CutAtOnce => return Ok(()),
        Fate::Answer(status) => {
            let answer = format!(
                "HTTP/1.1 {status} Trouble\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            client.write_all(answer.as_bytes()).await?;
            client.shutdown().await?;
            // What is still on its way is taken in, or the answer would not be heard.
            let mut rest = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut rest)).await;
            return Ok(());
        }
        Fate::Delay(pause) => tokio::time::sleep(pause).await,
        _ => {}
    }
    let mut server = TcpStream::connect(upstream).await?;
    let body = head.split_off(end + 2);
    head.truncate(end);
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    server.write_all(&head).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (most_up, most_down) = match fate {
        Fate::CutRequest(most) => (most, usize::MAX),
        Fate::CutAnswer(most) => (usize::MAX, most),
        _ => (usize::MAX, usize::MAX),
    };
    let count = |more: usize| locked().uploaded += more as u64;
    let up = async {
        let (mut sent, mut piece) = (body.len().min(most_up), body);
        to_server.write_all(&piece[..sent]).await?;
        count(sent);
        while sent < most_up {
            piece.resize(64 << 10, 0);
            let read = from_client.read(&mut piece).await?.min(most_up - sent);
            if read == 0 {
                // The client has said all, and waits.
                return std::future::pending().await;
            }
            to_server.write_all(&piece[..read]).await?;
            count(read);
            sent += read;
        }
        Ok(())
    };
    let down = async {
        let (mut got, mut piece) = (0, vec![0; 64 << 10]);
        loop {
            let read = from_server.read(&mut piece).await?;
            if read == 0 || got >= most_down {
                return Ok::<(), std::io::Error>(());
            }
            let read = read.min(most_down - got);
            to_client.write_all(&piece[..read]).await?;
            got += read;
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}
