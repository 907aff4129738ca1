//! Tests of the local queue.

use super::*;
use crate::time::clock::TICK;

fn poll(ticket: &Ticket) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    ticket.poll_first(cx).is_ready()
}

#[tokio::test(start_paused = true)]
async fn many_requests_of_a_parked_runtime_do_not_hold_up_the_others_for_long() {
    let queue = Arc::<LocalQueue>::default();
    let key: Arc<[u8]> = Arc::from(&b"a"[..]);
    let join = || queue.join(&key.clone().into(), Moment::now(), TICK).0;
    let parked: Vec<Ticket> = (0..100).map(|_| join()).collect();
    let driven: Vec<Ticket> = (0..200).map(|_| join()).collect();
    assert!(parked[1..].iter().all(|it| !poll(it)));
    let start = Moment::now();
    let waiting = || driven.iter().filter(|it| !poll(it)).count();
    while waiting() == driven.len() {
        tokio::time::sleep(TICK / 10).await;
        queue.check_heads();
        assert!(Moment::now().saturating_since(start) < 30 * TICK);
    }
    // Those have lost their places, and at most as many of the others.
    assert!(parked.iter().all(poll));
    let still_waiting = waiting();
    assert!(driven.len() - still_waiting <= parked.len());
    // The next head is alive.
    for _ in 0..100 {
        tokio::time::sleep(TICK / 10).await;
        queue.check_heads();
        assert_eq!(waiting(), still_waiting);
    }
}
