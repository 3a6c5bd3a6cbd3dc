from __future__ import annotations

from datetime import UTC, datetime

import orjson

from gateway.operations.routes_report import Reload, RoutesReport
from gateway.routing.model import (
    Channel,
    Department,
    Endpoint,
    HttpBackend,
    KafkaBackend,
    KafkaMode,
    Rate,
    Routes,
    SecretKind,
    SecretRef,
    Service,
)
from gateway.routing.problem import Problem

LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROBLEM = Problem(
    code="unknown_key",
    file="routes.yaml",
    line=12,
    column=5,
    path='services["edu.payment"].tiemout',
    found="tiemout",
    allowed="timeout",
    suggestion="timeout",
    message="made up",
    fix="made up",
    message_zh="虚构",
    fix_zh="虚构",
)

ROUTES = Routes(
    departments={"xishan-edu": Department("xishan-edu", "锡山教育局")},
    channels={
        "sufuban": Channel(
            "sufuban",
            keys=(SecretRef(SecretKind.ENV, "SUFUBAN_KEY"),),
            services=("*",),
            rate=Rate(10, 1.0),
            burst=10,
        )
    },
    services={
        "edu.payment": Service(
            "edu.payment",
            "教育缴费",
            "xishan-edu",
            http=HttpBackend((Endpoint("http", "127.0.0.1", 9101),)),
        ),
        "edu.card": Service(
            "edu.card", "学生卡", "xishan-edu", kafka=KafkaBackend("cards", KafkaMode.ACCEPT)
        ),
    },
    digest="sha256:1a2b",
)


def test_the_report_says_what_runs_and_since_when() -> None:
    assert RoutesReport(ROUTES, LOADED).as_json() == {
        "version": 1,
        "digest": "sha256:1a2b",
        "loaded_at": LOADED,
        "counts": {"departments": 1, "channels": 1, "services": 2},
        "services": [
            {
                "id": "edu.payment",
                "title": "教育缴费",
                "department": "xishan-edu",
                "transport": "http",
            },
            {
                "id": "edu.card",
                "title": "学生卡",
                "department": "xishan-edu",
                "transport": "kafka",
            },
        ],
        "refused": {},
        "rejected": [],
        "rejected_digest": None,
        "last_reload": None,
    }


def test_a_refused_service_is_shown_with_what_runs_instead() -> None:
    report = RoutesReport(
        ROUTES, LOADED, refused={"edu.payment": [PROBLEM], "edu.new": [PROBLEM, PROBLEM]}
    )
    assert report.as_json()["refused"] == {
        "edu.payment": {"running": "last good version", "problems": [PROBLEM.as_json()]},
        "edu.new": {"running": "nothing", "problems": [PROBLEM.as_json()] * 2},
    }


def test_a_rejected_file_is_shown_with_its_problems_and_the_reading_that_found_them() -> None:
    reload = Reload("refused", datetime(2026, 1, 2, 4, 0, tzinfo=UTC))
    report = RoutesReport(ROUTES, LOADED, rejected=[PROBLEM], last_reload=reload).as_json()
    assert report["rejected"] == [PROBLEM.as_json()]
    assert report["rejected_digest"] is None
    assert report["last_reload"] == {"result": "refused", "at": reload.at}


def test_a_rejected_version_is_named_by_its_digest() -> None:
    report = RoutesReport(ROUTES, LOADED, rejected=[PROBLEM], rejected_digest="ab12").as_json()

    assert report["rejected_digest"] == "ab12"
    assert report["version"] == 1


def test_no_key_and_no_place_of_a_key_is_shown() -> None:
    assert b"SUFUBAN" not in orjson.dumps(RoutesReport(ROUTES, LOADED).as_json())
