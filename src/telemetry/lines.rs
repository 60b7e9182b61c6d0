//! What stands in the log line by line: one event is one line of a bounded length, whatever clients and functions put into it.
//!
//! The formats alone leave any length, in JSON the ends of lines that some readers know beside `\n`, and in short text whatever a value
//! shows as itself.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use serde_json::{Map, Value};
use tracing::field::Field;
use tracing_subscriber::fmt::{MakeWriter, format::Writer};

use super::Format;
use crate::kit::text::steers;

/// Longer lines are cut. What functions print of one call is no longer.
const LONGEST_LINE: usize = 64 * 1024;
/// What is left of each text of an object that is too long.
const LONGEST_TEXT: usize = 4 * 1024;

/// Writes the lines of `format` to what `to` makes.
pub(super) struct Lines<M> {
    format: Format,
    to: M,
}

impl<M> Lines<M> {
    pub(super) fn new(format: Format, to: M) -> Self {
        Self { format, to }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Lines<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { format: self.format, to: self.to.make_writer() }
    }
}

/// Takes one event, which comes in one piece.
pub(super) struct Line<W> {
    format: Format,
    to: W,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let is_short = text.len() <= LONGEST_LINE;
        let is_plain = is_short && (self.format == Format::Text || text.iter().all(|byte| (b' '..0x7f).contains(byte)));
        if is_plain {
            self.to.write_all(bytes)?;
        } else {
            let text = String::from_utf8_lossy(text);
            let mut line = match self.format {
                Format::Json => object(&text),
                Format::Text => cut(&text, LONGEST_LINE),
            };
            line.push('\n');
            self.to.write_all(line.as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// JSON with the letters that steer escaped: they stand in texts only. Too long, it keeps its members and loses of their texts.
fn object(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST_LINE));
    match serde_json::from_str::<Map<String, Value>>(text).ok().filter(|_| text.len() > LONGEST_LINE) {
        Some(mut members) => {
            members.values_mut().for_each(shorten);
            line.push_str(&Value::Object(members).to_string());
        }
        None => line.push_str(text),
    }
    line.chars().fold(String::with_capacity(line.len()), |mut line, c| {
        if steers(c) {
            // Nothing can go wrong in a string.
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
        line
    })
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => *text = cut(text, LONGEST_TEXT),
        Value::Object(members) => members.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}

/// A field of short text, which the format writes as it comes: with every letter that steers escaped.
pub(super) fn field(to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(to, "{}=", field.name())?;
    }
    write!(Escaping(to), "{value:?}")
}

struct Escaping<'w, 'o>(&'w mut Writer<'o>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c| steers(c) && c != '\t') {
            let (plain, steering) = rest.split_at(at);
            let mut letters = steering.chars();
            self.0.write_str(plain)?;
            if let Some(letter) = letters.next() {
                write!(self.0, "{}", letter.escape_default())?;
            }
            rest = letters.as_str();
        }
        self.0.write_str(rest)
    }
}

fn cut(text: &str, at: usize) -> String {
    let at = text.floor_char_boundary(at);
    format!("{}… ({} bytes in all)", &text[..at], text.len())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands in the log after `say`.
    fn logged(format: Format, colours: bool, say: impl FnOnce()) -> String {
        let log = Log::default();
        let to = log.clone();
        let subscriber =
            super::super::subscriber(format, colours, super::super::parse("info").unwrap(), move || to.clone());
        tracing::subscriber::with_default(subscriber, say);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const POISON: &str = "a\r\nb\u{1b}[31m\u{1b}]0;x\u{7}\u{8}\u{85}\u{9b}c\u{2028}d\u{2029}e\0f\u{7f}g\"\\";

    #[test]
    fn one_event_is_one_line_and_json_gives_back_what_it_was_given() {
        let said = logged(Format::Json, false, || tracing::warn!(reason = POISON, shown = %POISON, "said {POISON}"));
        let line = said.strip_suffix('\n').unwrap();
        assert!(!line.contains(steers), "{line:?}");
        let members: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&members["reason"], &members["message"]), (&POISON.into(), &format!("said {POISON}").into()));
        assert_eq!((&members["level"], &members["shown"]), (&"WARN".into(), &POISON.into()));
    }

    #[test]
    fn one_event_is_one_line_of_text_and_steers_no_terminal() {
        for colours in [false, true] {
            let said =
                logged(Format::Text, colours, || tracing::warn!(reason = POISON, shown = %POISON, "said {POISON}"));
            let line = said.strip_suffix('\n').unwrap();
            assert!(!line.contains(|c| steers(c) && c != '\u{1b}'), "{line:?}");
            // The event's own: colours and nothing else, none of them its red.
            assert_eq!(line.contains('\u{1b}'), colours, "{line:?}");
            assert!(!line.contains("\u{1b}[31m") && !line.contains("\u{1b}]"), "{line:?}");
            assert!(
                line.contains("said a\\r\\nb\\u{1b}[31m") && line.contains("shown=a\\r\\nb\\u{1b}[31m"),
                "{line:?}"
            );
            assert!(line.contains("reason=\"a\\r\\nb\\u{1b}[31m"), "{line:?}");
        }
    }

    #[test]
    fn a_megabyte_is_cut_and_the_rest_of_the_line_stays() {
        let long = format!("\"\n{}", "ü".repeat(512 * 1024));
        let said = logged(Format::Json, false, || tracing::error!(request_id = "1-2", reason = long, "failed: {long}"));
        assert!(said.len() < LONGEST_LINE && said.lines().count() == 1, "{}", said.len());
        let members: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&members["request_id"], &members["level"]), (&"1-2".into(), &"ERROR".into()));
        for (member, begins, bytes) in [("reason", "\"\nüü", 1_048_578), ("message", "failed: \"\nüü", 1_048_586)] {
            let text = members[member].as_str().unwrap();
            assert!(text.starts_with(begins) && text.ends_with(&format!("ü… ({bytes} bytes in all)")), "{member}");
            assert!(text.len() < LONGEST_TEXT + 40, "{member} {}", text.len());
        }
        let said = logged(Format::Text, true, || tracing::error!(request_id = "1-2", reason = long, "failed: {long}"));
        assert!(said.len() < LONGEST_LINE + 100 && said.lines().count() == 1, "{}", said.len());
        assert!(said.contains("failed: \"\\nüü") && said.trim_end().ends_with(" bytes in all)"), "{}", &said[..200]);
    }

    #[test]
    fn what_needs_nothing_is_written_as_it_is() {
        let said = logged(Format::Json, false, || tracing::info!(name = "käse", count = 3, "a line"));
        assert!(said.contains("\"name\":\"käse\"") && said.ends_with("}\n"), "{said}");
        let said = logged(Format::Text, false, || tracing::info!(name = "käse", count = 3, "a\tline"));
        assert!(said.ends_with("INFO a\tline name=\"käse\" count=3\n"), "{said}");
    }
}
