"""`zpl validate`: does a plugin do what every host may expect of it?

Each check runs in a child process of its own (`child`), which may crash or hang (`runner`); the
command (`command`) never loads a plugin itself.
"""
