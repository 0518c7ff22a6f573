//! A simulator of the `WeChat` API: the peer of the demo, of drills and of load tests.

pub mod scenario;

#[cfg(test)]
mod tests;
