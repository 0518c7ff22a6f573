//! See [`config::fuzzing::configuration`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wechat_material_exporter::config::fuzzing::configuration;

fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    configuration(directory.path(), bytes);
});
