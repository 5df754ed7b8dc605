//! Who may look, and what every answer tells the browser. It asks the rules of `trust/`, as the gate before
//! calls does: where tokens are asked for, a browser asks its user for one (as the password of HTTP's basic
//! authentication), and other programs show it as calls do.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY,
            WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
        },
        request::Parts,
    },
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::routes::problem;
use crate::{
    clock,
    grpc::{Keys, Peer},
    trust::{Caller, Exposure, Refusal, access_of},
};

/// Nothing from elsewhere, nothing inline, nothing in a frame, nothing to send.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Pages show what this call tells.
const LIKE: &str = "/pondersweep.v1.Sweeps/ListSweeps";

/// Decides who may look.
#[derive(Clone, Debug)]
pub(super) struct Door {
    keys: Keys,
    needs_tokens: bool,
    is_private: bool,
}

/// Who was let in; answers that go on for long ask again.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    caller: Caller,
    keys: Keys,
}

impl Visitor {
    /// Whether they would be let in again.
    pub(super) fn may_stay(&self) -> bool {
        self.keys
            .current()
            .still_knows(&self.caller, clock::now_ms())
    }
}

impl Door {
    pub(super) fn new(keys: Keys, exposure: Exposure) -> Self {
        Self {
            keys,
            needs_tokens: exposure.needs_tokens(),
            is_private: exposure.is_private(),
        }
    }

    async fn admit(&self, request: &Parts) -> Result<Visitor, Response> {
        if self.is_private && !is_local(&request.uri, &request.headers) {
            // A page elsewhere may have a name that leads to this machine, and read what it gets.
            let words = "this page is for this machine, by the name localhost or its address\n\
                         hint: forward a port by ssh, or serve an address that others may use";
            return Err(problem(StatusCode::MISDIRECTED_REQUEST, words));
        }
        let caller = self.caller(&request.headers).await.map_err(|refusal| {
            let mut response = problem(StatusCode::UNAUTHORIZED, &refusal.to_string());
            let how = HeaderValue::from_static("Basic realm=\"pondersweep: a token as password\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, how);
            response
        })?;
        let access = access_of(LIKE).expect("it is in the table");
        match caller.role {
            Some(role) if !access.allows(role) => {
                let names = access.names();
                let words = format!("pages are not for the role {role}\nhint: they take {names}");
                Err(problem(StatusCode::FORBIDDEN, &words))
            }
            _ => Ok(Visitor {
                caller,
                keys: self.keys.clone(),
            }),
        }
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if !self.needs_tokens && !self.keys.current().has_tokens() {
            return Ok(Caller::default());
        }
        let token = shown_token(headers).ok_or(Refusal::Absent)?;
        self.keys.judge(&token).await
    }
}

/// Lets a request pass or answers it.
pub(super) async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match door.admit(&parts).await {
        Ok(visitor) => {
            if let Some(peer) = parts.extensions.get::<Peer>() {
                peer.is_known_now();
            }
            parts.extensions.insert(visitor);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused,
    };
    let told: [(HeaderName, &str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in told {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The token that a request shows, if any: as the password, whatever the user, or as calls do.
fn shown_token(headers: &HeaderMap) -> Option<String> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?;
    if let Some(token) = shown.strip_prefix("Bearer ") {
        return Some(token.to_owned());
    }
    let decoded = BASE64_STANDARD.decode(shown.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (_user, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}

/// Whether the name that a request is for can only be this machine's.
fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = match (uri.authority(), header) {
        (Some(authority), _) => Some(authority.clone()),
        (None, header) => header.and_then(|host| host.parse().ok()),
    };
    authority.is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = address.parse().ok();
        host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.to_canonical().is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for (host, local) in [
            ("localhost:80", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("example.org", false),
            ("127.0.0.1.example.org:8080", false),
            ("192.0.2.1:8080", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(is_local(&Uri::from_static("/"), &headers), local, "{host}");
        }
        assert!(!is_local(&Uri::from_static("/"), &HeaderMap::new()));
    }

    #[test]
    fn a_token_is_shown_as_a_password_or_as_calls_do() {
        for (shown, token) in [
            ("Bearer abc", Some("abc")),
            // any:abc
            ("Basic YW55OmFiYw==", Some("abc")),
            // abc, without a colon
            ("Basic YWJj", None),
            ("Basic !", None),
            ("Digest abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(shown));
            assert_eq!(shown_token(&headers).as_deref(), token, "{shown}");
        }
    }
}
