//! Room `blob`.
