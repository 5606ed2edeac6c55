use super::*;

const IMPORT: &str = "from zerepy_plugins import ConnectionPlugin\n";
const METHODS: &str = "    def initialize(self, config): ...
    def cleanup(self): ...
    def is_configured(self): return True
    def configure(self): return True
    def perform_action(self, action, params):
        class Inner(dict): pass
        return {'class A(ConnectionPlugin):': f\"{self.x['a']!r:>{width}}\"}
";

/// A plugin class with these lines before its methods.
fn class(head: &str, attributes: &str) -> String {
    format!("{head}\n{attributes}{METHODS}")
}

fn usual() -> String {
    class("class A(ConnectionPlugin):", "    name = 'a'\n    version = \"1.0\"\n")
}

fn see(source: &str) -> Seen {
    glance(source.as_bytes(), false)
}

fn plugin(name: &str) -> Seen {
    let (name, version) = (name.to_owned(), "1.0".to_owned());
    Seen::Plugin(Glimpse { name, version, category: Category::Connection })
}

#[test]
fn what_is_written_as_usual_is_seen() {
    let around = [
        "",
        "\"\"\"Doc: class B(ConnectionPlugin):\n    name = 'b'\n\"\"\"\n",
        "# class B(ConnectionPlugin):\n",
        "import os, json as j\nfrom typing import (\n    Any,  # )\n    TYPE_CHECKING,\n)\n",
        "import logging\nlog = logging.getLogger(__name__)\nSIZES = {'a': [1, 2.5e3]}\n",
        "X = 'class B(ConnectionPlugin):\\\n    name = 1'\n",
        "class Broken(ValueError): pass\nclass Worse(Broken):\n    x = 1\n",
        "async def helper(x=(1, 2)) -> 'ConnectionPlugin':\n\treturn 1\n",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass S:\n    a: int = 1\n",
        "__all__ = [\n    'A',\n]\n",
        "TEXT = r'\\d\\''\nOTHER = b'x' 'y' f'{1}{{}}'\n",
    ];
    for text in around {
        assert_eq!(see(&format!("{text}{IMPORT}{}", usual())), plugin("a"), "{text}");
        if !text.starts_with('"') {
            let after = format!("{IMPORT}{}{text}", usual());
            assert_eq!(see(&after), plugin("a"), "{text}");
        }
    }
    let never = "if __name__ == '__main__':\n    A = None\n";
    assert_eq!(see(&format!("{IMPORT}{}{never}", usual())), plugin("a"));
}

#[test]
fn names_may_be_attributes_or_properties() {
    for attributes in [
        "    \"\"\"Doc.\"\"\"\n    name: str = 'a'\n    version = '1.0'\n",
        "    @property\n    def name(self) -> str:\n        \"\"\"Doc.\"\"\"\n        return 'a'\n    version \
         = '1.0'\n",
        "    @property\n    def name(self): return 'a'\n\n    version = '''1.0'''  # so\n",
        "    requires = ['b']\n    actions = {'x': make()}\n    name = \\\n 'a'\n    version = '1.0'\n",
    ] {
        let source = format!("{IMPORT}{}", class("class A(ConnectionPlugin):", attributes));
        assert_eq!(see(&source), plugin("a"), "{attributes}");
        assert_eq!(see(&source.replace('\n', "\r\n")), plugin("a"), "{attributes}");
        assert_eq!(see(&format!("\u{feff}{source}")), plugin("a"), "{attributes}");
        assert_eq!(see(&source.replace("    ", "\t")), plugin("a"), "{attributes}");
    }
}

#[test]
fn what_may_be_otherwise_is_not_judged() {
    let source = format!("{IMPORT}{}", usual());
    let after = [
        "A = None",
        "del A",
        "A.name = 'b'",
        "B = A",
        "class B(A): pass",
        "class B(Unknown): pass",
        "from somewhere import *",
        "import x as A",
        "if True:\n    A = 1",
        "try:\n    import a\nexcept ImportError: a = 1",
        "globals()['B'] = A",
        "register()",
        "B = make()",
        "@decorator\ndef f(): ...",
        "x = 1; A = 2",
        "(A := 1)",
        "x = [(A := 1)]",
        "def A(): ...",
        "for A in []: pass",
        "with open('x') as A: pass",
        "X = '",
        "x = (",
        "type X = int",
        "x = $",
        "é = 1",
        "x = f'{a['b']}'",
        "x = f'{'",
        "\x0cx = 1",
        "x = 1\rA = 2",
        "B = type('B', (ConnectionPlugin,), {})",
        "__name__ = 'x'",
        "property = 1",
        "else: A = 1",
    ];
    for text in after {
        assert_eq!(see(&format!("{source}{text}\n")), Seen::Unsure, "{text}");
    }
    let twice = format!("{source}{}", usual().replace("class A", "class B"));
    assert_eq!(see(&twice), Seen::Unsure);
    assert_eq!(see(&format!("# coding: latin-1\n{source}")), Seen::Unsure);
    assert_eq!(glance(b"x = '\xff'\n", false), Seen::Unsure);
    assert_eq!(see(&format!("ConnectionPlugin = 1\n{source}")), Seen::Unsure);
}

#[test]
fn classes_that_are_not_as_usual_are_not_judged() {
    let usual = "    name = 'a'\n    version = '1.0'\n";
    for head in [
        "class A(ConnectionPlugin, Other):",
        "class A(ConnectionPlugin, metaclass=M):",
        "class A(*bases):",
        "class A(zerepy_plugins.ConnectionPlugin):",
        "@decorated\nclass A(ConnectionPlugin):",
        "class A[T](ConnectionPlugin):",
        "class A(make()):",
    ] {
        assert_eq!(see(&format!("{IMPORT}{}", class(head, usual))), Seen::Unsure, "{head}");
    }
    for attributes in [
        "    version = '1.0'\n",
        "    name = NAME\n    version = '1.0'\n",
        "    name = 'a' 'b'\n    version = '1.0'\n",
        "    name = 'a' + 'b'\n    version = '1.0'\n",
        "    name = 'a' if x else 'b'\n    version = '1.0'\n",
        "    name = x == 'a'\n    version = '1.0'\n",
        "    name = x <= 'a'\n    version = '1.0'\n",
        "    name = other = 'a'\n    version = '1.0'\n",
        "    other = name = 'a'\n    version = '1.0'\n",
        "    name = f'a'\n    version = '1.0'\n",
        "    name = b'a'\n    version = '1.0'\n",
        "    name = '\\x61'\n    version = '1.0'\n",
        "    name = 'a b'\n    version = '1.0'\n",
        "    name = 'a',\n    version = '1.0'\n",
        "    name = 'a'\n    name = 'b'\n    version = '1.0'\n",
        "    name: str\n    version = '1.0'\n",
        "    name = 'a'; version = '1.0'\n",
        "    name = 'a'\n    version = '1.0'\n    if x:\n        name = 'b'\n",
        "    name = 'a'\n    version = '1.0'\n    for name in 'bc': pass\n",
        "    name = 'a'\n    version = '1.0'\n    x = [(name := 'b')]\n",
        "    name = 'a'\n    version = '1.0'\n    del name\n",
        "    name = 'a'\n    version = '1.0'\n    from x import name\n",
        "    @property\n    def name(self):\n        return self.x\n    version = '1.0'\n",
        "    @property\n    def name(self):\n        x()\n        return 'a'\n    version = '1.0'\n",
        "    @cached\n    def name(self):\n        return 'a'\n    version = '1.0'\n",
        "    def name(self): return 'a'\n    version = '1.0'\n",
        "    name = 'a'\n    version = 'one'\n",
        "    name = 'a'\n    version = '1.0'\n    __module__ = 'x'\n",
        "    name = 'a'\n    version = '1.0'\n    def configure(self): ...\n",
    ] {
        let source = format!("{IMPORT}{}", class("class A(ConnectionPlugin):", attributes));
        assert_eq!(see(&source), Seen::Unsure, "{attributes}");
    }
    let abstract_one = format!("{IMPORT}class A(ConnectionPlugin):\n{usual}");
    assert_eq!(see(&abstract_one), Seen::Unsure);
}

#[test]
fn files_without_plugins_are_seen_to_be_such() {
    assert_eq!(see(""), Seen::Nothing);
    assert_eq!(see("import os\nSIZE = 3\ndef helper():\n    return os.getcwd()\n"), Seen::Nothing);
    assert_eq!(see("class Broken(Exception):\n    pass\n"), Seen::Nothing);
    assert_eq!(see("from x import Base\nclass A(Base):\n    name = 'a'\n"), Seen::Unsure);
}

#[test]
fn in_a_package_its_other_files_count() {
    let source = format!("from .impl import x\n{IMPORT}{}", usual());
    assert_eq!(glance(source.as_bytes(), false), plugin("a"));
    assert_eq!(glance(source.as_bytes(), true), Seen::Unsure);
}

#[test]
fn it_ends_and_stays_within_any_text() {
    let source = format!("{IMPORT}{}x = f'{{a[\"b\"]}}'\n", usual());
    for end in 0..source.len() {
        glance(&source.as_bytes()[..end], false);
        glance(&source.as_bytes()[end..], true);
    }
}
