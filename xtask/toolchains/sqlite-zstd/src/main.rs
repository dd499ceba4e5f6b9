//! SQLite and Zstandard: much plain C, file functions of the C library, 64-bit numbers on 32-bit machines.

use rusqlite::Connection;

fn main() {
    let text: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    let packed = zstd::encode_all(&text[..], 3).expect("packed");
    assert!(packed.len() < text.len());

    let mut database = Connection::open_in_memory().expect("a database");
    let work = database.transaction().expect("a transaction");
    work.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, big INTEGER, real REAL, blob BLOB)")
        .expect("a table");
    for n in 0..100_i64 {
        let values = (n, n << 40, n as f64 / 4.0, &packed[..]);
        work.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", values)
            .expect("a row");
    }
    work.commit().expect("committed");
    let sums = database.query_row("SELECT sum(big), sum(real) FROM t", (), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
    });
    assert_eq!(sums, Ok((4950 << 40, 1237.5)));
    let stored: Vec<u8> = database
        .query_row("SELECT blob FROM t WHERE n = 99", (), |row| row.get(0))
        .expect("the last row");
    assert_eq!(zstd::decode_all(&stored[..]).expect("unpacked"), text);
    println!("OK");
}
