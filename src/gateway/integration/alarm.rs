//! The time that a request on a kept connection has.
//!
//! A timer for each request would be put among the thread's timers and taken out again, nearly always for nothing. So there is one
//! for each connection, and it is left as it is while it goes off early enough: mostly when its request is long answered, once for
//! thousands of requests. Then it is set to the time of the one that is waited for.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready when `deadline` has passed. Each request may have its own.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            let set_to = timer.deadline();
            if set_to > deadline {
                timer.as_mut().reset(deadline);
                continue;
            }
            ready!(timer.as_mut().poll(cx));
            if set_to == deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_own_time() {
        let mut alarm = Alarm::default();
        let began = Instant::now();
        let second = Duration::from_secs(1);
        for (span, others) in [(30, 0), (30, 29), (5, 3), (60, 0), (1, 90)] {
            // Somebody who is answered in time.
            let answered = tokio::time::sleep(others * second);
            let deadline = Instant::now() + (others + 1) * second;
            tokio::select! {
                () = answered => {}
                () = poll_fn(|cx| alarm.poll(cx, deadline)) => panic!("too early"),
            }
            // And somebody who is not.
            let began = Instant::now();
            poll_fn(|cx| alarm.poll(cx, began + span * second)).await;
            assert!(began.elapsed().abs_diff(span * second) < Duration::from_millis(5), "{:?}", began.elapsed());
        }
        assert!(began.elapsed() > Duration::from_secs(240));
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_not_set_again_while_it_goes_off_early_enough() {
        let mut alarm = Alarm::default();
        let began = Instant::now();
        for request in 0..1000 {
            let deadline = Instant::now() + Duration::from_secs(30);
            assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, deadline))).await.is_pending());
            assert_eq!(alarm.0.as_ref().unwrap().deadline(), began + Duration::from_secs(30), "{request}");
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    }
}
