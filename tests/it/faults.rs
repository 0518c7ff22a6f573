//! Real faults over real sockets: the whole exporter beside servers and clients that misbehave. Each
//! test also shows that an account whose server is well is polled on at its rhythm.

mod child;
mod clients;
mod clock;
mod connect;
mod document;
mod drill;
mod errcodes;
mod herd;
mod peer;
mod transport;
