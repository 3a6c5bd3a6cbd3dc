"""The kinds of mistake that routes.yaml can hold, in one table by code.

Room rule: `gateway check`, the ops door and the documentation all show these; a test makes each
of them happen.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode
from gateway.routing.problem_codes.of_keys import OF_KEYS
from gateway.routing.problem_codes.of_references import OF_REFERENCES
from gateway.routing.problem_codes.of_schemas import OF_SCHEMAS
from gateway.routing.problem_codes.of_syntax import OF_SYNTAX
from gateway.routing.problem_codes.of_values import OF_VALUES

__all__ = ["PROBLEM_CODES", "ProblemCode"]

PROBLEM_CODES: Final[dict[str, ProblemCode]] = {
    kind.code: kind for kind in (*OF_SYNTAX, *OF_KEYS, *OF_VALUES, *OF_REFERENCES, *OF_SCHEMAS)
}
