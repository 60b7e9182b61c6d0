//! HTML as text, for readers of mail that show no HTML: the words, the breaks between them, and where links lead.

/// The text of an HTML message. What is not well-formed is read as far as it goes; nothing is looked up or run.
pub(super) fn text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut target = None;
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        words(&mut text, &rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find('>').filter(|_| is_tag(rest)) else {
            text.push('<');
            rest = &rest[1..];
            continue;
        };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        match (name.to_ascii_lowercase().as_str(), tag.starts_with('/')) {
            ("style" | "script" | "title", false) => rest = behind(rest, name),
            ("a", false) => target = attribute(tag, "href"),
            ("a", true) => {
                if let Some(target) = target.take().filter(|target| !text.ends_with(target.as_str())) {
                    text.push_str(": ");
                    text.push_str(&target);
                }
            }
            ("br" | "p" | "div" | "tr" | "table" | "li" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4", _) => {
                line(&mut text)
            }
            _ => {}
        }
    }
    words(&mut text, rest);
    text.trim().to_owned()
}

/// Whether `<` begins a tag, and not a comparison.
fn is_tag(rest: &str) -> bool {
    rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!')
}

/// What follows the end of the element `name`.
fn behind<'a>(rest: &'a str, name: &str) -> &'a str {
    let end = rest.to_ascii_lowercase().find(&format!("</{}", name.to_ascii_lowercase()));
    end.map_or("", |end| &rest[end..])
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find(&format!("{name}="))?;
    let value = &tag[at + name.len() + 1..];
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = match quote {
        Some(quote) => value[1..].split(quote).next(),
        None => value.split(char::is_whitespace).next(),
    };
    Some(unescape(value?))
}

/// Ends the line, and does not begin a third one.
fn line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
}

/// Words between tags: white space counts once.
fn words(text: &mut String, html: &str) {
    let unescaped = unescape(html);
    for c in unescaped.chars() {
        if !c.is_ascii_whitespace() {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
}

fn unescape(html: &str) -> String {
    const ENTITIES: [(&str, char); 6] =
        [("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\''), ("&nbsp;", ' '), ("&amp;", '&')];
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (length, c) = known.map_or((1, '&'), |(entity, c)| (entity.len(), *c));
        text.push(c);
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_stay_and_links_say_where_they_lead() {
        let html = "<html><head><title>Hello</title><style>p { color: red }</style></head>\n<body><p>Your code is <b>1&lt;2</b>.</p>\
                    <p>Or <a class=\"x\" href=\"https://id.example/a?b=1&amp;c=2\">click here</a>,<br>please.</p></body>";
        assert_eq!(text(html), "Your code is 1<2.\n\nOr click here: https://id.example/a?b=1&c=2,\nplease.");
    }

    #[test]
    fn text_that_is_no_html_stays_as_it_is() {
        assert_eq!(text("Your verification code is 123456"), "Your verification code is 123456");
        assert_eq!(text("1 < 2 & 3 > 2 <"), "1 < 2 & 3 > 2 <");
        assert_eq!(
            text("<a href=https://a.example>https://a.example</a> <unfinished"),
            "https://a.example <unfinished"
        );
    }
}
