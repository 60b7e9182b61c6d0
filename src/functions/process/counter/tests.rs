//! One place, without a process: what it is told, and in which moment.

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::*;
use crate::{
    config::{Place, function as config},
    functions::{Surroundings, log::Journal},
};

type Answer = oneshot::Receiver<Result<Value, FunctionError>>;

const SECOND: Duration = Duration::from_secs(1);

/// A place of a supervised process whose calls have ten seconds.
fn counter() -> (Arc<Counter>, UnboundedReceiver<News>) {
    let section = config::Function::new(Place::whole("test"), "example", config::Runs::Attach);
    let section = config::Function { timeout: 10 * SECOND, ..section };
    let plan = Arc::new(Plan::new(&section, &Surroundings::default(), Journal::new("example", None)));
    let (tell, news) = mpsc::unbounded_channel();
    (Counter::new(&plan, &Arc::new(Desk::default()), CancellationToken::new(), Some(tell)), news)
}

fn job(id: &str, tail: Option<Arc<Tail>>) -> (Job, Answer) {
    let (reply, answer) = oneshot::channel();
    let patience = 60 * SECOND;
    let job = Job {
        id: id.into(),
        event: Bytes::from_static(b"1"),
        client_context: None,
        lineage: Lineage::default(),
        patience,
        deadline: Instant::now() + patience,
        tail,
        reply,
    };
    (job, answer)
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_last_lines_takes_nothing_of_a_calls_time() {
    let (counter, _news) = counter();
    let tail = Arc::new(Tail::default());
    let (job, answer) = job("1", Some(Arc::clone(&tail)));
    counter.desk.admit(job).unwrap();
    let handed = counter.next().await.ok().unwrap();
    // Less is left than lines take to arrive.
    tokio::time::advance(handed.left - LINES_ARRIVE / 2).await;
    let answering = tokio::spawn({
        let counter = Arc::clone(&counter);
        async move { counter.answer("1", Ok(json!(2))).await }
    });
    tokio::task::yield_now().await;
    assert!(counter.print("the last line"));
    assert_eq!(answering.await.unwrap(), Ok(()));
    assert_eq!(answer.await.unwrap(), Ok(json!(2)));
    let tail = String::from_utf8(tail.bytes()).unwrap();
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines[..3], ["START RequestId: 1 Version: $LATEST", "the last line", "END RequestId: 1"]);
    assert_eq!(
        counter.answer("1", Ok(json!(3))).await,
        Err(Misstep::WrongState("InvocationResponse", "InvocationResponse"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_when_its_process_ends_before_the_last_lines_arrive() {
    let (counter, _news) = counter();
    let (job, answer) = job("1", Some(Arc::default()));
    counter.desk.admit(job).unwrap();
    counter.next().await.ok().unwrap();
    {
        let mut answering = Box::pin(counter.answer("1", Ok(json!(2))));
        assert!(tokio::time::timeout(LINES_ARRIVE / 2, &mut answering).await.is_err());
    }
    counter.abandon(|_| FunctionError::OutOfMemory);
    assert_eq!(answer.await.unwrap(), Ok(json!(2)));
    assert_eq!(counter.desk.returning(), 0);
}
