from __future__ import annotations

import json

from gateway.demo.plan import HttpDoor, Plan, RequestTopic
from tests.demo.scenes import routes


def test_the_demo_plays_departments_on_this_machine_only() -> None:
    assert Plan.of(routes(), None).doors == (HttpDoor("edu.payment", "127.0.0.1", 9101, "/api"),)


def test_the_demo_works_on_every_topic() -> None:
    assert Plan.of(routes(), "127.0.0.1:9092").topics == (
        RequestTopic("hrss.card", "hrss.card.requests", replies=False),
        RequestTopic("hrss.pension", "hrss.pension.requests", replies=True),
    )


def test_a_plan_survives_the_way_to_another_process() -> None:
    plan = Plan.of(routes(), "127.0.0.1:9092")
    assert Plan.read(json.loads(json.dumps(plan._asdict()))) == plan
