//! One exchange with one endpoint: a request goes out, an answer comes back or a [`Failure`] that says whether it is
//! worth another try.

use std::time::{Duration, SystemTime};

use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

use super::error::{ServerError, shortened};
use super::key::ApiKey;
use super::retry::retry_after;
use super::wire::{self, Complaint};

/// Bytes of an error answer that are read: its beginning says what is wrong.
const COMPLAINT_LIMIT: u64 = 64 << 10;

/// Why an exchange failed, by what can be done about it.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Another try may succeed, there or at another endpoint; the server may say when.
    Again {
        after: Option<Duration>,
        /// The error when no try is left, after so many.
        error: fn(Again) -> ServerError,
        what: Again,
    },
    /// This answer is of no use, and the same endpoint would hardly give a better one.
    Answer(ServerError),
    /// The endpoint will not answer any request of this run.
    Endpoint(ServerError),
    /// No endpoint will answer this request.
    Request {
        error: ServerError,
        /// The server says that it knows no conversation form for the model.
        no_chat: bool,
    },
}

/// What happened at an endpoint that may work the next time.
#[derive(Clone, Debug)]
pub(super) struct Again {
    pub url: String,
    pub status: u16,
    pub said: String,
    pub attempts: u32,
}

impl Failure {
    /// The failure as an error, after so many tries.
    pub fn into_error(self, attempts: u32) -> ServerError {
        match self {
            Failure::Again { error, what, .. } => error(Again { attempts, ..what }),
            Failure::Answer(error) | Failure::Endpoint(error) | Failure::Request { error, .. } => error,
        }
    }

    fn unreachable(url: &str, why: impl ToString) -> Failure {
        Failure::again(url, 0, why.to_string(), None, |a| ServerError::Unreachable {
            url: a.url,
            why: a.said,
        })
    }

    /// The connection ended inside the exchange.
    pub fn lost(url: &str, why: impl ToString) -> Failure {
        Failure::again(url, 0, why.to_string(), None, |a| ServerError::Lost {
            url: a.url,
            why: a.said,
            attempts: a.attempts,
        })
    }

    fn unavailable(url: &str, status: u16, said: String, after: Option<Duration>) -> Failure {
        Failure::again(url, status, said, after, |a| ServerError::Unavailable {
            url: a.url,
            status: a.status,
            said: a.said,
            attempts: a.attempts,
        })
    }

    fn again(
        url: &str,
        status: u16,
        said: String,
        after: Option<Duration>,
        error: fn(Again) -> ServerError,
    ) -> Failure {
        Failure::Again {
            after,
            error,
            what: Again {
                url: url.to_owned(),
                status,
                said: shortened(&said),
                attempts: 0,
            },
        }
    }
}

/// The connections of a client.
pub(super) struct Http {
    /// For hosts on the network: through a proxy where the environment names one.
    far: Agent,
    /// For this machine: never through a proxy.
    near: Agent,
    key: Option<ApiKey>,
    answer_limit: u64,
}

impl Http {
    pub fn new(connect_timeout: Duration, key: Option<ApiKey>, answer_limit: u64) -> Http {
        let agent = |direct: bool| {
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build();
            let mut config = Agent::config_builder()
                .http_status_as_error(false)
                // Whoever redirects could send the prompt and the key anywhere.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_resolve(Some(connect_timeout))
                .timeout_connect(Some(connect_timeout))
                .tls_config(tls)
                .user_agent(concat!("verify-fix/", env!("CARGO_PKG_VERSION")));
            if direct {
                config = config.proxy(None);
            }
            Agent::from(config.build())
        };
        Http {
            far: agent(false),
            near: agent(true),
            key,
            answer_limit,
        }
    }

    fn agent(&self, url: &str) -> &Agent {
        let uri: Option<Uri> = url.parse().ok();
        match uri.as_ref().and_then(Uri::host) {
            Some("localhost" | "[::1]") => &self.near,
            Some(host) if host.starts_with("127.") => &self.near,
            _ => &self.far,
        }
    }

    /// The server's words without the key.
    pub fn scrub(&self, text: String) -> String {
        match &self.key {
            Some(key) => key.scrub(text),
            None => text,
        }
    }

    pub fn get(&self, url: &str, limit: Duration) -> Result<Vec<u8>, Failure> {
        let mut request = self
            .agent(url)
            .get(url)
            .config()
            .timeout_global(Some(limit))
            .build();
        if let Some(key) = &self.key {
            request = request.header("authorization", key.bearer());
        }
        self.finish(url, limit, request.call())
    }

    pub fn post(&self, url: &str, body: &[u8], limit: Duration) -> Result<Vec<u8>, Failure> {
        let agent = self.agent(url);
        let mut request = agent.post(url).config().timeout_global(Some(limit)).build();
        if let Some(key) = &self.key {
            request = request.header("authorization", key.bearer());
        }
        self.finish(url, limit, request.content_type("application/json").send(body))
    }

    fn finish(
        &self,
        url: &str,
        limit: Duration,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Vec<u8>, Failure> {
        let failed = |error| self.failure(url, limit, error);
        let mut answer = answer.map_err(failed)?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            let body = answer.body_mut().with_config().limit(self.answer_limit);
            return body.read_to_vec().map_err(failed);
        }
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let after = header("retry-after").and_then(|v| retry_after(v, SystemTime::now()));
        let to = header("location").map(str::to_owned);
        if let (300..400, Some(to)) = (status, to) {
            let to = shortened(&self.scrub(to));
            let url = url.to_owned();
            return Err(Failure::Endpoint(ServerError::Redirect { url, status, to }));
        }
        // A body that ends early or is too long has a beginning all the same.
        let mut body = Vec::new();
        let reader = answer.body_mut().as_reader();
        let _ = std::io::Read::read_to_end(&mut std::io::Read::take(reader, COMPLAINT_LIMIT), &mut body);
        Err(self.refusal(url, status, after, wire::complaint(&body)))
    }

    fn refusal(&self, url: &str, status: u16, after: Option<Duration>, complaint: Complaint) -> Failure {
        let said = shortened(&self.scrub(complaint.said));
        let url = url.to_owned();
        if let Some((tokens, context)) = complaint.too_long {
            let error = ServerError::PromptTooLong {
                url,
                tokens,
                context,
                said,
            };
            return Failure::Request {
                error,
                no_chat: false,
            };
        }
        match status {
            401 | 403 => Failure::Endpoint(ServerError::Refused {
                url,
                status,
                said,
                had_key: self.key.is_some(),
            }),
            404 | 405 | 410 | 501 | 505 => Failure::Endpoint(ServerError::Status { url, status, said }),
            408 | 425 | 429 | 500.. if !complaint.no_chat => Failure::unavailable(&url, status, said, after),
            _ => Failure::Request {
                error: ServerError::Status { url, status, said },
                no_chat: complaint.no_chat,
            },
        }
    }

    fn failure(&self, url: &str, limit: Duration, error: ureq::Error) -> Failure {
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Failure::unreachable(url, "no answer to the attempt to connect")
            }
            ureq::Error::Timeout(_) => Failure::Answer(ServerError::Timeout {
                url: url.to_owned(),
                limit,
            }),
            ureq::Error::HostNotFound => Failure::unreachable(url, "the host is not known"),
            ureq::Error::ConnectionFailed => Failure::unreachable(url, "no connection"),
            ureq::Error::ConnectProxyFailed(why) => Failure::unreachable(url, format!("proxy: {why}")),
            ureq::Error::Io(e) => match e.kind() {
                std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::HostUnreachable
                | std::io::ErrorKind::NetworkUnreachable
                | std::io::ErrorKind::AddrNotAvailable => Failure::unreachable(url, e),
                std::io::ErrorKind::TimedOut => Failure::Answer(ServerError::Timeout {
                    url: url.to_owned(),
                    limit,
                }),
                _ => match e.get_ref().is_some_and(|inner| inner.is::<ureq::Error>()) {
                    // An error of the library that went through a reader.
                    true => match e.into_inner().map(|inner| inner.downcast::<ureq::Error>()) {
                        Some(Ok(inner)) if !matches!(*inner, ureq::Error::Io(_)) => {
                            self.failure(url, limit, *inner)
                        }
                        Some(Ok(inner)) => Failure::lost(url, inner),
                        _ => Failure::lost(url, "the connection ended"),
                    },
                    false => Failure::lost(url, e),
                },
            },
            ureq::Error::BodyExceedsLimit(limit) => Failure::Answer(ServerError::TooLarge {
                url: url.to_owned(),
                limit,
            }),
            e @ (ureq::Error::Tls(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::Pem(_)
            | ureq::Error::TlsRequired) => Failure::Endpoint(ServerError::Tls {
                url: url.to_owned(),
                why: shortened(&e.to_string()),
            }),
            other => Failure::lost(url, self.scrub(other.to_string())),
        }
    }
}
