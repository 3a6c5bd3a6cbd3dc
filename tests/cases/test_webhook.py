"""A callback as the Standard Webhooks specification has it; the case of the tests is made up."""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson

from gateway.cases.case import Answer, State
from gateway.cases.store import Callback
from gateway.cases.webhook import webhook_body, webhook_headers
from tests.cases.samples import NOON, a_case

CASE = a_case(state=State.CLOSED)._replace(
    answer=Answer(200, "text/plain", b"made-up personal data")
)
TOLD = Callback("msg_1", CASE.id, "app", State.ANSWERED, NOON)


def test_a_callback_tells_of_the_change_and_not_what_the_answer_is() -> None:
    body = webhook_body(TOLD, CASE)
    assert b"personal" not in body
    assert orjson.loads(body) == {
        "type": "case.answered",
        "timestamp": "2026-05-20T12:00:00.123+00:00",
        "data": {
            "id": CASE.id,
            "service": "permit.apply",
            "department": "housing",
            "state": "answered",
            "status_url": f"/cases/{CASE.id}",
        },
    }


def test_a_callback_is_signed_as_standard_webhooks_has_it() -> None:
    key = bytes(range(24))
    headers = webhook_headers("msg_1", b"{}", f"whsec_{base64.b64encode(key).decode()}", NOON)
    stamp = headers["webhook-timestamp"]
    assert stamp == str(int(NOON.timestamp()))
    digest = hmac.new(key, f"msg_1.{stamp}.{{}}".encode(), hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["webhook-id"] == "msg_1"


def test_any_other_secret_is_taken_as_it_is() -> None:
    for secret in ("plain-secret", "whsec_not base64"):
        headers = webhook_headers("m", b"{}", secret, NOON)
        signed = f"m.{headers['webhook-timestamp']}.{{}}".encode()
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
