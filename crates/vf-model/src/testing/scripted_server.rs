//! A server on the loopback interface that answers as a script says, faults included.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST /v1/chat/completions`.
    pub line: String,
    /// The headers, a line each.
    pub headers: String,
    /// The body; `null` where it is not JSON.
    pub body: Value,
}

impl Received {
    pub fn is(&self, path: &str) -> bool {
        self.line.split(' ').nth(1) == Some(path)
    }

    /// Whatever the messages or the prompt of the body say.
    pub fn prompt(&self) -> String {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let texts = messages.into_iter().flatten().filter_map(|m| m.get("content"));
        let texts: Vec<&str> = texts
            .chain(self.body.get("prompt"))
            .filter_map(Value::as_str)
            .collect();
        texts.join("\n")
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer with this code, these further header lines and this body.
    Answer(u16, Vec<String>, String),
    /// The head of a good answer and this beginning of its body, then the connection is closed.
    Cut(String),
    /// The connection is closed without a word.
    Close,
    /// Nothing for so long, then this.
    After(Duration, Box<Reply>),
    /// The head of a good answer, then its body byte by byte, with this wait between.
    Drip(Duration, String),
    /// A body that does not end.
    Endless,
    /// These bytes.
    Raw(Vec<u8>),
}

impl Reply {
    pub fn json(value: &Value) -> Reply {
        Reply::Answer(200, Vec::new(), value.to_string())
    }

    pub fn error(status: u16, message: &str) -> Reply {
        Reply::Answer(
            status,
            Vec::new(),
            json!({ "error": { "message": message } }).to_string(),
        )
    }

    /// The answer to `GET /models`.
    pub fn models(names: &[&str], owner: &str) -> Reply {
        let data: Vec<Value> = names
            .iter()
            .map(|name| json!({ "id": name, "object": "model", "owned_by": owner }))
            .collect();
        Reply::json(&json!({ "object": "list", "data": data }))
    }

    /// A conversation's answers.
    pub fn chat(texts: &[&str]) -> Reply {
        let choice = |(index, text): (usize, &&str)| {
            let message = json!({ "role": "assistant", "content": text });
            json!({ "index": index, "message": message, "finish_reason": "stop", "logprobs": null })
        };
        let choices: Vec<Value> = texts.iter().enumerate().map(choice).collect();
        Reply::json(&json!({ "id": "x", "object": "chat.completion", "choices": choices, "usage": {} }))
    }
}

/// Runs until it is dropped.
pub struct ScriptedServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

type Script = dyn FnMut(&Received) -> Reply + Send;

impl ScriptedServer {
    /// Asks the script for the reply to each request, in the order in which they come.
    pub fn start(script: impl FnMut(&Received) -> Reply + Send + 'static) -> std::io::Result<ScriptedServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let script: Arc<Mutex<Box<Script>>> = Arc::new(Mutex::new(Box::new(script)));
        let (seen, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                let stopped = Arc::clone(&stopped);
                std::thread::spawn(move || {
                    // A client that goes away is part of some tests.
                    let _ = serve(stream, &seen, &script, &stopped);
                });
            }
        });
        Ok(ScriptedServer {
            address,
            requests,
            stop,
            listener: Some(listener),
        })
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests so far.
    pub fn requests(&self) -> Vec<Received> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Requests for completions so far.
    pub fn asked(&self) -> Vec<Received> {
        let mut asked = self.requests();
        asked.retain(|r| r.line.starts_with("POST "));
        asked
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Received>>,
    script: &Mutex<Box<Script>>,
    stopped: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    let Some(request) = receive(&mut stream)? else {
        return Ok(());
    };
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    let reply = {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        script(&request)
    };
    send(&mut stream, reply, stopped)
}

fn receive(stream: &mut TcpStream) -> std::io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    };
    let head = String::from_utf8_lossy(bytes.get(..head_end).unwrap_or_default()).into_owned();
    let length = head
        .lines()
        .filter_map(|l| l.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let start = head_end.saturating_add(4);
    while bytes.len() < start.saturating_add(length) {
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
    let body = serde_json::from_slice(bytes.get(start..).unwrap_or_default()).unwrap_or(Value::Null);
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    Ok(Some(Received {
        line: line.to_owned(),
        headers: headers.to_owned(),
        body,
    }))
}

fn send(stream: &mut TcpStream, reply: Reply, stopped: &AtomicBool) -> std::io::Result<()> {
    let head = |status: u16, length: u64, more: &[String]| {
        let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n");
        for line in more {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head + "\r\n"
    };
    match reply {
        Reply::Answer(status, more, body) => {
            stream.write_all(head(status, body.len() as u64, &more).as_bytes())?;
            stream.write_all(body.as_bytes())
        }
        Reply::Cut(beginning) => {
            let length = (beginning.len() as u64).saturating_add(1000);
            stream.write_all(head(200, length, &[]).as_bytes())?;
            stream.write_all(beginning.as_bytes())
        }
        Reply::Close => Ok(()),
        Reply::After(wait, reply) => {
            std::thread::sleep(wait);
            send(stream, *reply, stopped)
        }
        Reply::Drip(wait, body) => {
            stream.write_all(head(200, body.len() as u64, &[]).as_bytes())?;
            for byte in body.bytes() {
                std::thread::sleep(wait);
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                stream.write_all(&[byte])?;
            }
            Ok(())
        }
        Reply::Endless => {
            stream.write_all(head(200, 1 << 50, &[]).as_bytes())?;
            let piece = [b' '; 1 << 16];
            while !stopped.load(Ordering::SeqCst) {
                stream.write_all(&piece)?;
            }
            Ok(())
        }
        Reply::Raw(bytes) => stream.write_all(&bytes),
    }
}
