//! What is counted and measured, each under its name.

use super::Inner;

/// Numbers of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    of: Of,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Decisions,
    Components,
    Events,
    Durations,
    Underway,
    Level(fn(&Levels) -> usize),
}

/// How much of something there is at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels {
    /// Open sessions of legacy clients.
    pub(crate) sessions: usize,
    /// Open streams without an end of their own.
    pub(crate) streams: usize,
    /// Verified tokens that are remembered.
    pub(crate) tokens: usize,
    /// For how many tokens there is room.
    pub(crate) token_room: usize,
}

/// A name of a label, and its value.
pub(crate) type Label<'a> = (&'static str, &'a str);

pub(crate) const COUNTERS: [Family; 3] = [
    Family {
        name: "countersign_decisions_total",
        help: "Requests by what was decided about them.",
        of: Of::Decisions,
    },
    Family {
        name: "countersign_component_decisions_total",
        help: "Requests for a tool, resource or prompt by what was decided about them.",
        of: Of::Components,
    },
    Family {
        name: "countersign_events_total",
        help: "What happened in the authorization server.",
        of: Of::Events,
    },
];

pub(crate) const GAUGES: [Family; 5] = [
    Family {
        name: "countersign_http_requests_in_progress",
        help: "Requests that came and have no answer yet.",
        of: Of::Underway,
    },
    Family {
        name: "countersign_sessions",
        help: "Open sessions.",
        of: Of::Level(|levels| levels.sessions),
    },
    Family {
        name: "countersign_streams",
        help: "Open streams without an end of their own.",
        of: Of::Level(|levels| levels.streams),
    },
    Family {
        name: "countersign_token_cache_entries",
        help: "Verified tokens that are remembered.",
        of: Of::Level(|levels| levels.tokens),
    },
    Family {
        name: "countersign_token_cache_capacity",
        help: "Verified tokens for which there is room.",
        of: Of::Level(|levels| levels.token_room),
    },
];

pub(crate) const DURATIONS: Family = Family {
    name: "countersign_http_request_duration_seconds",
    help: "Time from the headers of a request to those of its answer.",
    of: Of::Durations,
};

impl Inner {
    /// Tells `take` the labels of each counter of `family`, and how far it is. What never
    /// happened is left out.
    pub(super) fn each_count(&self, family: Family, take: &mut dyn FnMut(&[Label<'_>], u64)) {
        match family.of {
            Of::Decisions => {
                for ([method, outcome, reason], count) in self.decisions.counted() {
                    let labels = [("method", method), ("outcome", outcome), ("reason", reason)];
                    take(&labels, count);
                }
            }
            Of::Components => {
                for (kind, name, outcome, count) in self.components() {
                    let labels = [("kind", kind), ("component", name), ("outcome", outcome)];
                    take(&labels, count);
                }
            }
            Of::Events => {
                for ([event, outcome, reason], count) in self.events.counted() {
                    let labels = [("event", event), ("outcome", outcome), ("reason", reason)];
                    take(&labels, count);
                }
            }
            Of::Durations | Of::Underway | Of::Level(_) => {}
        }
    }

    /// What the gauge `family` shows; nothing if there is nothing to show.
    pub(super) fn level(&self, family: Family) -> Option<i64> {
        match family.of {
            Of::Underway => Some(self.underway()),
            Of::Level(of) => {
                let levels = self.levels.get().and_then(|levels| levels())?;
                Some(i64::try_from(of(&levels)).unwrap_or(i64::MAX))
            }
            Of::Decisions | Of::Components | Of::Events | Of::Durations => None,
        }
    }
}
