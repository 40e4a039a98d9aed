//! Taking away what nobody will ask for, a little at a time.

use countersign_oauth::UnixTime;
use sqlx::SqliteConnection;

use super::row::to_column;
use super::writer::{Durability, Step, Work};

/// How many rows one step takes, so that nobody waits long behind it.
pub(super) const STEP: u64 = 500;

/// What a step takes, in the order in which the steps are made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sweep {
    /// Unused records at their end, and spent ones that hang on nothing.
    Ended,
    /// Spent records of grants that have ended.
    SpentOfGrant,
    /// Grants that have ended and on which nothing hangs.
    Grants,
    /// Counters whose window has ended. They are no records.
    Counters,
}

impl Sweep {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [
        Self::Ended,
        Self::SpentOfGrant,
        Self::Grants,
        Self::Counters,
    ];

    /// The conditions stand as in the partial indexes. The planner would take the index
    /// of kinds and read through every grant.
    pub(super) const fn statement(self) -> &'static str {
        match self {
            Self::Ended => {
                "DELETE FROM records WHERE position IN (\
                 SELECT position FROM records INDEXED BY records_ending \
                 WHERE kind <> 'grant' AND (status = 'live' OR grant_position IS NULL) \
                 AND expires_at <= ?1 LIMIT ?2)"
            }
            Self::SpentOfGrant => {
                "DELETE FROM records WHERE position IN (\
                 SELECT r.position FROM records AS g INDEXED BY grants_ending \
                 CROSS JOIN records AS r ON r.grant_position = g.position \
                 WHERE g.kind = 'grant' AND g.expires_at <= ?1 AND r.status <> 'live' LIMIT ?2)"
            }
            Self::Grants => {
                "DELETE FROM records WHERE position IN (\
                 SELECT g.position FROM records AS g INDEXED BY grants_ending \
                 WHERE g.kind = 'grant' AND g.expires_at <= ?1 AND NOT EXISTS (\
                 SELECT 1 FROM records AS r WHERE r.grant_position = g.position) LIMIT ?2)"
            }
            Self::Counters => {
                "DELETE FROM counters WHERE id IN (\
                 SELECT id FROM counters WHERE until <= ?1 LIMIT ?2)"
            }
        }
    }
}

/// One step of [`crate::Store::purge`].
pub(super) struct PurgeStep {
    pub(super) sweep: Sweep,
    pub(super) now: UnixTime,
}

impl Work for PurgeStep {
    type Answer = u64;
    const DURABILITY: Durability = Durability::Process;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, u64> {
        Box::pin(async move {
            let deleted = sqlx::query(self.sweep.statement())
                .bind(to_column(self.now))
                .bind(i64::try_from(STEP).unwrap_or(i64::MAX))
                .execute(connection)
                .await?;
            Ok(deleted.rows_affected())
        })
    }
}
