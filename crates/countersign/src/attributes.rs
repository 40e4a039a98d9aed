//! The attributes that turn functions into components, with their documentation.

/// Makes a function a tool.
///
/// The parameters of the function are the arguments of the tool, its documentation
/// is the description, and its name is the name. The function may be `async` or
/// not; it is free (no `self`), not generic, and owns its parameters. A function
/// that blocks, blocks a thread of the runtime: send long work to
/// `tokio::task::spawn_blocking`.
///
/// ```
/// use countersign::{AccessToken, Server, ToolError, tool};
///
/// /// Greets the caller by name.
/// #[tool(scopes("read"), read_only)]
/// async fn greet(
///     /// Whom to greet.
///     name: String,
///     token: AccessToken,
/// ) -> String {
///     format!("Hello, {name}! Your userid is {}.", token.sub())
/// }
///
/// /// Divides a number.
/// #[tool]
/// fn divide(dividend: f64, divisor: Option<f64>) -> Result<f64, ToolError> {
///     match divisor.unwrap_or(1.0) {
///         0.0 => Err(ToolError::new("Nothing can be divided by zero")),
///         divisor => Ok(dividend / divisor),
///     }
/// }
///
/// let server = Server::new("calculator").tool(greet).tool(divide);
/// assert_eq!(divide::call(6.0, Some(2.0)).unwrap(), 3.0);
/// # let _ = server;
/// ```
///
/// # What becomes of the function
///
/// `fn greet(…)` becomes a type `greet`, with the function as `greet::call`, and a
/// function `greet()` that makes a value of the type. Both have the visibility of
/// the original. The type shares its namespace with modules: a function is not
/// imported into a module that has a child module of its name.
///
/// # Parameters
///
/// - `Context`, `Caller`, `AccessToken`, `Option<AccessToken>` and `State<T>` are
///   supplied by the server. They are known by these names: a type of your own
///   with such a name needs another one here. `AccessToken` fails the call of an
///   anonymous caller. A server without the value of a `State<T>` does not start.
/// - Every other parameter is an argument. Its type is `Deserialize` and
///   `JsonSchema` (of `serde` and `schemars` 1); an `Option<T>` may be left out.
///   Its documentation describes it, and `#[serde(…)]` and `#[schemars(…)]` on it
///   mean what they mean on the field of a struct: `#[serde(default)]` makes it
///   optional, `#[schemars(range(min = 1))]` tells its limits, and
///   `#[schemars(extend("x-mcp-header" = "Region"))]` has clients mirror it into
///   the header `Mcp-Param-Region`.
///
/// Arguments that are not of these types are answered with JSON-RPC −32602, which
/// does not repeat them. Unknown arguments are ignored.
///
/// # Result
///
/// Everything that is [`IntoToolResult`](crate::component::IntoToolResult): text,
/// numbers, [`Json<T>`](crate::component::Json) for structured content with a schema,
/// content blocks, and a `Result` of these.
///
/// # Arguments of the attribute
///
/// | argument | meaning |
/// |---|---|
/// | `name = "…"` | the name, if it is not the one of the function |
/// | `title = "…"` | a name for people |
/// | `description = "…"` | instead of the documentation |
/// | `scopes("a", "b")` | what a caller needs, all of them; checked when it compiles (RFC 6749 §3.3) |
/// | `auth = "oauth"` | from which source callers are accepted, see [`Server::source`](crate::Server::source); also `any("oauth", "api_key")`, `all(…)`, and `optional("oauth")`, which lets nobody in particular in besides |
/// | `hidden` | callers without the scopes, or of another source, get the answer for an unknown tool, and no 403 or 401 |
/// | `tags("a")` | labels for policies and middleware; not on the wire |
/// | `icons("https://…")` | icons |
/// | `interactive` | it asks the client something (elicitation, sampling, roots), for which legacy clients get a session |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | hints for the client; each also `= false` |
pub use countersign_macros::tool;

/// Makes a function a resource, or a resource template.
///
/// The URI comes first. Its variables (`{id}` up to the next `/`, `{+path}` and
/// `{path*}` beyond) are the parameters of the same names, and each is read with
/// `FromStr`: `String`, numbers, `bool` and types of your own. A parameter named
/// `uri` that is no variable is the whole URI. A variable without a parameter, or a
/// parameter without a variable, does not compile.
///
/// Values that could climb out of a folder (`..`, absolute paths, encoded twice)
/// match no template.
///
/// ```
/// use countersign::component::Json;
/// use countersign::{Server, ToolError, resource};
///
/// /// What is known about a user.
/// #[resource("user://{id}/profile", scopes("users:read"))]
/// async fn profile(id: u64) -> Result<Json<Vec<String>>, ToolError> {
///     match id {
///         7 => Ok(Json(vec!["Ada".to_owned()])),
///         _ => Err(ToolError::not_found(format!("user://{id}/profile"))),
///     }
/// }
///
/// /// The logo.
/// #[resource("file:///logo.png", mime_type = "image/png")]
/// fn logo() -> &'static [u8] {
///     b"\x89PNG"
/// }
///
/// let server = Server::new("directory").resource(profile).resource(logo);
/// # let _ = server;
/// ```
///
/// What the server supplies, what becomes of the function, and the arguments
/// `name`, `title`, `description`, `auth`, `scopes`, `hidden`, `tags`, `icons` and
/// `interactive` are those of [`macro@tool`]; `mime_type = "…"` is the media type.
/// The result is everything that is
/// [`IntoResourceResult`](crate::component::IntoResourceResult): text, bytes,
/// [`Json<T>`](crate::component::Json), and an `Option` or `Result` of these.
pub use countersign_macros::resource;

/// Makes a function a prompt.
///
/// The arguments of a prompt are texts on the wire, and each is read with
/// `FromStr`. An `Option<T>` may be left out; the documentation of a parameter
/// describes it.
///
/// ```
/// use countersign::{Server, prompt};
///
/// /// Asks for a review.
/// #[prompt(title = "Review")]
/// fn review(
///     /// The code to look at.
///     code: String,
///     /// How many remarks at most.
///     limit: Option<u8>,
/// ) -> String {
///     let limit = limit.unwrap_or(10);
///     format!("Review this code with at most {limit} remarks:\n\n{code}")
/// }
///
/// let server = Server::new("reviews").prompt(review);
/// # let _ = server;
/// ```
///
/// What the server supplies, what becomes of the function, and the arguments
/// `name`, `title`, `description`, `auth`, `scopes`, `hidden`, `tags`, `icons` and
/// `interactive` are those of [`macro@tool`]. The result is everything that is
/// [`IntoPromptResult`](crate::component::IntoPromptResult): text, which is one
/// message of the user, messages, and a `Result` of these.
pub use countersign_macros::prompt;
