"""Doubles for tests: real servers and callers on loopback that do exactly as they are told."""
