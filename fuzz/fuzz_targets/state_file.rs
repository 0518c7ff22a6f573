//! See [`state::fuzzing::state_file`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wechat_material_exporter::state::fuzzing::state_file;

fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    state_file(directory.path(), bytes);
});
