//! Time of the single operations: `cargo bench -p bench`.

use bench::operations::{NAMES, operation};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for name in NAMES {
        let mut operation = operation(name).expect("a known name");
        criterion.bench_function(name, |bencher| bencher.iter(&mut operation));
    }
    criterion.final_summary();
}
