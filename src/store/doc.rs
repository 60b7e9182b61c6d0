//! A document column: any serde value, stored as `TEXT` by both drivers.
//!
//! For wide settings that SQL never looks into, so that a new one needs no migration. What is looked up, ordered, counted or
//! joined is a column of its own.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Database, Decode, Encode, Type, encode::IsNull, error::BoxDynError};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doc<T>(pub T);

impl<T, DB: Database> Type<DB> for Doc<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        String::compatible(ty)
    }
}

impl<'q, T: Serialize, DB: Database> Encode<'q, DB> for Doc<T>
where
    String: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        serde_json::to_string(&self.0)?.encode(buffer)
    }
}

impl<'r, T: DeserializeOwned, DB: Database> Decode<'r, DB> for Doc<T>
where
    &'r str: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Doc(serde_json::from_str(<&str>::decode(value)?)?))
    }
}
