//! Roles: who may use which tool is said in one place, beside the code of the tools.
//!
//! People get roles from the `groups` claim of their token, or here by name. The same rules
//! can be in a file instead, `.rules_file("policy.toml")`, which is read again on SIGHUP:
//! see docs/policy.md.
//!
//! `cargo run -p countersign --example rbac`, after
//! `cargo run -- keygen --out .countersign`

use countersign::policy::rules::{
    Authority, ClaimPath, Role, Rule, RuleSet, Unmentioned, What, Who,
};
use countersign::{ConfigurationError, Context, Http, JwtVerifier, Server, ToolError, tool};

/// Lists the open tickets.
#[tool(read_only, tags("tickets"))]
async fn list_tickets() -> &'static str {
    "7: The printer is on fire"
}

/// Closes a ticket. Tickets that cost money are closed by a manager.
#[tool(tags("tickets"))]
async fn close_ticket(id: u32, refund: u32, context: Context) -> Result<String, ToolError> {
    if refund > 100 {
        context.require_role("manager")?;
    }
    Ok(format!("Ticket {id} is closed, {refund} refunded"))
}

/// Deletes a user.
#[tool(destructive)]
async fn delete_user(user_id: String) -> String {
    format!("{user_id} is deleted")
}

/// Says which roles the caller has.
#[tool(read_only)]
async fn my_roles(context: Context) -> String {
    context.caller().roles().collect::<Vec<_>>().join(" ")
}

/// Who may do what.
pub(crate) fn rules() -> Result<RuleSet, ConfigurationError> {
    let company = || Authority::issuer("http://localhost:8000");
    let groups = || ClaimPath::dotted("groups");
    RuleSet::builder(Unmentioned::Deny)
        .role(
            Role::new("support")
                .claim(company(), groups(), ["help-desk"])
                .member(company(), "alice"),
        )
        .role(
            Role::new("manager")
                .claim(company(), groups(), ["managers"])
                .includes("support"),
        )
        .role(Role::new("contractor").claim(company(), groups(), ["external"]))
        .rule(Rule::allow(
            "everybody sees their roles",
            Who::authenticated(),
            What::tools(["my_roles"]),
        ))
        .rule(Rule::allow(
            "support handles tickets",
            Who::role("support"),
            What::tagged(["tickets"]),
        ))
        .rule(
            Rule::allow(
                "managers delete users",
                Who::role("manager"),
                What::tools(["delete_user"]),
            )
            .hidden(),
        )
        .rule(Rule::deny(
            "contractors delete and close nothing",
            Who::role("contractor"),
            What::tools(["delete_*", "close_*"]),
        ))
        .build()
}

pub(crate) fn server(public_key: String) -> Result<Server, ConfigurationError> {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Ok(Server::new("Help desk")
        .auth(verifier)
        .rules(rules()?)
        .tool(list_tickets)
        .tool(close_ticket)
        .tool(delete_user)
        .tool(my_roles))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key)?.serve(http).await?)
}
