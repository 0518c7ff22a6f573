//! A Prometheus exporter for the permanent material counts of `WeChat` Official Accounts.
