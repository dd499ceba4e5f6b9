//! [`Stage`] where there is none: systems that know no roots.

use std::path::Path;

use super::{Limits, NotTried, Scene, TrialError, Verdict};
use crate::tool::{Ended, Tools};

/// The image's own root: there is never one on this system.
#[derive(Debug)]
pub struct Stage(std::convert::Infallible);

impl Stage {
    /// Says that nothing can be tried here.
    ///
    /// # Errors
    /// None.
    pub fn set(_: &Tools, _: &Path, _: &Scene<'_>) -> Result<Result<Self, NotTried>, TrialError> {
        let why = "images can be tried on Linux only".to_owned();
        Ok(Err(NotTried { why }))
    }

    /// Whether its programs are emulated.
    pub fn is_emulated(&self) -> bool {
        match self.0 {}
    }

    /// Starts the image's program.
    ///
    /// # Errors
    /// None.
    pub fn run(&self, _: Option<&[String]>) -> Result<Ended, TrialError> {
        match self.0 {}
    }

    /// Tries the image's program.
    ///
    /// # Errors
    /// None.
    pub fn smoke(&self, _: &[String], _: &Limits) -> Result<Verdict, TrialError> {
        match self.0 {}
    }

    /// Tries one program.
    ///
    /// # Errors
    /// None.
    pub fn start_program(&self, _: &Path, _: &str, _: &Limits) -> Result<Verdict, TrialError> {
        match self.0 {}
    }
}
