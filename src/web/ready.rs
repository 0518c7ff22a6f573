//! stub
/// x
#[derive(Clone, Debug, Default)]
pub struct Readiness;
impl Readiness {
    /// x
    pub fn mark_ready(&self) {}
    /// x
    pub fn is_ready(&self) -> bool {
        true
    }
}
