"""Plugins from shared libraries: to their user they are plugins like any other.

Run `make plugins` first; it builds them into build/plugins.
"""

from zerepy_plugins import ConnectionPlugin, PluginManager

documents = [
    {"id": "1", "title": "Gas", "text": "A gas price of 20 gwei is 20000000000 wei."},
    {"id": "2", "title": "Keys", "text": "Never log a private key."},
]
with PluginManager("build/plugins", entry_points=False) as manager:
    search = manager["search"]
    print(search, isinstance(search, ConnectionPlugin))
    print(manager.perform_action("search", "index", {"documents": documents}))
    for hit in manager.perform_action("search", "query", {"text": "price in wei"}):
        print(f"{hit['score']:.2f} {hit['title']}: {hit['snippet']}")
    said = ["Gas is cheap this morning.", "What would you automate first?"]
    closest = manager.execute_sync("similar", {"text": "Gas is cheap today.", "texts": said})[0]
    print(f"{closest['score']:.2f} {closest['text']}")
