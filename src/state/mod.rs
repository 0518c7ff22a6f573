//! What is known, kept over a restart: so that values stay on the page with their true age, and
//! nothing is asked of the API earlier than without the restart.
//!
//! # The file
//!
//! UTF-8, one JSON object a line, each line ended by a line feed and at most 1 MiB long. Times are
//! whole milliseconds since the Unix epoch. The first line says what the file is:
//!
//! ```json
//! {"format":"wechat-material-exporter state","version":1}
//! ```
//!
//! Then come batches. Each begins with the time at which it was written, and holds records, one a
//! line, or none. Of several records of one account (by name) or one authorizer (by platform and
//! app id) the last counts.
//!
//! ```json
//! {"saved_at":1764547200000}
//! {"account":{"name":"brand-main","app_id":"wx0123456789abcdef","material":{"good":{"value":{"voice":1,"video":2,"image":3,"news":4},"at":1764547199000},"last":"succeeded","next":1764547800000}}}
//! {"profile":{"platform":"agency","app_id":"wx00000000000000aa","auth_time":1764000000,"asked_at":1764547199000,"found":{"official":{"nickname":"品牌"}}}}
//! ```
//!
//! - `material`, `draft` and `quota` are collectors; the latter two are absent when not collected.
//!   `good` is the last good value and its time, absent before the first. `last` is `"pending"`,
//!   `"succeeded"` or `{"failed":{"class":…,"errcode":…,"seen_ip":…,"source":…}}`, of which all but
//!   `class` may be absent. `park` is `{"class":…,"n":…}` while it waits for a failure, its own or
//!   that of the token: the class, and the failed polls of it before the last. `next` is the next poll.
//! - The value of `draft` is a number, that of `quota` a list of
//!   `{"api":…,"limit":{"calls":…,"remaining":…},"used":…}`, without `limit` when it is unknown.
//! - `found` is `"mini_program"`, `"not_permitted"`, `"unavailable"` or as above.
//!
//! Unknown fields are ignored. A line that is anything else is corrupt. A last line without its line
//! feed is what a crash leaves of a batch, and is passed over.
//!
//! # How it is written
//!
//! A batch is appended by one write and synced; what a failed write leaves is cut off again. When the
//! file is absent or anything in it is wrong, and when it is twice as long as it need be, it is
//! written anew: into `PATH.new`, which is synced and renamed. What is older than 30 days is left out.
//! Before a file with corrupt lines is replaced, it is kept as `PATH.corrupt`; one of another version
//! as `PATH.version-N`. A file that is not ours is never touched. `PATH.lock` is locked as long as
//! the process runs.

pub mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod line;
mod read;
pub mod record;
pub mod restored;
pub mod saver;

#[cfg(test)]
mod samples;
