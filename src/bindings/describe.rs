//! What a Python plugin class says of itself, read from the class without instantiating it.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use serde_json::Value;
use zerepy_core::{ActionInfo, ActionPolicy, Category, Error, ErrorKind, Exec, PluginInfo, Result};

use crate::{convert, errors};

/// Reads the class; `name` overrides its own.
pub(crate) fn describe(
    class: &Bound<'_, PyType>,
    category: Category,
    name: Option<&str>,
) -> Result<PluginInfo> {
    let title = class.qualname().map_or_else(|_| "?".into(), |name| name.to_string());
    let name = match name {
        Some(name) => name.to_owned(),
        None => text(class, "name", &title)?,
    };
    let wrong = |what: &str, error: Error| {
        Error::new(ErrorKind::Config, format!("{what} of plugin {name:?}: {}", error.message()))
            .with_plugin(name.as_str())
    };
    Ok(PluginInfo {
        version: text(class, "version", &title)?,
        category,
        description: doc_of(class.as_any()),
        requires: requires(class).map_err(|error| wrong("requires", error))?,
        config_schema: schema(class, "config_schema")
            .map_err(|error| wrong("config_schema", error))?,
        actions: actions(class, category).map_err(|error| wrong("actions", error))?,
        name,
    })
}

/// A text attribute of the class; a property that needs an instance, or nothing at all, is an error.
fn text(class: &Bound<'_, PyType>, attribute: &str, title: &str) -> Result<String> {
    let value =
        class.getattr(attribute).or_else(|error| model_default(class, attribute).ok_or(error));
    let why = match &value {
        Ok(value) => match value.cast::<PyString>() {
            Ok(text) => return Ok(text.to_string()),
            Err(_) => format!("it is {}", value.get_type()),
        },
        Err(error) => error.value(class.py()).to_string(),
    };
    Err(Error::new(
        ErrorKind::Config,
        format!("the {attribute} of plugin class {title} cannot be read from the class: {why}"),
    )
    .with_hint(format!(
        "Write `{attribute} = \"…\"` in the class, or a property that returns a constant"
    )))
}

/// The default of a pydantic model's field of that name.
fn model_default<'py>(class: &Bound<'py, PyType>, field: &str) -> Option<Bound<'py, PyAny>> {
    class.getattr("model_fields").ok()?.get_item(field).ok()?.getattr("default").ok()
}

fn requires(class: &Bound<'_, PyType>) -> Result<Vec<String>> {
    let Some(value) = attribute(class, "requires") else { return Ok(Vec::new()) };
    value.extract().map_err(|_| Error::new(ErrorKind::Config, "it must be a list of str"))
}

/// A JSON Schema `dict`, or a pydantic model class.
fn schema(class: &Bound<'_, PyType>, name: &str) -> Result<Option<Value>> {
    attribute(class, name).map(|value| schema_of(&value, name)).transpose()
}

fn schema_of(value: &Bound<'_, PyAny>, root: &str) -> Result<Value> {
    if let Ok(method) = value.getattr("model_json_schema") {
        let schema = method.call0().map_err(|raised| {
            errors::from_python(value.py(), raised, ErrorKind::Config, "model_json_schema()")
        })?;
        return convert::to_json(&schema, root);
    }
    if value.is_instance_of::<PyDict>() {
        return convert::to_json(value, root);
    }
    Err(Error::new(ErrorKind::Config, "it must be a JSON Schema dict or a pydantic model class"))
}

fn attribute<'py>(class: &Bound<'py, PyType>, name: &str) -> Option<Bound<'py, PyAny>> {
    class.getattr(name).ok().filter(|value| !value.is_none())
}

fn actions(class: &Bound<'_, PyType>, category: Category) -> Result<Vec<ActionInfo>> {
    // A property is for instances: what it says is known when one runs.
    let declared = attribute(class, "actions").filter(|it| !is_property(it));
    let Some(declared) = declared else {
        return Ok(match category {
            Category::Connection => Vec::new(),
            Category::Action => execute(class)?.into_iter().collect(),
        });
    };
    let Ok(declared) = declared.cast::<PyDict>() else {
        return Err(Error::new(ErrorKind::Config, "it must be a dict from name to description"));
    };
    declared.iter().map(|(name, value)| declared_action(name.to_string(), &value)).collect()
}

fn is_property(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().name().is_ok_and(|name| name == "property")
}

/// What an action plugin says of its one action by its method and `params_schema`.
fn execute(class: &Bound<'_, PyType>) -> Result<Option<ActionInfo>> {
    let Some(method) = attribute(class, "execute") else { return Ok(None) };
    let (name, description) = ("execute".to_owned(), doc_of(&method));
    let params = schema(class, "params_schema")?;
    let exec = if is_generator(&method) { Exec::Stream } else { Exec::Inline };
    let policy = attribute(class, "policy").map(|policy| policy_of(&policy)).transpose()?;
    let policy = policy.unwrap_or_default();
    Ok(Some(ActionInfo { name, description, exec, params, result: None, policy }))
}

/// Whether a method is written as a generator, async or not.
fn is_generator(method: &Bound<'_, PyAny>) -> bool {
    let is = |question: &str| {
        let inspect = method.py().import("inspect")?;
        inspect.call_method1(question, (method,))?.extract::<bool>()
    };
    ["isasyncgenfunction", "isgeneratorfunction"]
        .into_iter()
        .any(|question| is(question).unwrap_or(false))
}

/// A description, or a dict with `description`, `params`, `result`, `policy` and `exec`, of which a Python
/// plugin says only whether it is `"stream"`.
fn declared_action(name: String, value: &Bound<'_, PyAny>) -> Result<ActionInfo> {
    let mut action = ActionInfo {
        name,
        description: String::new(),
        exec: Exec::Inline,
        params: None,
        result: None,
        policy: ActionPolicy::default(),
    };
    if let Ok(description) = value.cast::<PyString>() {
        action.description = description.to_string();
        return Ok(action);
    }
    let normal = if value.is_instance_of::<PyDict>() { value.clone() } else { normalised(value)? };
    let Ok(fields) = normal.cast::<PyDict>() else {
        let name = &action.name;
        return Err(Error::new(
            ErrorKind::Config,
            format!("{name:?} must be a description or a dict of description, params and result"),
        ));
    };
    let field = |key: &str| fields.get_item(key).ok().flatten().filter(|value| !value.is_none());
    let schema = |key: &str| field(key).map(|value| schema_of(&value, key)).transpose();
    action.description = field("description").map(|text| text.to_string()).unwrap_or_default();
    action.exec = field("exec").map_or(Exec::Inline, |exec| match exec.to_string().as_str() {
        "blocking" => Exec::Blocking,
        "async" => Exec::Async,
        "stream" => Exec::Stream,
        _ => Exec::Inline,
    });
    action.params = schema("params")?;
    action.result = schema("result")?;
    action.policy = field("policy").map_or_else(|| Ok(action.policy), |it| policy_of(&it))?;
    Ok(action)
}

/// What an object says that is neither text nor `dict`: ZerePy's `Action`, with its parameters.
fn normalised<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let module = value.py().import("zerepy_plugins.tools.declared");
    module.and_then(|module| module.call_method1("normalised", (value,))).map_err(|raised| {
        errors::from_python(value.py(), raised, ErrorKind::Config, "reading its parameters")
    })
}

/// The actions that a running instance has beyond those of its class, as ZerePy's connections and
/// MCP servers do: by name. `None` for most plugins.
pub(crate) fn own_actions<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let own = object.getattr_opt("actions")?;
    let Some(own) = own else { return Ok(None) };
    if object.get_type().getattr_opt("actions")?.is_some_and(|declared| declared.is(&own)) {
        return Ok(None);
    }
    let module = object.py().import("zerepy_plugins.tools.declared")?;
    module.call_method1("own_actions", (own,)).map(Some)
}

fn policy_of(policy: &Bound<'_, PyAny>) -> Result<ActionPolicy> {
    serde_json::from_value(convert::to_json(policy, "policy")?).map_err(|error| {
        Error::new(ErrorKind::Config, format!("policy: {error}")).with_hint(
            "It has idempotent, retries, max_rate, burst, max_concurrent, and breaker with failures \
             and pause",
        )
    })
}

fn doc_of(object: &Bound<'_, PyAny>) -> String {
    let text = object.getattr("__doc__").ok().and_then(|text| text.extract::<String>().ok());
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// A plugin's actions as `ConnectionPlugin.actions` shows them: by name.
pub(crate) fn actions_to_python<'py>(
    py: Python<'py>,
    actions: &[ActionInfo],
) -> PyResult<Bound<'py, PyDict>> {
    let by_name = PyDict::new(py);
    for action in actions {
        let fields = pythonize::pythonize(py, action)?;
        fields.del_item("name")?;
        by_name.set_item(&action.name, fields)?;
    }
    Ok(by_name)
}
