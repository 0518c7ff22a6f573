//! The API: how it is called, how its errors are read. Facts come from the official pages of
//! `getMaterialCount` and `getStableAccessToken`.

pub mod api;
pub mod class;
