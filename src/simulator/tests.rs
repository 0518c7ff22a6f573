//! The state by itself, with `now` as an argument; then the wire on a loopback socket.

mod cloud;
mod component;
mod document;
mod scenario;
mod state;
mod wire;

use crate::config::AppId;

fn app_id(i: u32) -> AppId {
    AppId::parse(&format!("wx{i:016x}")).unwrap()
}
