//! People sign in with Firebase on a page of this server, and clients get tokens of this
//! server. The ID token comes by POST, never in an address.
//!
//! `cargo run -p countersign --example firebase_login`, then add
//! `http://localhost:8000/mcp` to a client.

use countersign::{AccessToken, EmbeddedAuth, Http, PostedLogin, Server, SignIn, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

/// The page. Its script signs in with the SDK of Firebase and submits the form.
fn page(form: &SignIn<'_>) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<title>Sign in</title>
<h1>Sign in</h1>
<p>{trouble}</p>
<form method="post" action="{action}" id="form">
  <input type="hidden" name="forgery_token" value="{forgery_token}">
  <input type="hidden" name="id_token" id="id_token">
  <button type="button" id="google">Continue with Google</button>
</form>
<script type="module">
  import {{ initializeApp }} from "https://www.gstatic.com/firebasejs/12.0.0/firebase-app.js";
  import {{ getAuth, GoogleAuthProvider, signInWithPopup }}
    from "https://www.gstatic.com/firebasejs/12.0.0/firebase-auth.js";
  const auth = getAuth(initializeApp({{ apiKey: "your-api-key", projectId: "my-project",
    authDomain: "my-project.firebaseapp.com" }}));
  document.getElementById("google").onclick = async () => {{
    const signedIn = await signInWithPopup(auth, new GoogleAuthProvider());
    document.getElementById("id_token").value = await signedIn.user.getIdToken(true);
    document.getElementById("form").submit();
  }};
</script>
</html>"#,
        trouble = form.trouble.unwrap_or_default(),
        action = form.action,
        forgery_token = form.forgery_token,
    )
}

pub(crate) fn server(login: PostedLogin, auth: EmbeddedAuth) -> Server {
    let login = login
        .page(page)
        .allow(|person| person.claim("email_verified") == Some(&true.into()));
    let auth = auth.scope("notes", "Read your notes");
    Server::new("Notes").auth(login.on(auth)).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = PostedLogin::firebase("my-project");
    let server = server(login, EmbeddedAuth::sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
