//! The endpoints of a client: their addresses, and how each of them is doing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::Uri;

use super::error::{BadUrl, ServerError, shortened};
use super::retry::Retry;
use super::wire::Flavour;

/// One server.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Without a slash at the end: `http://127.0.0.1:8080/v1`.
    pub base: String,
    /// It answers with one completion whatever number is asked for.
    pub single: AtomicBool,
    /// It does not take conversations.
    pub no_chat: AtomicBool,
    in_flight: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    flavour: Flavour,
    /// Failures since the last success.
    failures: u32,
    /// Not to be asked before.
    rests_until: Option<Instant>,
    /// Why it is not asked any more.
    broken: Option<ServerError>,
}

impl Endpoint {
    pub fn new(text: &str) -> Result<Endpoint, ServerError> {
        Ok(Endpoint {
            base: base_of(text)?,
            single: AtomicBool::new(false),
            no_chat: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            state: Mutex::new(State {
                flavour: Flavour::Unknown,
                failures: 0,
                rests_until: None,
                broken: None,
            }),
        })
    }

    /// The state is plain data: a panic elsewhere leaves nothing half-done in it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn flavour(&self) -> Flavour {
        self.state().flavour
    }

    pub fn set_flavour(&self, flavour: Flavour) {
        self.state().flavour = flavour;
    }

    pub fn worked(&self) {
        let mut state = self.state();
        state.failures = 0;
        state.rests_until = None;
    }

    /// Lets the endpoint rest after a failure, as long as it asked for or the back-off says.
    pub fn rest(&self, after: Option<Duration>, retry: &Retry) {
        let mut state = self.state();
        let now = Instant::now();
        // Requests that fail side by side are one failure.
        if state.rests_until.is_none_or(|until| until <= now) {
            state.failures = state.failures.saturating_add(1);
        }
        let wait = after.unwrap_or_else(|| retry.wait(state.failures));
        let until = now.checked_add(wait);
        state.rests_until = state.rests_until.max(until);
    }

    pub fn broke(&self, error: ServerError) {
        self.state().broken = Some(error);
    }

    pub fn broken(&self) -> Option<ServerError> {
        self.state().broken.clone()
    }

    fn rest_left(&self) -> Duration {
        let until = self.state().rests_until;
        until.map_or(Duration::ZERO, |u| u.saturating_duration_since(Instant::now()))
    }
}

/// All endpoints, asked in turn.
#[derive(Debug)]
pub(super) struct Endpoints {
    all: Vec<Endpoint>,
    turn: AtomicUsize,
}

/// An endpoint while a request is with it.
pub(super) struct Taken<'e> {
    pub endpoint: &'e Endpoint,
    /// How long it must rest before.
    pub wait: Duration,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Endpoints {
    /// One address, or several with commas between them.
    pub fn new(urls: &str) -> Result<Endpoints, ServerError> {
        let mut all: Vec<Endpoint> = Vec::new();
        for url in urls.split(',') {
            let endpoint = Endpoint::new(url)?;
            if all.iter().any(|e| e.base == endpoint.base) {
                return Err(bad(url, BadUrl::Twice));
            }
            all.push(endpoint);
        }
        Ok(Endpoints {
            all,
            turn: AtomicUsize::new(0),
        })
    }

    pub fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// Endpoints that are worth asking; at least one, so that it can be divided by.
    pub fn usable(&self) -> usize {
        self.all.iter().filter(|e| e.broken().is_none()).count().max(1)
    }

    /// The endpoint for the next request: one that need not rest before one that must, then the one with the fewest
    /// requests, then the one whose turn it is. When all are broken, why the first is.
    pub fn take(&self) -> Result<Taken<'_>, ServerError> {
        let count = self.all.len().max(1);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let usable = self.all.iter().enumerate().filter(|(_, e)| e.broken().is_none());
        let best = usable.min_by_key(|(i, e)| {
            let distance = i.wrapping_add(count).wrapping_sub(turn % count) % count;
            (e.rest_left(), e.in_flight.load(Ordering::Relaxed), distance)
        });
        match best {
            Some((_, endpoint)) => {
                endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
                Ok(Taken {
                    endpoint,
                    wait: endpoint.rest_left(),
                })
            }
            None => Err(self
                .all
                .iter()
                .find_map(Endpoint::broken)
                .unwrap_or_else(|| bad("", BadUrl::Empty))),
        }
    }
}

fn bad(url: &str, why: BadUrl) -> ServerError {
    // What stands before an `@` may be a password.
    let url = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        (None, Some((_, host))) => format!("***@{host}"),
        _ => url.to_owned(),
    };
    // A query may hold a key.
    let url = match url.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => url,
    };
    ServerError::BadUrl {
        url: shortened(&url),
        why,
    }
}

/// The part of an address that is the same for all requests: `/v1` where no path is given, and without the name of
/// a request at the end.
fn base_of(text: &str) -> Result<String, ServerError> {
    let text = text.trim();
    let bad = |why| bad(text, why);
    if text.is_empty() {
        return Err(bad(BadUrl::Empty));
    }
    let uri: Uri = text.parse().map_err(|_| bad(BadUrl::Syntax))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(bad(BadUrl::Scheme)),
    }
    let authority = uri.authority().ok_or_else(|| bad(BadUrl::NoHost))?;
    if authority.as_str().contains('@') {
        return Err(bad(BadUrl::Credentials));
    }
    if authority.host().is_empty() {
        return Err(bad(BadUrl::NoHost));
    }
    if authority.as_str().rsplit_once(':').is_some_and(|(host, port)| {
        // The last colon of an IPv6 address is inside its brackets.
        !port.ends_with(']') && (host.is_empty() || port.parse::<u16>().is_err())
    }) {
        return Err(bad(BadUrl::Syntax));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(bad(BadUrl::Query));
    }
    let path = uri.path().trim_end_matches('/');
    let path = ["/chat/completions", "/completions", "/models"]
        .iter()
        .find_map(|end| path.strip_suffix(end))
        .unwrap_or(path);
    let path = if path.is_empty() { "/v1" } else { path };
    Ok(format!(
        "{}://{authority}{path}",
        uri.scheme_str().unwrap_or("http")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_into_one_form() {
        for (given, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
            (" http://h/v1/ ", "http://h/v1"),
            ("https://h/api/v1/chat/completions", "https://h/api/v1"),
            ("http://[::1]:80/v1", "http://[::1]:80/v1"),
            ("http://[::1]", "http://[::1]/v1"),
        ] {
            assert_eq!(base_of(given).as_deref(), Ok(base), "{given}");
        }
    }

    #[test]
    fn bad_addresses_are_named_without_their_secrets() {
        for (given, why) in [
            ("", BadUrl::Empty),
            ("http://", BadUrl::Syntax),
            ("http:///v1", BadUrl::Syntax),
            ("http://a b/", BadUrl::Syntax),
            ("http://h:99999/v1", BadUrl::Syntax),
            ("http://h:port/v1", BadUrl::Syntax),
            ("ftp://h/v1", BadUrl::Scheme),
            ("http://user:geheim@h/v1", BadUrl::Credentials),
            ("http://h/v1?key=geheim", BadUrl::Query),
        ] {
            match base_of(given) {
                Err(ServerError::BadUrl { url, why: found }) => {
                    assert_eq!(found, why, "{given}");
                    assert!(!url.contains("geheim"), "{url}");
                }
                other => panic!("{given}: {other:?}"),
            }
        }
        assert!(matches!(
            Endpoints::new("http://h/v1,http://h"),
            Err(ServerError::BadUrl {
                why: BadUrl::Twice,
                ..
            })
        ));
        assert!(Endpoints::new("http://h/v1,").is_err());
    }

    #[test]
    fn turns_go_round_and_leave_out_who_rests_or_is_broken() {
        let endpoints = Endpoints::new("http://a,http://b,http://c").expect("addresses");
        let next = || {
            let taken = endpoints.take().map(|t| (t.endpoint.base.clone(), t.wait));
            taken.map(|(base, wait)| (base.replace("http://", "").replace("/v1", ""), wait))
        };
        let names: Vec<String> = (0..4).map(|_| next().expect("one").0).collect();
        assert_eq!(names, ["a", "b", "c", "a"]);
        let [a, b, c] = endpoints.all() else {
            panic!("three")
        };
        let retry = Retry::default();
        b.rest(Some(Duration::from_secs(100)), &retry);
        assert!((0..6).all(|_| next().expect("one").0 != "b"));
        a.rest(Some(Duration::from_secs(500)), &retry);
        c.broke(ServerError::Deadline);
        let (name, wait) = next().expect("one");
        assert_eq!(name, "b");
        assert!(wait > Duration::from_secs(90));
        b.worked();
        assert_eq!(next(), Ok(("b".to_owned(), Duration::ZERO)));
        a.broke(ServerError::Deadline);
        b.broke(ServerError::Deadline);
        assert_eq!(next(), Err(ServerError::Deadline));
    }

    #[test]
    fn who_has_work_is_passed_over() {
        let endpoints = Endpoints::new("http://a,http://b").expect("addresses");
        let first = endpoints.take().expect("one");
        let second = endpoints.take().expect("one");
        assert_ne!(first.endpoint.base, second.endpoint.base);
        drop(second);
        for _ in 0..3 {
            assert_ne!(endpoints.take().expect("one").endpoint.base, first.endpoint.base);
        }
    }
}
