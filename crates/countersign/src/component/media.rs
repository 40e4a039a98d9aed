//! Images and sound, as content of a result.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::ContentBlock;

/// An image.
///
/// ```
/// use countersign::component::Image;
/// use countersign::tool;
///
/// /// Draws a dot.
/// #[tool]
/// fn dot() -> Image {
///     Image::new(b"GIF89a\x01\x00\x01\x00", "image/gif")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    data: String,
    mime_type: String,
}

impl Image {
    /// The image of `bytes`, whose media type is `mime_type`, for example `image/png`.
    pub fn new(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self {
            data: STANDARD.encode(bytes),
            mime_type: mime_type.into(),
        }
    }
}

impl From<Image> for ContentBlock {
    fn from(image: Image) -> Self {
        Self::image(image.data, image.mime_type)
    }
}

/// A sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    data: String,
    mime_type: String,
}

impl Audio {
    /// The sound of `bytes`, whose media type is `mime_type`, for example `audio/wav`.
    pub fn new(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self {
            data: STANDARD.encode(bytes),
            mime_type: mime_type.into(),
        }
    }
}

impl From<Audio> for ContentBlock {
    fn from(audio: Audio) -> Self {
        Self::audio(audio.data, audio.mime_type)
    }
}
