//! The gate before every service: each call passes here first, whatever service it is for. It asks
//! the pure rules of `trust/` and turns their answers into statuses; it decides nothing itself, and
//! never logs what a caller shows.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};
use pondersweep_proto::limit::shown;
use tonic::Status;

use super::{keys::Keys, peer::Peer};
use crate::{
    clock,
    trust::{Access, Caller, Refusal, Role, TokenId, access_of},
};

/// What decides who passes.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    keys: Keys,
    /// Ask for a token even if none was ever made.
    needs_tokens: bool,
}

/// That a call passed the gate, and as whose; services find it among the call's extensions.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    caller: Caller,
    keys: Keys,
}

impl Pass {
    /// The token shown, if one was asked for.
    pub(super) const fn token_id(&self) -> Option<&TokenId> {
        self.caller.token_id.as_ref()
    }

    /// Whether the call would pass again: asked by answers that go on for long.
    pub(super) fn is_valid(&self) -> bool {
        let keyring = self.keys.current();
        keyring.still_knows(&self.caller, clock::now_ms())
    }
}

impl Gate {
    pub(super) const fn new(keys: Keys, needs_tokens: bool) -> Self {
        Self { keys, needs_tokens }
    }

    /// Whether a call may pass, and as whose.
    async fn admit(&self, request: &Parts) -> Result<Pass, Status> {
        if let Some(peer) = request.extensions.get::<Peer>() {
            peer.take_call(clock::now())?;
        }
        let path = request.uri.path();
        let access = access_of(path)
            .ok_or_else(|| Status::unimplemented(format!("there is no call {}", shown(path))))?;
        let caller = self
            .caller(access, &request.headers)
            .await
            .map_err(refused)?;
        if let Some(role) = caller.role
            && !access.allows(role)
        {
            return Err(forbidden(path, access, role));
        }
        if let Some(peer) = request.extensions.get::<Peer>()
            && access != Access::Anyone
        {
            peer.is_known_now();
        }
        Ok(Pass {
            caller,
            keys: self.keys.clone(),
        })
    }

    async fn caller(&self, access: Access, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let asks = self.needs_tokens || self.keys.current().has_tokens();
        if access == Access::Anyone || !asks {
            return Ok(Caller::default());
        }
        let token = bearer(headers).ok_or(Refusal::Absent)?;
        self.keys.judge(token).await
    }
}

/// Lets a call pass or answers it.
pub(super) async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match gate.admit(&parts).await {
        Ok(pass) => {
            parts.extensions.insert(pass);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(status) => status.into_http(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn refused(refusal: Refusal) -> Status {
    tracing::debug!(%refusal, "a caller was refused");
    Status::unauthenticated(refusal.to_string())
}

/// What a call does, in the words of its name.
fn deed(path: &str) -> String {
    let mut words = path.rsplit('/');
    let call = words.next().unwrap_or_default();
    if words
        .next()
        .is_some_and(|service| service.ends_with(".Leases"))
    {
        return "train".into();
    }
    let mut deed = String::new();
    for character in call.chars() {
        if character.is_uppercase() && !deed.is_empty() {
            deed.push(' ');
        }
        deed.extend(character.to_lowercase());
    }
    deed
}

fn forbidden(path: &str, access: Access, role: Role) -> Status {
    Status::permission_denied(format!(
        "a token of role {role} does not allow to {}\nhint: it takes a token of role {}; `pondersweep token new --role ROLE` makes one",
        deed(path),
        access.names()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_told_without_the_name_of_a_call() {
        let told = |path| {
            let access = access_of(path).unwrap();
            forbidden(path, access, Role::Viewer).message().to_owned()
        };
        let pause = told("/pondersweep.v1.Sweeps/PauseSweep");
        assert!(
            pause.starts_with("a token of role viewer does not allow to pause sweep\nhint: it takes a token of role submitter"),
            "{pause}"
        );
        let train = told("/pondersweep.v1.Leases/StartFromCheckpoint");
        assert!(
            train.starts_with("a token of role viewer does not allow to train\n"),
            "{train}"
        );
    }
}
