//! A sliding window of feature rows with exact quantiles of their scores against a direction that may change.
//!
//! Rows are kept, so that a new direction re-scores them all; quantiles are exact, weighted by recency or not. This
//! crate approximates nothing, logs nothing and knows nothing of models or rewards.

mod buffer;
mod config;
mod error;
mod order;
mod quantile;
pub mod ring;
mod score;
mod sync;
pub mod weights;
mod window;

pub use buffer::ScoreBuffer;
pub use config::{Options, State, Stats};
pub use error::BufferError;
pub use quantile::View as Snapshot;
pub use score::{Bf16, Element, score};
