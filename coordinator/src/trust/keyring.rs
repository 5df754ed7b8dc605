//! The tokens there are, and the judgement of one that a caller shows.

use std::collections::HashMap;

use super::{
    role::Role,
    secret::{Secret, SecretHash, TokenId},
};

/// A token as it is stored. Times are in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// What is kept of the secret.
    pub hash: SecretHash,
    /// What its holder may do.
    pub role: Role,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// From when on it is no longer valid; `None` if it stays valid.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_at_ms: Option<i64>,
}

/// Who makes a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The token shown; `None` where none is asked for, and for the workers that this very process
    /// started.
    pub token_id: Option<TokenId>,
    /// Its role; `None` where no token is asked for.
    pub role: Option<Role>,
}

/// Why a token is not accepted. The texts are for its holder: only who has the secret learns that a
/// token expired or was revoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown.
    #[error(
        "this coordinator asks for a token\nhint: --token-file PATH, PONDERSWEEP_TOKEN_FILE or PONDERSWEEP_TOKEN; `pondersweep token new` makes one"
    )]
    Absent,
    /// It is no token of this database.
    #[error(
        "the coordinator does not know this token\nhint: `pondersweep token ls` shows the tokens of a database, `token new` makes one"
    )]
    Unknown,
    /// Its time is over.
    #[error("the token {0} has expired\nhint: `pondersweep token new` makes another")]
    Expired(TokenId),
    /// It was taken back.
    #[error("the token {0} was revoked\nhint: `pondersweep token new` makes another")]
    Revoked(TokenId),
}

/// Every token of a database, and the secret of this very process if it has one.
#[derive(Debug, Default)]
pub struct Keyring {
    tokens: HashMap<SecretHash, TokenRecord>,
    /// The secret of what `run` starts: it may do everything.
    own: Option<SecretHash>,
}

impl TokenRecord {
    /// Its public name.
    #[must_use]
    pub fn id(&self) -> TokenId {
        self.hash.id()
    }

    /// Whether it is accepted at a moment.
    ///
    /// # Errors
    /// It expired, or was revoked.
    pub fn check(&self, now_ms: i64) -> Result<(), Refusal> {
        if self.revoked_at_ms.is_some() {
            return Err(Refusal::Revoked(self.id()));
        }
        if self
            .expires_at_ms
            .is_some_and(|expires_at_ms| now_ms >= expires_at_ms)
        {
            return Err(Refusal::Expired(self.id()));
        }
        Ok(())
    }
}

impl Keyring {
    /// A keyring of these tokens, with the secret of this process.
    #[must_use]
    pub fn new(tokens: Vec<TokenRecord>, own: Option<SecretHash>) -> Self {
        let tokens = tokens
            .into_iter()
            .map(|token| (token.hash, token))
            .collect();
        Self { tokens, own }
    }

    /// Whether a token was ever made. From then on one is asked for: the last token's end must not
    /// open the door.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        !self.tokens.is_empty() || self.own.is_some()
    }

    /// Whether no token is valid now.
    #[must_use]
    pub fn is_barred(&self, now_ms: i64) -> bool {
        self.own.is_none()
            && self
                .tokens
                .values()
                .all(|token| token.check(now_ms).is_err())
    }

    /// Who shows this text at a moment; the role is `None` for this process's own secret.
    ///
    /// # Errors
    /// The token is unknown, expired or revoked.
    pub fn judge(&self, shown: &str, now_ms: i64) -> Result<Caller, Refusal> {
        let secret = Secret::parse(shown).map_err(|_| Refusal::Unknown)?;
        let hash = secret.hash();
        if self.own == Some(hash) {
            return Ok(Caller::default());
        }
        let token = self.tokens.get(&hash).ok_or(Refusal::Unknown)?;
        token.check(now_ms)?;
        Ok(Caller {
            token_id: Some(token.id()),
            role: Some(token.role),
        })
    }

    /// Whether a caller that was let in would still be.
    #[must_use]
    pub fn still_knows(&self, caller: &Caller, now_ms: i64) -> bool {
        let Some(token_id) = &caller.token_id else {
            return true;
        };
        let token = self.tokens.values().find(|token| token.id() == *token_id);
        token.is_some_and(|token| token.check(now_ms).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::from_random([byte; 32])
    }

    fn token(byte: u8, expires_at_ms: Option<i64>, revoked_at_ms: Option<i64>) -> TokenRecord {
        TokenRecord {
            hash: secret(byte).hash(),
            role: Role::Viewer,
            name: String::new(),
            created_at_ms: 0,
            expires_at_ms,
            revoked_at_ms,
        }
    }

    #[test]
    fn a_token_is_valid_until_it_expires_or_is_revoked_and_no_other_is() {
        let tokens = vec![
            token(1, None, None),
            token(2, Some(100), None),
            token(3, None, Some(50)),
        ];
        let keyring = Keyring::new(tokens, None);
        let judge = |byte, now_ms| keyring.judge(&secret(byte).reveal(), now_ms);
        let valid = |byte| {
            Ok(Caller {
                token_id: Some(secret(byte).hash().id()),
                role: Some(Role::Viewer),
            })
        };
        assert_eq!(judge(1, i64::MAX), valid(1));
        assert_eq!(judge(2, 99), valid(2));
        assert_eq!(judge(2, 100), Err(Refusal::Expired(secret(2).hash().id())));
        assert_eq!(judge(3, 0), Err(Refusal::Revoked(secret(3).hash().id())));
        assert_eq!(judge(4, 0), Err(Refusal::Unknown));
        assert_eq!(keyring.judge("", 0), Err(Refusal::Unknown));
        assert!(keyring.still_knows(&valid(2).unwrap(), 99));
        assert!(!keyring.still_knows(&valid(2).unwrap(), 100));
    }

    #[test]
    fn the_end_of_the_last_token_opens_nothing() {
        assert!(!Keyring::default().has_tokens());
        let keyring = Keyring::new(vec![token(2, Some(100), None)], None);
        assert!(keyring.has_tokens() && keyring.is_barred(100) && !keyring.is_barred(99));
    }

    #[test]
    fn what_this_process_started_speaks_with_its_own_secret() {
        let keyring = Keyring::new(Vec::new(), Some(secret(9).hash()));
        assert_eq!(keyring.judge(&secret(9).reveal(), 0), Ok(Caller::default()));
        assert_eq!(keyring.judge(&secret(8).reveal(), 0), Err(Refusal::Unknown));
        assert!(keyring.has_tokens() && !keyring.is_barred(0));
    }
}
