//! Names that a glance knows: what they may do to a module that mentions them.

/// Names by which code can change names or classes elsewhere; a source with one of them is not
/// judged.
pub(super) const REACHING_OUT: [&str; 24] = [
    "global",
    "exec",
    "eval",
    "locals",
    "vars",
    "globals",
    "setattr",
    "modules",
    "import_module",
    "__import__",
    "_getframe",
    "f_globals",
    "__bases__",
    "abstractmethod",
    "__build_class__",
    "__builtins__",
    "__dict__",
    "f_locals",
    "__set_name__",
    "__init_subclass__",
    "__subclasses__",
    "abstractproperty",
    "abstractclassmethod",
    "abstractstaticmethod",
];
pub(super) const BASES_MODULES: [&str; 2] = ["zerepy_plugins", "zerepy_plugins.base"];
pub(super) const BASES: [&str; 3] = ["ConnectionPlugin", "ActionPlugin", "PluginBase"];
/// What may be called or decorate in a module without a plugin coming of it.
pub(super) const TAME_CALLS: [&str; 29] = [
    "logging.getLogger",
    "getLogger",
    "TypeVar",
    "re.compile",
    "os.getenv",
    "os.environ.get",
    "Path",
    "frozenset",
    "set",
    "dict",
    "list",
    "tuple",
    "object",
    "int",
    "float",
    "str",
    "dataclass",
    "dataclasses.dataclass",
    "lru_cache",
    "functools.lru_cache",
    "cache",
    "contextmanager",
    "asynccontextmanager",
    "unique",
    "field",
    "dataclasses.field",
    "Field",
    "auto",
    "enum.auto",
];
/// Where classes and functions come from that are no plugins, nor make them.
pub(super) const TAME_MODULES: [&str; 15] = [
    "abc",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "json",
    "logging",
    "os",
    "pathlib",
    "pydantic",
    "re",
    "threading",
    "typing",
    "typing_extensions",
];
pub(super) const TAME_BUILTINS: [&str; 14] = [
    "object",
    "dict",
    "list",
    "set",
    "frozenset",
    "str",
    "int",
    "float",
    "tuple",
    "bytes",
    "Exception",
    "ValueError",
    "RuntimeError",
    "LookupError",
];
/// Before a bracket these make no call.
pub(super) const OPERATORS: [&str; 7] = ["in", "not", "and", "or", "is", "if", "else"];
/// Names of a module that may be set without changing what its classes are.
pub(super) const TAME_DUNDERS: [&str; 4] = ["__all__", "__version__", "__author__", "__license__"];
/// Functions of a module that have no say in what its classes are.
pub(super) const TAME_HOOKS: [&str; 2] = ["__getattr__", "__dir__"];
/// What begins a statement with more in it, or may.
pub(in super::super) const COMPOUND: [&str; 6] =
    ["try", "else", "finally", "lambda", "match", "type"];
