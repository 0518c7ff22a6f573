//! The API: how it is called, how its errors are read. Facts come from the official pages of
//! `getMaterialCount` and `getStableAccessToken`.

pub(crate) mod answer;
pub mod api;
pub mod class;
pub mod client;
pub mod collect;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hosts;
pub(crate) mod offset;
pub(crate) mod pacer;
mod transport;
