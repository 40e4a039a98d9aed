//! Lines that are only added.

use std::sync::Arc;

use super::Violation;
use crate::journal::{Journal, JournalEnd, JournalLine};
use crate::{Conflict, StoreError};

fn texts(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(|seq| format!("line {seq}")).collect()
}

/// Tests a journal that is empty: lines are added behind a named end, all or none, and
/// are found in their order.
///
/// # Errors
///
/// The first [`Violation`].
pub async fn check_journal(journal: Arc<dyn Journal>) -> Result<(), Violation> {
    ensure!(journal.journal_end().await?.is_none(), "it is not empty");
    let head = |text: &str| text.to_owned();
    journal.append(0, texts(1, 3), head("one")).await?;
    journal.append(3, texts(4, 4), head("two")).await?;
    for wrong in [0, 3, 5, u64::MAX] {
        let refused = journal.append(wrong, texts(9, 9), head("three")).await;
        ensure!(
            matches!(refused, Err(StoreError::Conflict(Conflict::Changed))),
            "behind {wrong} of 4 it answers {refused:?}"
        );
    }
    let end = journal.journal_end().await?;
    let expected = JournalEnd {
        last: 4,
        head: head("two"),
    };
    ensure!(end == Some(expected), "it ends with {end:?}");
    let lines = journal.journal_lines(1, 2).await?;
    let expected = [2, 3].map(|seq| JournalLine {
        seq,
        text: format!("line {seq}"),
    });
    ensure!(lines == expected, "behind the first there are {lines:?}");
    let refused = journal.forget_lines(2, 3, head("no")).await;
    ensure!(refused.is_err(), "at another end it forgets {refused:?}");
    let gone = journal.forget_lines(2, 4, head("three")).await?;
    ensure!(gone == 2, "of two lines it forgets {gone}");
    journal.append(4, texts(5, 5), head("four")).await?;
    let left = journal.journal_lines(0, 100).await?;
    let left: Vec<_> = left.iter().map(|line| line.seq).collect();
    ensure!(left == [3, 4, 5], "there are left {left:?}");
    race(&journal).await?;
    // NUL, quotes and line ends are text.
    let hostile = "a\0b'\"\r\n\u{1f600}".to_owned();
    let last = journal.journal_end().await?.map_or(0, |end| end.last);
    journal
        .append(last, vec![hostile.clone()], hostile.clone())
        .await?;
    let lines = journal.journal_lines(last, 1).await?;
    let kept = lines.first().map(|line| line.text.as_str());
    ensure!(kept == Some(&*hostile), "hostile text became {kept:?}");
    Ok(())
}

/// Of those who add behind the same line one wins.
async fn race(journal: &Arc<dyn Journal>) -> Result<(), Violation> {
    let mut racing = Vec::new();
    for _ in 0..16 {
        let journal = Arc::clone(journal);
        let line = vec!["racer".to_owned()];
        racing.push(tokio::spawn(async move {
            journal.append(5, line, "raced".to_owned()).await.is_ok()
        }));
    }
    let mut won = 0;
    for racer in racing {
        won += usize::from(racer.await.unwrap_or_default());
    }
    ensure!(won == 1, "{won} of 16 racers won");
    Ok(())
}
