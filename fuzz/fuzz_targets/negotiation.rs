//! See [`web::fuzzing::negotiation`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wechat_material_exporter::web::fuzzing::negotiation;

fuzz_target!(|bytes: &[u8]| negotiation(bytes));
