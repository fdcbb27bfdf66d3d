//! Laws: what holds of every case, tried on cases made at random.

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::every_test_is_asked_for;

/// Tries a law on so many cases, all of them in one world; on a quarter of them, unless every test is asked for. A case
/// that breaks it is kept in the file of that name in `regressions/`, and tried first from then on.
pub(crate) fn holds<W, S: Strategy>(
    name: &str,
    count: u32,
    world: impl Future<Output = W>,
    strategy: &S,
    law: impl AsyncFn(&mut W, S::Value) -> Result<(), TestCaseError>,
) {
    let count = if every_test_is_asked_for() { count } else { count.div_ceil(4) };
    let runtime = Runtime::new().unwrap();
    let world = Mutex::new(runtime.block_on(world));
    let regressions = format!("{}/../tests/integration/regressions/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let config = Config {
        cases: count,
        max_shrink_iters: 300,
        // For the whole of the process: there are a few of them.
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions.leak()))),
        ..Config::default()
    };
    let started = std::time::Instant::now();
    let tried = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(strategy, |case| {
        tried.set(tried.get() + 1);
        runtime.block_on(async { law(&mut *world.lock().await, case).await })
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
    assert!(tried.get() >= count, "only {} cases were tried", tried.get());
    eprintln!("{name}: {} cases in {:.1} s", tried.get(), started.elapsed().as_secs_f64());
}
