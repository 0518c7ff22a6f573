//! What is known, kept over a restart: so that values stay on the page with their true age, and
//! nothing is asked of the API earlier than without the restart.

pub mod record;
pub mod restored;
pub mod saver;
