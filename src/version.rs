//! What was built: the one place that knows version and source revision.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The source revision, where whoever builds gives it in `BUILD_REVISION`; else empty. Not asked of git:
/// a source archive has none, and each commit would build everything anew.
pub const REVISION: &str = match option_env!("BUILD_REVISION") {
    Some(revision) => revision,
    None => "",
};
