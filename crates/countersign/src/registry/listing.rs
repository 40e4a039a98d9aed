//! Lists that are serialized once and reused.

use bytes::{BufMut, Bytes, BytesMut};
use countersign_resource_server::Caller;

use crate::component::Access;

/// The items of one list, each serialized at start.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    items: Vec<(Bytes, Access)>,
    all: Bytes,
    guarded: bool,
}

/// The part of a list that one caller sees: the JSON text of an array.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The array.
    pub(crate) array: Bytes,
    /// Whether other callers may see another list, so that nobody may share it.
    pub(crate) private: bool,
}

impl Listing {
    pub(crate) fn push(&mut self, item: Bytes, access: Access) {
        self.guarded |= !access.scopes.is_empty() || access.sources.is_some();
        self.items.push((item, access));
        self.all = array(self.items.iter().map(|(item, _)| item));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What `caller` may see: the components whose sources and scopes it has.
    pub(crate) fn visible_to(&self, caller: &Caller) -> Listed {
        let may_see = |access: &Access| match &access.sources {
            None => caller.scopes().is_superset(&access.scopes),
            Some(rule) => {
                let mut acting = caller.clone();
                acting.act_by(Some(rule)).is_ok() && acting.scopes().is_superset(&access.scopes)
            }
        };
        if !self.guarded || self.items.iter().all(|(_, access)| may_see(access)) {
            return Listed {
                array: if self.items.is_empty() {
                    Bytes::from_static(b"[]")
                } else {
                    self.all.clone()
                },
                private: self.guarded,
            };
        }
        let visible = self.items.iter().filter(|(_, access)| may_see(access));
        Listed {
            array: array(visible.map(|(item, _)| item)),
            private: true,
        }
    }

    /// The items of which `shown` is true, in the order in which they were added.
    pub(crate) fn only(&self, shown: impl Iterator<Item = bool>) -> Listed {
        let shown = self.items.iter().zip(shown).filter(|(_, shown)| *shown);
        Listed {
            array: array(shown.map(|((item, _), _)| item)),
            private: true,
        }
    }
}

fn array<'a>(items: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut text = BytesMut::new();
    text.put_u8(b'[');
    for (position, item) in items.enumerate() {
        if position > 0 {
            text.put_u8(b',');
        }
        text.put_slice(item);
    }
    text.put_u8(b']');
    text.freeze()
}
