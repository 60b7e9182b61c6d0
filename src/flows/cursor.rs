//! Where a list goes on: sealed, so that a caller can neither read nor move it, and bound to the list that it came from.

use serde::{Deserialize, Serialize};

use super::Cx;
use crate::{
    domain::{Error, Result},
    keys::seal::Purpose,
};

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Leads to the next page; none on the last.
    pub next: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    list: String,
    after: String,
}

/// What stands after the cursor: the empty text, which is before everything, without one. `list` names the list with all that
/// selects its items.
pub fn open(cx: &Cx, list: &str, cursor: Option<&str>) -> Result<String> {
    let Some(text) = cursor else { return Ok(String::new()) };
    let cursor: Option<Cursor> = cx.app.sealer.open_json(Purpose::Cursor, text);
    let cursor = cursor.filter(|cursor| cursor.list == list);
    cursor.map(|cursor| cursor.after).ok_or_else(|| Error::InvalidParameter("Invalid pagination token".into()))
}

/// Cuts a list that was read with one item more than `limit`, and leads on from the last item kept.
pub fn page<T>(cx: &Cx, list: &str, mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Result<Page<T>> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = match items.last().filter(|_| more) {
        Some(last) => {
            let cursor = Cursor { list: list.to_owned(), after: key(last) };
            Some(cx.app.sealer.seal_json(Purpose::Cursor, &cursor)?)
        }
        None => None,
    };
    Ok(Page { items, next })
}
