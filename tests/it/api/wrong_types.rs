//! Values of every wrong JSON type, at every member of every operation.

use poolhouse::{
    api::operations::OPERATIONS,
    model::{Kind, MODEL, Shape},
};
use serde_json::{Value, json};

use super::{people::sites, town::with};
use crate::samples::{Size, sample};

fn fits(shape: &Shape, value: &Value) -> bool {
    match shape.kind {
        Kind::Structure | Kind::Map => value.is_object(),
        Kind::List => value.is_array(),
        Kind::String | Kind::Blob => value.is_string(),
        Kind::Integer | Kind::Long | Kind::Timestamp => value.is_number(),
        Kind::Boolean => value.is_boolean(),
    }
}

#[tokio::test]
async fn no_wrong_type_reaches_an_operation() {
    let site = sites().await.remove(0);
    let wrong = [json!("text"), json!(7), json!(true), json!([1]), json!({"A": [null, {"B": {}}]}), json!([[[]]])];
    for operation in OPERATIONS {
        let input = MODEL.operation(operation.name).unwrap().input;
        let legal = sample(input, Size::Smallest);
        for (member, name) in &MODEL.shape(input).unwrap().members {
            let shape = MODEL.shape(name).unwrap();
            // Some members are any JSON at all, and scalars may come as each other's text.
            for value in wrong.iter().filter(|value| !shape.document && !fits(shape, value) && !is_scalar(shape, value))
            {
                let (status, body) = site.send(operation.name, &with(&legal, json!({*member: value}))).await;
                let name = body["__type"].as_str().unwrap_or_default();
                assert_eq!((status, name), (400, "SerializationException"), "{}.{member} = {value}", operation.name);
            }
        }
    }
    let (status, body) = site.send("GetUser", &json!([])).await;
    assert_eq!((status, body["__type"].as_str().unwrap()), (400, "SerializationException"));
}

fn is_scalar(shape: &Shape, value: &Value) -> bool {
    shape.is_scalar() && !value.is_array() && !value.is_object()
}
