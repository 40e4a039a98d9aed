//! One holder of a record at a time, across tasks and processes.

use std::fs::{File, TryLockError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep, timeout_at};

use crate::store::StoreError;
use crate::store::turns::Turns;

/// How long it is waited before another process is looked at again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Who of this process is whose turn, and how long anybody waits.
#[derive(Debug)]
pub(super) struct Locks {
    turns: Turns<String>,
    max_wait: Duration,
}

/// Holds one record. The lock is the file's: it ends with its last handle, also when the
/// process is killed.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
    // After the file: who is next in this process finds it unlocked.
    _turn: OwnedMutexGuard<()>,
}

impl Locks {
    pub(super) fn new(max_wait: Duration) -> Self {
        Self {
            turns: Turns::default(),
            max_wait,
        }
    }

    /// Waits for the lock of the record `name`, which is on `file`.
    pub(super) async fn take(&self, name: String, file: File) -> Result<Held, StoreError> {
        let end = Instant::now() + self.max_wait;
        let busy = || StoreError::Busy {
            seconds: self.max_wait.as_secs(),
        };
        // Tasks queue here, so that at most one of each process asks again and again.
        let turn = timeout_at(end, self.turns.take(&name)).await;
        let turn = turn.map_err(|_| busy())?;
        let mut pause = SHORTEST_PAUSE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() >= end => return Err(busy()),
                Err(TryLockError::WouldBlock) => sleep(pause).await,
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::Unusable(format!(
                        "it cannot be locked: {error}"
                    )));
                }
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        Ok(Held {
            _file: file,
            _turn: turn,
        })
    }
}
