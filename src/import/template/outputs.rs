//! A template's outputs, for whoever wants to know the ids that came of it.

use super::{World, document::Node, scope::Scope};

#[derive(Clone, Debug)]
pub struct Output {
    pub stack: String,
    pub name: String,
    pub value: String,
}

/// Every output whose value is a single one.
pub(super) fn read(world: &World) -> Vec<Output> {
    let mut outputs = Vec::new();
    for stack in &world.stacks {
        let scope = Scope { stack, world };
        for (name, output) in &stack.outputs {
            let condition = output.get("Condition").and_then(Node::as_text);
            if condition.is_some_and(|condition| scope.condition(&output.at, condition) != Some(true)) {
                continue;
            }
            let Some(value) = output.get("Value") else {
                world.notes.refuse(&output.at, format!("the output {name} has no `Value`"));
                continue;
            };
            if let Some(value) = scope.resolve(value).and_then(|node| node.as_text().map(str::to_owned)) {
                outputs.push(Output { stack: stack.name.clone(), name: name.clone(), value });
            }
        }
    }
    outputs
}
