//! Room `binary`.
