//! A plugin class, as the core sees it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use zerepy_core::{Category, Class, Config, Error, ErrorKind, Kind, Registered, Result};

use crate::describe::describe;
use crate::environment::Environment;
use crate::hook::Watcher;
use crate::instance::PluginInstance;
use crate::{convert, errors};

const BASES: &str = "zerepy_plugins.base";
static PLUGIN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static CONNECTION: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static ACTION: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static NATIVE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A Python class that makes plugins: a user's own, or the one made for a native plugin.
pub(crate) struct PluginClass {
    class: Py<PyType>,
}

impl PluginClass {
    /// The class itself.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyType> {
        self.class.bind(py).clone()
    }
}

/// Checks a class and reads what the registry needs; `name` overrides its own.
pub(crate) fn checked(
    class: &Bound<'_, PyAny>,
    place: Place,
    name: Option<&str>,
    origin: String,
) -> Result<Registered<PluginClass>> {
    let wrong = |why: String| Error::new(ErrorKind::Config, format!("{}: {why}", shown(class)));
    let class = class.cast::<PyType>().map_err(|_| {
        wrong("it is no class".into()).with_hint("Register the class, not an instance")
    })?;
    let category = category_of(class, place).map_err(wrong)?;
    let missing = missing_methods(class);
    if !missing.is_empty() {
        return Err(wrong(format!("it is abstract, it lacks {}", missing.join(", ")))
            .with_hint("Write the missing methods"));
    }
    let info = describe(class, category, name)?;
    let kind = if inherits(class, &NATIVE, "zerepy_plugins.native", "NativePlugin") {
        Kind::Native
    } else {
        Kind::Python
    };
    let class = PluginClass { class: class.clone().unbind() };
    Ok(Registered { info, kind, origin, class, defaults: serde_json::Map::new() })
}

fn shown(class: &Bound<'_, PyAny>) -> String {
    class.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
}

/// Which category a class belongs to, as far as it does not say so itself: one that extends only
/// `PluginBase` may be either.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// It is registered there: it must not be of the other one.
    Asked(Category),
    /// It was found where such plugins are.
    Guessed(Category),
}

fn category_of(class: &Bound<'_, PyType>, place: Place) -> Result<Category, String> {
    if !inherits(class, &PLUGIN, BASES, "PluginBase") {
        return Err("it does not extend PluginBase".to_owned());
    }
    let extends = |category: Category| match category {
        Category::Connection => inherits(class, &CONNECTION, BASES, base_name(category)),
        Category::Action => inherits(class, &ACTION, BASES, base_name(category)),
    };
    let mut own = Category::ALL.into_iter().filter(|category| extends(*category));
    match (place, own.next()) {
        (Place::Asked(category) | Place::Guessed(category), None) => Ok(category),
        (Place::Guessed(_), Some(own)) => Ok(own),
        (Place::Asked(category), Some(first)) if first == category || own.next().is_some() => {
            Ok(category)
        }
        (Place::Asked(category), Some(other)) => {
            Err(format!("it is no {category} plugin: it extends {}", base_name(other)))
        }
    }
}

const fn base_name(category: Category) -> &'static str {
    match category {
        Category::Connection => "ConnectionPlugin",
        Category::Action => "ActionPlugin",
    }
}

/// Whether a class extends another. What is only registered as a subclass (`ABC.register`) does not:
/// it has nothing of what a plugin inherits, and asking for it takes the longer the more there are.
fn inherits(
    class: &Bound<'_, PyType>,
    base: &'static PyOnceLock<Py<PyType>>,
    module: &str,
    name: &str,
) -> bool {
    let base = base.import(class.py(), module, name);
    base.is_ok_and(|base| class.mro().iter().any(|ancestor| ancestor.is(base)))
}

fn missing_methods(class: &Bound<'_, PyType>) -> Vec<String> {
    let names = class.getattr("__abstractmethods__").and_then(|names| names.try_iter());
    let names = names.into_iter().flatten().flatten().map(|name| name.to_string());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

impl Class for PluginClass {
    type Instance = PluginInstance;
    type Environment = Environment;
    type Hooks = Watcher;

    fn create(&self, config: &Config) -> Result<PluginInstance> {
        Python::attach(|py| {
            let class = self.class.bind(py);
            let created = Wants::of(class).and_then(|wants| {
                let config = convert::to_python(py, &config.value)?;
                let object = match wants {
                    Wants::Nothing => class.call0(),
                    Wants::Positional => class.call1((&config,)),
                    Wants::Keyword => {
                        let kwargs = PyDict::new(py);
                        kwargs.set_item("config", &config)?;
                        class.call((), Some(&kwargs))
                    }
                }?;
                PluginInstance::new(object, config)
            });
            created.map_err(|raised| {
                errors::from_python(py, raised, ErrorKind::Execution, "creating the plugin")
            })
        })
    }
}

/// How a class wants its configuration when it is instantiated.
enum Wants {
    Nothing,
    /// As the one argument that must be given.
    Positional,
    /// As the parameter called `config`.
    Keyword,
}

impl Wants {
    fn of(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let inspect = class.py().import("inspect")?;
        let parameters = inspect.call_method1("signature", (class,))?.getattr("parameters")?;
        let empty = inspect.getattr("Parameter")?.getattr("empty")?;
        for parameter in parameters.call_method0("values")?.try_iter()? {
            let parameter = parameter?;
            let kind = parameter.getattr("kind")?.getattr("name")?.to_string();
            if kind != "POSITIONAL_ONLY" && parameter.getattr("name")?.eq("config")? {
                return Ok(Self::Keyword);
            }
            if kind.starts_with("POSITIONAL") && parameter.getattr("default")?.is(&empty) {
                return Ok(Self::Positional);
            }
        }
        Ok(Self::Nothing)
    }
}
