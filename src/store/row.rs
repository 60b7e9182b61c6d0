//! Rows: what a statement gives back, readable from either driver.

/// Declares a struct whose fields are columns of the same name.
///
/// ```ignore
/// row! { struct GroupRow { name: String, precedence: Option<i64> } }
/// ```
macro_rules! row {
    ($(#[$note:meta])* struct $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$note])*
        struct $name { $($field: $kind),* }

        impl<'r, R: $crate::store::Columns> sqlx::FromRow<'r, R> for $name {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($field: $crate::store::Columns::field(row, stringify!($field))?),* })
            }
        }
    };
}

pub(super) use row;
