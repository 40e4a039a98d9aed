//! What is measured: a server and the requests that are sent to it.

use countersign::oauth::jose::Algorithm;

use crate::access::{Access, Audit, Limited};
use crate::request::{Tool, Wire};
use crate::server::Kind;

/// Whose token a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// The same one every time.
    Warm(Algorithm),
    /// One that was never seen before, every time.
    Cold(Algorithm),
}

impl Tokens {
    /// The algorithm of the signatures.
    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::Warm(algorithm) | Self::Cold(algorithm) => algorithm,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The server.
    pub(crate) kind: Kind,
    /// The protocol era of the requests.
    pub(crate) wire: Wire,
    /// The tool that is called.
    pub(crate) tool: Tool,
    /// The tokens.
    pub(crate) tokens: Tokens,
    /// Of how many calls this leg makes one: slow ones make fewer.
    pub(crate) thinned: usize,
    /// The leg that does the least that this one has to do, if not the floor.
    pub(crate) beside: Option<&'static str>,
    /// What the server is told of limits, rules and an audit log.
    pub(crate) access: Access,
}

/// The call that the lines about access control are compared with: what a server does
/// that says nothing of it.
pub(crate) const WARM: &str = "warm, 2026-07-28";

/// The same on a server where all of that is off.
pub(crate) const OFF: &str = "access: off";

const fn leg(name: &'static str, kind: Kind, wire: Wire) -> Leg {
    Leg {
        name,
        kind,
        wire,
        tool: Tool::Greet,
        tokens: Tokens::Warm(Algorithm::ES256),
        thinned: 1,
        beside: None,
        access: Access::UNSAID,
    }
}

/// A warm call on a server that is told of limits, rules and an audit log.
const fn access(name: &'static str, limits: Limited, rules: Option<u16>, audit: Audit) -> Leg {
    Leg {
        access: Access {
            limits,
            rules,
            audit,
        },
        ..leg(name, Kind::Countersign, Wire::Modern)
    }
}

/// The floor that verifies the signature of every token, and nothing else of it.
const fn signed(name: &'static str, algorithm: Algorithm, thinned: usize) -> Leg {
    Leg {
        tokens: Tokens::Cold(algorithm),
        thinned,
        ..leg(name, Kind::FloorSigned, Wire::Modern)
    }
}

const fn cold(name: &'static str, floor: Leg) -> Leg {
    Leg {
        name,
        kind: Kind::Countersign,
        beside: Some(floor.name),
        ..floor
    }
}

const ES256: Leg = signed("floor + ES256 signature", Algorithm::ES256, 2);
const EDDSA: Leg = signed("floor + EdDSA signature", Algorithm::EdDSA, 2);
const RS256: Leg = signed("floor + RS256 signature", Algorithm::RS256, 4);

/// All of them; the first is the floor.
pub(crate) const LEGS: [Leg; 29] = [
    leg("floor", Kind::Floor, Wire::Modern),
    leg("rmcp, 2026-07-28", Kind::Sdk, Wire::Modern),
    leg("rmcp, 2025-11-25", Kind::Sdk, Wire::Legacy),
    leg(
        "rmcp, 2025-11-25, session",
        Kind::SdkSessions,
        Wire::Session,
    ),
    leg("rmcp + JWT, 2026-07-28", Kind::SdkJwt, Wire::Modern),
    leg("rmcp + JWT, 2025-11-25", Kind::SdkJwt, Wire::Legacy),
    leg("open, 2026-07-28", Kind::CountersignOpen, Wire::Modern),
    leg(WARM, Kind::Countersign, Wire::Modern),
    leg("warm, 2025-11-25", Kind::Countersign, Wire::Legacy),
    leg(
        "warm, 2025-11-25, session",
        Kind::CountersignSessions,
        Wire::Session,
    ),
    Leg {
        tool: Tool::Count,
        ..leg("warm, 2026-07-28, SSE", Kind::Countersign, Wire::Modern)
    },
    Leg {
        tool: Tool::Count,
        ..leg("warm, 2025-11-25, SSE", Kind::Countersign, Wire::Legacy)
    },
    Leg {
        tool: Tool::Count,
        ..leg(
            "warm, 2025-11-25, session, SSE",
            Kind::CountersignSessions,
            Wire::Session,
        )
    },
    leg("warm, RS256 token", Kind::Countersign, Wire::Modern).signed(Algorithm::RS256),
    ES256,
    cold("cold, ES256", ES256),
    EDDSA,
    cold("cold, EdDSA", EDDSA),
    RS256,
    cold("cold, RS256", RS256),
    access(OFF, Limited::Not, None, Audit::Nowhere),
    access(
        "access: limits per user",
        Limited::Users,
        None,
        Audit::Nowhere,
    ),
    access("access: all limits", Limited::All, None, Audit::Nowhere),
    access(
        "access: a file without rules",
        Limited::Not,
        Some(0),
        Audit::Nowhere,
    ),
    access("access: 10 rules", Limited::Not, Some(10), Audit::Nowhere),
    access("access: 100 rules", Limited::Not, Some(100), Audit::Nowhere),
    access("access: audit in memory", Limited::Not, None, Audit::Memory),
    access("access: audit in files", Limited::Not, None, Audit::Files),
    access("access: all of it", Limited::All, Some(100), Audit::Files),
];

impl Leg {
    /// Whether it is a line about access control.
    pub(crate) fn is_about_access(&self) -> bool {
        self.access != Access::UNSAID
    }

    const fn signed(mut self, algorithm: Algorithm) -> Self {
        self.tokens = Tokens::Warm(algorithm);
        self
    }
}
