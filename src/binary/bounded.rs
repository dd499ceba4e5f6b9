//! [`Bounded`]: reading a file piecewise, within a budget.

use std::cell::Cell;
use std::ops::Range;

use object::ReadRef;

/// How many bytes of one file are read at most. The headers of real programs take some hundred kilobytes.
const BUDGET: u64 = 16 << 20;

/// How long a string may be: as long as a path. One that has no end is looked at so far, again and again.
const STRING: u64 = 4096;

/// Reads through another reader until the budget is used up. A file that lies about its sizes cannot make us read,
/// and keep in memory, more than that.
#[derive(Clone, Debug)]
pub(super) struct Budget(Cell<u64>);

/// A reader with its budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded<'b, R> {
    inner: R,
    budget: &'b Budget,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(BUDGET))
    }
}

impl Budget {
    pub(super) fn of<R>(&self, inner: R) -> Bounded<'_, R> {
        Bounded { inner, budget: self }
    }

    fn spend(&self, bytes: u64) -> Result<(), ()> {
        self.0.set(self.0.get().checked_sub(bytes).ok_or(())?);
        Ok(())
    }
}

impl<'a, R: ReadRef<'a>> ReadRef<'a> for Bounded<'_, R> {
    fn len(self) -> Result<u64, ()> {
        self.inner.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.budget.spend(size)?;
        self.inner.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        // Readers of files look no further either: what is in memory must not be read otherwise.
        let range = range.start..range.end.min(range.start.saturating_add(STRING));
        let found = self.inner.read_bytes_at_until(range, delimiter)?;
        self.budget.spend(found.len() as u64 + 1)?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_with_the_budget() {
        let bytes = vec![1; 1 << 20];
        let budget = Budget::default();
        let reader = budget.of(bytes.as_slice());
        let reads = (0..100)
            .take_while(|_| reader.read_bytes_at(0, 1 << 20).is_ok())
            .count();
        assert_eq!(reads as u64, BUDGET >> 20);
        assert!(reader.read_bytes_at(0, 1).is_err());
    }

    #[test]
    fn strings_are_short() {
        let mut bytes = vec![1; 10_000];
        bytes[4095] = 0;
        let budget = Budget::default();
        let reader = budget.of(bytes.as_slice());
        let string = |from| reader.read_bytes_at_until(from..10_000, 0).map(<[u8]>::len);
        assert_eq!(string(0), Ok(4095));
        assert_eq!(string(4096), Err(()));
        assert_eq!(string(9_000), Err(()));
    }
}
