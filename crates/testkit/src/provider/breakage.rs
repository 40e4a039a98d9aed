//! Endpoints that are out of order (rows X30 and D25 of the attack corpus).

use crate::fake_server::ScriptedAnswer;

/// What an endpoint answers instead of what it should.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Breakage {
    /// Any answer at all, also one behind a [`Gate`](crate::Gate).
    Answer(ScriptedAnswer),
    /// This status with an empty body.
    Status(u16),
    /// 307 to this address.
    Redirect(String),
    /// 200 and a page, as proxies and captive portals answer.
    Html,
    /// 200 and 10 MiB of JSON text.
    TenMebibytes,
    /// 200 and JSON that never ends.
    Endless,
    /// Half a head of JSON, then silence on an open connection.
    Hang,
    /// Half the JSON, then the connection is cut.
    Cut,
    /// 200 and text that is no JSON although it says so.
    NotJson,
    /// 200 and a JSON array.
    NotAnObject,
    /// 200 and an empty object: all fields are missing.
    Empty,
}

impl Breakage {
    /// The answer.
    pub(super) fn answer(&self) -> ScriptedAnswer {
        let json = |text: &str| ScriptedAnswer::json(text.to_owned());
        match self {
            Self::Answer(answer) => answer.clone(),
            Self::Status(status) => ScriptedAnswer::status(*status),
            Self::Redirect(to) => ScriptedAnswer::redirect(307, to),
            Self::Html => ScriptedAnswer::status(200)
                .header("content-type", "text/html")
                .body("<!doctype html><title>Welcome</title><script>alert(1)</script>"),
            Self::TenMebibytes => {
                let filling = " ".repeat(10 * 1024 * 1024);
                ScriptedAnswer::json(format!("{{{filling}}}"))
            }
            Self::Endless => {
                ScriptedAnswer::endless(" ".repeat(1024)).header("content-type", "application/json")
            }
            Self::Hang => ScriptedAnswer::stalled("{").header("content-type", "application/json"),
            Self::Cut => ScriptedAnswer::broken("{\"access_token\":")
                .header("content-type", "application/json"),
            Self::NotJson => json("access_token"),
            Self::NotAnObject => json("[]"),
            Self::Empty => json("{}"),
        }
    }
}

/// An endpoint that is out of order, for some requests or for good.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) breakage: Breakage,
    /// For how many more requests. None: until it is repaired.
    pub(super) times: Option<usize>,
}
