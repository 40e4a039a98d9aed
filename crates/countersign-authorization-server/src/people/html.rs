//! The frame of our pages, and what they say when something cannot go on.

use http::StatusCode;

use super::People;
use crate::exchange::{Answer, Frame, Notice, notice};

impl People {
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            server: &self.name,
            base: &self.base,
        }
    }

    /// A page that says `text`.
    pub(crate) fn notice(&self, status: StatusCode, text: Notice) -> Answer {
        notice(self.frame(), status, text, true)
    }
}

impl Notice {
    pub(super) const FORGED: Self = Self {
        heading: "This page is out of date",
        sentence: "The form does not belong to the login of this browser. You may have logged in \
                   or out in another tab, or cookies are blocked. Nothing was changed.",
        advice: "Go back to the application and begin again.",
    };
    pub(super) const MALFORMED: Self = Self {
        heading: "This cannot be read",
        sentence: "The form did not arrive as this server sent it. Nothing was changed.",
        advice: "Go back and try again.",
    };
    pub(super) const SETUP_OVER: Self = Self {
        heading: "This link does not work any more",
        sentence: "It was used, it has expired, or this server has an account already.",
        advice: "Log in, or restart the server to get a new link if there is no account yet.",
    };
    pub(super) const NO_SUCH_KEY: Self = Self {
        heading: "There is no such key",
        sentence: "The key was revoked, has ended, or is not yours.",
        advice: "Go back to your account to see which there are.",
    };
    pub(super) const NO_SUCH_GRANT: Self = Self {
        heading: "There is nothing to disconnect",
        sentence: "The application is not connected to your account any more.",
        advice: "Go back to your account to see what is.",
    };
}
