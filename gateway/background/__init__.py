"""TASKS BESIDE THE PATH: the routes watcher and what a reload does.

Room rule: nothing here runs on the path of a request; a fault here is logged and never ends the
gateway. Whoever starts a task of this room owns it.
"""
