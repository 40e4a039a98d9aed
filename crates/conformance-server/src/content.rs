//! Tools that answer with each kind of content.

use countersign::component::{Audio, Image};
use countersign::protocol::{ContentBlock, ResourceContents};
use countersign::{Server, ToolError, tool};

/// A red pixel.
pub(crate) const RED_PIXEL: &[u8] = include_bytes!("media/red.png");
/// A millisecond of sound.
const BEEP: &[u8] = include_bytes!("media/beep.wav");

pub(crate) fn add(server: Server) -> Server {
    server
        .tool(test_simple_text)
        .tool(test_image_content)
        .tool(test_audio_content)
        .tool(test_embedded_resource)
        .tool(test_multiple_content_types)
        .tool(test_error_handling)
}

fn red_pixel() -> Image {
    Image::new(RED_PIXEL, "image/png")
}

/// A resource as a part of an answer.
pub(crate) fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

/// Answers with text.
#[tool]
fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Answers with an image.
#[tool]
fn test_image_content() -> Image {
    red_pixel()
}

/// Answers with a sound.
#[tool]
fn test_audio_content() -> Audio {
    Audio::new(BEEP, "audio/wav")
}

/// Answers with a resource.
#[tool]
fn test_embedded_resource() -> ContentBlock {
    embedded(
        "test://embedded-resource",
        "text/plain",
        "This is an embedded resource content.",
    )
}

/// Answers with text, an image and a resource.
#[tool]
fn test_multiple_content_types() -> Vec<ContentBlock> {
    vec![
        ContentBlock::text("Multiple content types test:"),
        red_pixel().into(),
        embedded(
            "test://mixed-content-resource",
            "application/json",
            r#"{"test":"data","value":123}"#,
        ),
    ]
}

/// Always fails.
#[tool]
fn test_error_handling() -> Result<(), ToolError> {
    Err(ToolError::new(
        "This tool intentionally returns an error for testing",
    ))
}
