//! Parsed test lists are shared, and what no job holds is bounded by memory and not by number.

use std::sync::{Arc, Weak};

use vgrout_grader::job::TestSet;

fn large(salt: usize) -> Vec<String> {
    let test = |number| {
        format!(
            "assert Solution().add({number}, {salt}) == {}",
            number + salt
        )
    };
    (0..100_000).map(test).collect()
}

fn set(sources: &[String]) -> Arc<TestSet> {
    TestSet::shared(sources.to_vec(), None).expect("tests")
}

/// One test, since the lists of a process are all in one place.
#[test]
fn lists_are_shared_and_large_ones_are_not_hoarded() {
    let small: Vec<_> = (0..1000)
        .map(|number| vec![format!("assert f({number}) == {number}")])
        .collect();
    let first: Vec<_> = small
        .iter()
        .map(|list| Arc::downgrade(&set(list)))
        .collect();
    let kept = |set: &&Weak<TestSet>| set.strong_count() > 0;
    assert_eq!(first.iter().filter(kept).count(), 1000, "small lists stay");

    let held = set(&large(0));
    let dropped: Vec<_> = (1..=6)
        .map(|salt| Arc::downgrade(&set(&large(salt))))
        .collect();
    assert!(
        dropped.iter().filter(kept).count() <= 2,
        "large ones do not"
    );
    assert!(Arc::ptr_eq(&held, &set(&large(0))), "one in use is shared");
    assert_eq!(held.tests.len(), 100_000);
}
