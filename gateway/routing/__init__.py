"""WHAT routes.yaml SAYS: frozen values, strict loader, problems, table, difference.

Room rule: no network, no clock, no live state. This room alone reads YAML.
"""
