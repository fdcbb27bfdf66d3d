//! What measures the provider: an echo to compare with, a client that calls, and single operations.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

pub mod echo;
pub mod engine;
pub mod operations;
pub mod payload;
pub mod rpc;
pub mod signatures;

/// The middle one of some figures; not a number where there are none.
pub fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
