//! A third-party platform at work: its component token, its authorizers, and its own state, which
//! parks all of its accounts at once.
//!
//! The callers share what is known, each makes its own calls: a fleet's calls run side by side,
//! what is wanted by all is done by one, and a caller that goes away takes nothing with it.

mod answer;
mod call;
mod claims;
mod component;
mod discovery;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gate;
mod handle;
mod list;
mod members;
mod news;
mod park;
mod profiles;
mod refresh;
mod roster;
mod running;
mod turns;

pub use self::answer::Profile;
pub use self::handle::{AuthorizerGrant, PlatformHandle, PlatformHandles};
pub(crate) use self::list::PAGE;
pub use self::profiles::Profiles;
pub(crate) use self::roster::PROFILE_LIFE;
pub use self::running::{PlatformParts, RunningPlatforms};
