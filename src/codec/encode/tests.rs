//! That the output depends on the input alone, and that nothing stays behind.

use std::io::Read;
use std::sync::LazyLock;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::codec::decoder;

const ALL: [Compression; 5] = [
    Compression::Gzip(1),
    Compression::Gzip(6),
    Compression::Zstd(1),
    Compression::Zstd(3),
    Compression::None,
];

/// Words and noise, of several blocks of either size and a bit.
static SEVERAL_BLOCKS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 1_u32;
    let bytes = (0..(5 << 20) + 12_345_u32).map(|position| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., high] = state.to_le_bytes();
        if position / 9_000 % 3 == 0 {
            high
        } else {
            b"one word, "[(position + u32::from(high) / 64) as usize % 10]
        }
    });
    bytes.collect()
});

fn write(compression: Compression, pool: &Arc<Pool>, bytes: &[u8], chunk: usize) -> Vec<u8> {
    let mut encoder = compression.encoder_on(Arc::clone(pool), Vec::new()).unwrap();
    for chunk in bytes.chunks(chunk) {
        encoder.write_all(chunk).unwrap();
    }
    encoder.finish().unwrap()
}

fn read(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut back = Vec::new();
    let mut decoder = decoder(&compression.media_type(), bytes, u64::MAX).unwrap();
    decoder.read_to_end(&mut back).unwrap();
    back
}

#[test]
fn neither_threads_nor_chunks_nor_neighbours_show() {
    let bytes = &**SEVERAL_BLOCKS;
    for compression in ALL {
        let expected = write(compression, &Arc::new(Pool::new(1)), bytes, bytes.len());
        assert!(read(compression, &expected) == bytes, "{compression}");
        for (threads, chunk) in [(1, 65_537), (2, 977), (3, 131_072), (8, 1 << 20)] {
            let pool = Arc::new(Pool::new(threads));
            let found = write(compression, &pool, bytes, chunk);
            assert!(
                found == expected,
                "{compression}, {threads} threads, chunks of {chunk}"
            );
        }
    }
}

#[test]
fn several_at_once_do_not_show() {
    let pool = Arc::new(Pool::new(3));
    thread::scope(|scope| {
        let written: Vec<_> = ALL
            .into_iter()
            .map(|compression| {
                let pool = &pool;
                let written = scope.spawn(move || write(compression, pool, &SEVERAL_BLOCKS, 40_000));
                (compression, written)
            })
            .collect();
        for (compression, written) in written {
            let alone = write(compression, &Arc::new(Pool::new(1)), &SEVERAL_BLOCKS, 40_000);
            assert!(written.join().unwrap() == alone, "{compression}");
        }
    });
    let (under_way, streams, _) = pool.busy();
    assert_eq!((under_way, streams), (0, 0));
}

#[test]
fn streams_written_in_turn_by_one_thread_do_not_wait_for_each_other() {
    let bytes = &**SEVERAL_BLOCKS;
    let pool = Arc::new(Pool::new(1));
    let compression = Compression::Gzip(1);
    let expected = write(compression, &pool, bytes, bytes.len());
    let mut encoders: Vec<_> = (0..6)
        .map(|_| compression.encoder_on(Arc::clone(&pool), Vec::new()).unwrap())
        .collect();
    for chunk in bytes.chunks(1 << 19) {
        for encoder in &mut encoders {
            encoder.write_all(chunk).unwrap();
        }
    }
    for encoder in encoders {
        assert!(encoder.finish().unwrap() == expected);
    }
}

#[test]
fn blocks_are_members_of_their_own_and_there_is_none_too_many() {
    let pool = Arc::new(Pool::new(2));
    for (compression, size) in [
        (Compression::Gzip(1), block::GZIP),
        (Compression::Zstd(1), block::ZSTD),
    ] {
        let one = |bytes: &[u8]| write(compression, &pool, bytes, 100_000);
        let zeros = vec![0; size + 1];
        let expected = [one(&zeros[..size]), one(&zeros[..1])].concat();
        assert_eq!(one(&zeros), expected, "{compression}");
        assert!(one(&zeros[..size]).len() < expected.len(), "{compression}");
        // Nothing at all is still a file of that format.
        assert!(
            !one(b"").is_empty() && read(compression, &one(b"")).is_empty(),
            "{compression}"
        );
    }
}

#[test]
fn what_is_small_costs_no_thread() {
    let pool = Arc::new(Pool::new(2));
    write(Compression::Gzip(6), &pool, &vec![1; block::GZIP], 1000);
    assert_eq!(pool.threads(), 0);
}

/// A disk that is full after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_of_the_inner_writer_are_told_and_stay() {
    let bytes = &**SEVERAL_BLOCKS;
    for compression in ALL {
        let pool = Arc::new(Pool::new(2));
        let mut encoder = compression.encoder_on(pool, Full(1000)).unwrap();
        let written = bytes
            .chunks(10_000)
            .cycle()
            .take(5_000)
            .try_for_each(|chunk| encoder.write_all(chunk));
        assert_eq!(
            written.unwrap_err().kind(),
            io::ErrorKind::StorageFull,
            "{compression}"
        );
        if compression != Compression::None {
            assert!(encoder.finish().is_err(), "{compression}: bytes are missing");
        }
    }
    // One block: there was no write before.
    let mut encoder = Compression::Gzip(1).encoder(Full(10)).unwrap();
    encoder.write_all(b"short").unwrap();
    assert_eq!(encoder.finish().err().unwrap().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn what_is_given_up_leaves_the_threads() {
    let bytes = &**SEVERAL_BLOCKS;
    let pool = Arc::new(Pool::new(2));
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let mut encoder = compression.encoder_on(Arc::clone(&pool), Vec::new()).unwrap();
        encoder.write_all(bytes).unwrap();
        drop(encoder);
        let (under_way, streams, _) = pool.busy();
        assert_eq!((under_way, streams), (0, 0));
    }
    // What was begun comes to its end, and no more.
    while pool.busy() != (0, 0, 0) {
        thread::yield_now();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_goes_in_comes_out(
        compression in prop::sample::select(ALL.to_vec()),
        threads in 1_usize..5,
        length in 0_usize..(4 << 20),
        start in 0_usize..1000,
        chunks in prop::collection::vec(1_usize..300_000, 1..20),
    ) {
                let bytes = &SEVERAL_BLOCKS[start.min(length)..length];
        let pool = Arc::new(Pool::new(threads));
        let mut encoder = compression.encoder_on(Arc::clone(&pool), Vec::new()).unwrap();
        let (mut left, mut chunks) = (bytes, chunks.iter().cycle());
        while !left.is_empty() {
            let (now, later) = left.split_at(chunks.next().unwrap().min(&left.len()).to_owned());
            encoder.write_all(now).unwrap();
            left = later;
        }
        let written = encoder.finish().unwrap();
        prop_assert!(read(compression, &written) == bytes);
        let at_once = write(compression, &Arc::new(Pool::new(1)), bytes, usize::MAX);
        prop_assert!(written == at_once);
    }
}
