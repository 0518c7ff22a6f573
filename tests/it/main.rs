//! One binary for all integration tests: one link, shared harness. Each module is a feature seen
//! from outside.

mod harness;
mod wire;
