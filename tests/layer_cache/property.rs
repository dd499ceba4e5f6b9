//! Any changes in any order: what the cache gives is what packing gives.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{How, Place, content, set_times, settle};

/// What happens to one of three files.
#[derive(Clone, Debug)]
enum Step {
    /// Written in place: the same size.
    Write(usize, u8),
    /// The same, and the times are set back.
    WriteUnseen(usize, u8),
    /// Another file takes its name, with its times.
    Replace(usize, u8),
    /// Two files change their names.
    Swap(usize, usize),
    /// One file becomes another name of the other.
    Link(usize, usize),
    /// Cut to a size.
    Cut(usize, u64),
    Touch(usize),
    /// Some time goes by.
    Wait,
    Pack,
}

fn step() -> impl Strategy<Value = Step> {
    let (file, number) = (0..3_usize, 1..4_u8);
    prop_oneof![
        (file.clone(), number.clone()).prop_map(|(file, number)| Step::Write(file, number)),
        (file.clone(), number.clone()).prop_map(|(file, number)| Step::WriteUnseen(file, number)),
        (file.clone(), number).prop_map(|(file, number)| Step::Replace(file, number)),
        (file.clone(), file.clone()).prop_map(|(one, other)| Step::Swap(one, other)),
        (file.clone(), file.clone()).prop_map(|(one, other)| Step::Link(one, other)),
        (file.clone(), prop_oneof![Just(0), Just(5_000), Just(10_000)])
            .prop_map(|(file, size)| Step::Cut(file, size)),
        file.prop_map(Step::Touch),
        Just(Step::Wait),
        Just(Step::Wait),
        Just(Step::Pack),
        Just(Step::Pack),
        Just(Step::Pack),
    ]
}

fn write(path: &PathBuf, number: u8) {
    let file = fs::File::options().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &content(number), 0).unwrap();
}

impl Step {
    fn take(&self, files: &[PathBuf]) {
        let beside = files[0].with_file_name("beside");
        match *self {
            Self::Write(file, number) => write(&files[file], number),
            Self::WriteUnseen(file, number) => {
                let before = fs::metadata(&files[file]).unwrap();
                write(&files[file], number);
                set_times(&files[file], &before);
            }
            Self::Replace(file, number) => {
                fs::write(&beside, content(number)).unwrap();
                set_times(&beside, &fs::metadata(&files[file]).unwrap());
                fs::rename(&beside, &files[file]).unwrap();
            }
            Self::Swap(one, other) if one != other => {
                fs::rename(&files[one], &beside).unwrap();
                fs::rename(&files[other], &files[one]).unwrap();
                fs::rename(&beside, &files[other]).unwrap();
            }
            Self::Link(one, other) if one != other => {
                fs::remove_file(&files[other]).unwrap();
                fs::hard_link(&files[one], &files[other]).unwrap();
            }
            Self::Cut(file, size) => {
                let file = fs::File::options().write(true).open(&files[file]).unwrap();
                file.set_len(size).unwrap();
            }
            Self::Touch(file) => {
                let now = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
                fs::File::open(&files[file]).unwrap().set_times(now).unwrap();
            }
            Self::Wait => settle(),
            Self::Swap(..) | Self::Link(..) | Self::Pack => {}
        }
    }
}

#[test]
fn what_the_cache_gives_is_what_packing_gives() {
    let (mut found, mut packed) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let counts = std::cell::RefCell::new((&mut found, &mut packed));
    let steps = proptest::collection::vec(step(), 4..30);
    let ran = runner.run(&steps, |steps| {
        let place = Place::new();
        let files = ["a", "b", "c"].map(|name| place.path(name));
        for file in &files {
            fs::write(file, content(1)).unwrap();
        }
        for (position, step) in steps.iter().enumerate() {
            step.take(&files);
            if matches!(step, Step::Pack) {
                let how = place.right(&files, &format!("step {position}"));
                let mut counts = counts.borrow_mut();
                match how {
                    How::Found => *counts.0 += 1,
                    How::Packed => *counts.1 += 1,
                }
            }
        }
        Ok(())
    });
    ran.unwrap();
    println!("{found} found, {packed} packed");
    assert!(found > 20 && packed > 20, "{found} found, {packed} packed");
}
