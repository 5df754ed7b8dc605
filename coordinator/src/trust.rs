//! Who may do what: roles, the one table of roles and calls, tokens and how they are judged, how
//! many calls a peer may make, and what may be served to other machines. It decides, given the time
//! and what is stored; it reads no clock, file or socket, and draws no randomness.

mod access;
mod exposure;
mod keyring;
mod period;
mod rate;
mod role;
mod secret;

pub use access::{Access, TABLE, access_of};
pub use exposure::{Exposure, Unprotected};
pub use keyring::{Caller, Keyring, Refusal, TokenRecord};
pub use period::{InvalidPeriod, Period};
pub use rate::Bucket;
pub use role::{Role, UnknownRole};
pub use secret::{InvalidToken, SECRET_BYTES, Secret, SecretHash, TokenId};
