//! stub
use crate::wechat::{api::Api, class::ErrorClass};
use std::time::Duration;
/// stub
#[derive(Debug, Default)]
pub struct ExporterMetrics;
impl ExporterMetrics {
    /// x
    pub fn new() -> Self {
        Self
    }
    /// x
    pub fn set_polls_in_flight(&self, _n: usize) {}
    /// x
    pub fn poll_ended(&self, _d: Duration, _f: Option<ErrorClass>) {}
    /// x
    pub fn api_request(&self, _a: Api, _d: Duration) {}
    /// x
    pub fn set_scheduler_lag(&self, _d: Duration) {}
}
