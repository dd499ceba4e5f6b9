//! Which images the Matrix starts from.

use super::Matrix;
use crate::matrix::Base;
use crate::spec::Platform;

/// The images that any image starts from, and the platforms that do, each once and in the order of the Matrix. What is
/// packed makes no difference: the triples of all images decide which features unify.
pub fn bases(matrix: &Matrix) -> Vec<(String, Vec<Platform>)> {
    let images = if matrix.images.is_empty() {
        std::slice::from_ref(&matrix.unnamed)
    } else {
        &matrix.images
    };
    let mut all: Vec<(String, Vec<Platform>)> = Vec::new();
    for settings in images.iter().flat_map(|image| &image.platforms) {
        let Base::Image(name) = &settings.base else {
            continue;
        };
        let position = all
            .iter()
            .position(|(known, _)| known == name)
            .unwrap_or(all.len());
        if position == all.len() {
            all.push((name.clone(), Vec::new()));
        }
        let platforms = &mut all[position].1;
        if !platforms.contains(&settings.platform) {
            platforms.push(settings.platform.clone());
        }
    }
    all
}
