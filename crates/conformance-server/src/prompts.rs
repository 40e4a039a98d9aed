//! Prompts.

use countersign::component::Image;
use countersign::protocol::{PromptMessage, Role};
use countersign::{Server, prompt};

use crate::content::{RED_PIXEL, embedded};

pub(crate) fn add(server: Server) -> Server {
    server
        .prompt(test_simple_prompt)
        .prompt(test_prompt_with_arguments)
        .prompt(test_prompt_with_embedded_resource)
        .prompt(test_prompt_with_image)
}

/// A prompt without arguments.
#[prompt]
fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

/// A prompt with two arguments.
#[prompt]
fn test_prompt_with_arguments(
    /// First test argument.
    arg1: String,
    /// Second test argument.
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// A prompt with a resource in it.
#[prompt]
#[expect(
    non_snake_case,
    reason = "the suite prescribes the name of the argument"
)]
fn test_prompt_with_embedded_resource(
    /// URI of the resource to embed.
    resourceUri: String,
) -> Vec<PromptMessage> {
    vec![
        PromptMessage::new(
            Role::User,
            embedded(
                &resourceUri,
                "text/plain",
                "Embedded resource content for testing.",
            ),
        ),
        PromptMessage::new_text(Role::User, "Please process the embedded resource above."),
    ]
}

/// A prompt with an image in it.
#[prompt]
fn test_prompt_with_image() -> Vec<PromptMessage> {
    let image = Image::new(RED_PIXEL, "image/png");
    vec![
        PromptMessage::new(Role::User, image.into()),
        PromptMessage::new_text(Role::User, "Please analyze the image above."),
    ]
}
