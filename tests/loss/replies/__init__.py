"""Thousands of callers wait at once for a department that answers in every bad way there is.

Room rule: as `tests.loss`, a black box. Each request has a number of its own, and every answer
carries the number that it answers, so that nobody has to be believed.
"""
