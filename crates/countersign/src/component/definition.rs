//! What every definition of a component is told.

/// The settings that tools, resources and prompts have alike.
macro_rules! definition_settings {
    ($name:ident) => {
        impl $name {
            /// For these callers only.
            #[must_use]
            pub fn access(mut self, access: crate::component::Access) -> Self {
                self.access = access;
                self
            }

            /// For callers of these sources only, see [`crate::Server::source`].
            #[must_use]
            pub fn auth(mut self, sources: countersign_resource_server::SourceRule) -> Self {
                self.access = self.access.auth(sources);
                self
            }

            /// With a label.
            #[must_use]
            pub fn tag(mut self, tag: impl Into<String>) -> Self {
                self.tags.push(tag.into());
                self
            }

            /// Calls back to the client.
            #[must_use]
            pub const fn interactive(mut self) -> Self {
                self.interactive = true;
                self
            }

            /// With a parameter that the server supplies.
            #[must_use]
            pub fn requires<T: crate::component::Injected>(mut self) -> Self {
                T::require(&mut self.requirements);
                self
            }
        }
    };
}

pub(super) use definition_settings;
