//! What a handler that was written for the SDK lists: filtered for the caller, and
//! asked whether a component exists where others must look as if they did not.

use std::future::Future;

use countersign_resource_server::policy::ComponentKind;
use rmcp::ServerHandler;
use rmcp::model::{CacheScope, ErrorCode, PaginatedRequestParams};

use super::denial;
use super::foreign_handler::{ForeignHandler, Request};
use crate::middleware::Operation;
use crate::protocol::ErrorData;
use crate::{Context, ToolError};

/// Pages of a list that are looked through for a component.
const MOST_PAGES: usize = 100;

/// The items of a page, and who may keep it.
pub(super) type PageOf<P, T> = fn(&mut P) -> (&mut Vec<T>, &mut Option<CacheScope>);

impl<H: ServerHandler> ForeignHandler<H> {
    /// One page of a list through the middleware, without what the caller may not use.
    pub(super) async fn listed<O, P, T>(
        &self,
        (context, cached): (Context, Option<CacheScope>),
        operation: O,
        listing: impl Future<Output = Result<P, ErrorData>> + Send,
        parts: PageOf<P, T>,
        shown: impl Fn(&T) -> bool + Send,
    ) -> Result<P, ErrorData>
    where
        O: Operation<Output = Vec<T>>,
        P: Default + Send,
        T: Send,
    {
        let mut page = P::default();
        let kept = &mut page;
        let end = move |_operation| async move {
            *kept = listing.await.map_err(ToolError::protocol)?;
            let mut items = std::mem::take(parts(kept).0);
            items.retain(shown);
            Ok(items)
        };
        let items = self.incoming.core.around(context, operation, end).await;
        let items = items.map_err(ToolError::into_error_data)?;
        let (place, scope) = parts(&mut page);
        *place = items;
        // What depends on the caller must not be shared with another.
        *scope = cached.or_else(|| scope.take().map(|_| CacheScope::Private));
        Ok(page)
    }

    /// Where a component of `kind` may be hidden, whatever the handler does not list
    /// is answered in the same words as a hidden one.
    ///
    /// # Errors
    ///
    /// The answer for an unknown component.
    pub(super) async fn check_listed(
        &self,
        call: &Context,
        kind: ComponentKind,
        name: &str,
        request: &Request,
    ) -> Result<(), ErrorData> {
        if !self.hides(kind) {
            return Ok(());
        }
        let kinds = match kind {
            ComponentKind::ResourceTemplate => &[kind, ComponentKind::Resource][..],
            _ => &[kind][..],
        };
        for listed in kinds {
            let looking = self.lists(*listed, name, request);
            if self.run(call.clone(), looking).await? {
                return Ok(());
            }
        }
        Err(denial::unknown(kind, name))
    }

    async fn lists(
        &self,
        kind: ComponentKind,
        name: &str,
        request: &Request,
    ) -> Result<bool, ErrorData> {
        if kind == ComponentKind::Tool && self.inner.get_tool(name).is_some() {
            return Ok(true);
        }
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = cursor.map(|cursor| {
                let mut page = PaginatedRequestParams::default();
                page.cursor = Some(cursor);
                page
            });
            let context = request.clone();
            let (found, next) = match kind {
                ComponentKind::Tool => {
                    let page = self.inner.list_tools(page, context).await?;
                    let found = page.tools.iter().any(|tool| tool.name == name);
                    (found, page.next_cursor)
                }
                ComponentKind::Prompt => {
                    let page = self.inner.list_prompts(page, context).await?;
                    let found = page.prompts.iter().any(|prompt| prompt.name == name);
                    (found, page.next_cursor)
                }
                ComponentKind::Resource => {
                    let page = self.inner.list_resources(page, context).await?;
                    let found = page.resources.iter().any(|resource| resource.uri == name);
                    (found, page.next_cursor)
                }
                _ => {
                    let page = self.inner.list_resource_templates(page, context).await?;
                    let mut templates = page.resource_templates.iter();
                    let found = templates.any(|template| template.uri_template == name);
                    (found, page.next_cursor)
                }
            };
            if found || next.is_none() {
                return Ok(found);
            }
            cursor = next;
        }
        Ok(false)
    }

    /// The same for a URI: where some are hidden, a handler that does not know one
    /// does not say so in its own words.
    pub(super) fn unknown_alike(&self, uri: &str, error: ErrorData) -> ErrorData {
        let kind = ComponentKind::Resource;
        let means_unknown = matches!(
            error.code,
            ErrorCode::RESOURCE_NOT_FOUND | ErrorCode::INVALID_PARAMS
        );
        if means_unknown && self.hides(kind) {
            return denial::unknown(kind, uri);
        }
        error
    }
}
