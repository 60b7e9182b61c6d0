//! Images that administrators upload: what they are is told by their first bytes, never by what a caller says.

/// What may be shown on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ico,
    Jpeg,
    Png,
    Svg,
    Webp,
}

impl Format {
    /// None for anything else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [0, 0, 1, 0, ..] => Some(Self::Ico),
            _ if is_svg(bytes) => Some(Self::Svg),
            _ => None,
        }
    }

    /// `AssetExtensionType`
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ico => "ICO",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Svg => "SVG",
            Self::Webp => "WEBP",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ico => "image/x-icon",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Webp => "image/webp",
        }
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    (text.starts_with("<svg") || text.starts_with("<?xml") || text.starts_with("<!--")) && text.contains("<svg")
}

/// Whether an SVG holds anything that could run or load: scripts, handlers, foreign documents, entities. Where it is shown
/// nothing of it would run either; but whoever opens its address should not depend on that alone.
pub fn is_active(svg: &[u8]) -> bool {
    const ACTIVE: [&str; 8] =
        ["<script", ":script", "<foreignobject", "javascript:", "<!entity", "<!doctype", "<iframe", "data:text"];
    let text = String::from_utf8_lossy(svg).to_ascii_lowercase();
    let has_handler = text.match_indices("on").any(|(at, _)| {
        let is_name_start = text[..at].ends_with(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '/'));
        let rest = text[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        is_name_start && rest.len() < text.len() - at - 2 && rest.trim_start().starts_with('=')
    });
    // Written as entities, every one of these words would pass.
    has_handler || text.contains("&#") || ACTIVE.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_what_its_first_bytes_say() {
        assert_eq!(Format::of(b"\x89PNG\r\n\x1a\n..."), Some(Format::Png));
        assert_eq!(Format::of(b"\xff\xd8\xff\xe0"), Some(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF\x01\0\0\0WEBPVP8 "), Some(Format::Webp));
        assert_eq!(Format::of(b"\0\0\x01\0\x01\0"), Some(Format::Ico));
        assert_eq!(Format::of(b"<?xml version=\"1.0\"?>\n<svg/>"), Some(Format::Svg));
        for nothing in [&b""[..], b"GIF89a", b"<html><svg>", b"\x89PNG", b"RIFF....WAVE"] {
            assert_eq!(Format::of(nothing), None);
        }
    }

    #[test]
    fn a_drawing_must_not_run_anything() {
        for drawing in [
            "<svg><script>alert(1)</script></svg>",
            "<svg><SCRIPT/></svg>",
            "<svg onload=alert(1)>",
            "<svg\nonload = \"x\">",
            "<svg><a href='javascript:x'/></svg>",
            "<svg><a href='&#106;avascript:x'/></svg>",
            "<svg><foreignObject/></svg>",
            "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>",
            "<svg xmlns:s='http://www.w3.org/2000/svg'><s:script/></svg>",
        ] {
            assert!(is_active(drawing.as_bytes()), "{drawing}");
        }
        let still = "<svg xmlns=\"http://www.w3.org/2000/svg\"><text font-size=\"2\">Once on = a time</text><path d=\"M0 0\"/></svg>";
        assert!(!is_active(still.replace("on =", "on").as_bytes()));
    }
}
