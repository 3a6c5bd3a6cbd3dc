"""The demo: real departments and an embedded broker around the real gateway, in one command."""
