//! See [`wechat::fuzzing::answers`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wechat_material_exporter::wechat::fuzzing::answers;

fuzz_target!(|bytes: &[u8]| answers(bytes));
