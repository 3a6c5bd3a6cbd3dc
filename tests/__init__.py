"""The tests: they mirror the rooms of `gateway/`; sockets, servers and wires in them are real."""
