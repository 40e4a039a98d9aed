//! Presets: files about providers.

mod answers;
mod api;
mod built_in;
mod damaged;
mod filling;
mod format;
mod refusals;
mod rules;

use countersign_resource_server::FileError;
use countersign_resource_server::provider::Preset;

/// A file with a bit of everything.
const SAMPLE: &str = r#"name = "sample"
display_name = "Sample"
documentation = "https://docs.sample.test/login"
discovery = "https://{domain}/.well-known/openid-configuration"

[variables.domain]
description = "the domain of your tenant"
kind = "host"
example = "mine.sample.test"

[variables.audience]
description = "the identifier of this server at the provider"
kind = "text"
optional = true

[endpoints]
issuer = "https://{domain}/"
userinfo = "https://{domain}/me"
introspection = "https://{domain}/introspect"

[login]
scopes = ["openid", "email"]
nonce = true
client_authentication = ["client_secret_basic"]

[login.authorize_parameters]
audience = "{audience}"
prompt = "consent"

[login.identity]
source = "id_token"
subject = "/sub"

[tokens]
kind = "jwt"

[tokens.audience]
values = ["{audience}"]

[api]
origins = ["https://{domain}"]

[safety]
audience_bound = true
open_registration = false
"#;

/// [`SAMPLE`] with `old` replaced by `new`; each must be there once.
fn changed(old: &str, new: &str) -> String {
    assert_eq!(SAMPLE.matches(old).count(), 1, "{old:?} in the sample");
    SAMPLE.replace(old, new)
}

/// Why `text` is refused.
fn refusal(text: &str) -> FileError {
    match Preset::parse(text) {
        Ok(_) => panic!("this was read:\n{text}"),
        Err(error) => error,
    }
}

/// Where `part` is in `text`, as a line counted from one.
fn line_of(text: &str, part: &str) -> usize {
    let offset = text.find(part).expect("the part is there");
    1 + text[..offset].matches('\n').count()
}
