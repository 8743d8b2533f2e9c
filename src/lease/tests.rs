use futures::FutureExt;

use super::*;

fn now<T>(future: impl Future<Output = Result<T, Unknown>>) -> Option<T> {
    Some(future.now_or_never()?.unwrap())
}

#[test]
fn a_lease_is_held_by_one_and_free_when_it_is_dropped() {
    let leases = Leases::new();
    let lease = now(leases.try_take("t", "")).unwrap().unwrap();
    assert!(now(leases.try_take("t", "")).unwrap().is_none());
    assert!(now(leases.try_take("t", "inner")).unwrap().is_some());
    assert!(leases.is_busy("t"));
    drop(lease);
    assert!(!leases.is_busy("t"));
    assert!(now(leases.try_take("t", "")).unwrap().is_some());
}

#[test]
fn who_waits_longest_is_next_and_who_has_gone_is_skipped() {
    let leases = Leases::new();
    let lease = now(leases.try_take("t", "")).unwrap();
    let mut first = Box::pin(leases.take("t", ""));
    let mut second = Box::pin(leases.take("t", ""));
    let mut third = Box::pin(leases.take("t", ""));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    drop(first);
    drop(lease);
    assert!((&mut third).now_or_never().is_none());
    // The second has got it and goes without having looked.
    drop(second);
    let lease = (&mut third).now_or_never().unwrap().unwrap();
    assert!(leases.is_busy("t"));
    drop(lease);
    assert!(!leases.is_busy("t"));
}

#[test]
fn what_is_left_of_a_dropped_holder_is_waited_for() {
    let leases = Leases::new();
    let lease = now(leases.try_take("t", "")).unwrap().unwrap();
    let part = lease.part().upgrade().unwrap();
    assert!(now(leases.try_take("t", "")).unwrap().is_none());
    drop(lease);
    let mut next = Box::pin(leases.try_take("t", ""));
    assert!((&mut next).now_or_never().is_none());
    drop(part);
    assert!((&mut next).now_or_never().unwrap().unwrap().is_some());
}

#[test]
fn the_holder_learns_of_a_deletion_and_the_next_one_does_not() {
    let leases = Leases::new();
    let lease = now(leases.try_take("t", "")).unwrap().unwrap();
    let held = lease.part().upgrade().unwrap();
    assert_eq!(held.unless_deleted(|| 1), Some(1));
    leases.deleting("t", || ());
    assert_eq!(held.unless_deleted(|| 1), None);
    drop((lease, held));
    let lease = now(leases.try_take("t", "")).unwrap().unwrap();
    assert_eq!(
        lease.part().upgrade().unwrap().unless_deleted(|| 1),
        Some(1)
    );
}
