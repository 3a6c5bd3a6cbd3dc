"""The routes as the path of a request asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing.table import RouteTable
from tests.routing.files import GOOD, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(tmp_path: Path) -> RouteTable:
    routes = load(tmp_path, GOOD).routes
    assert routes is not None
    return RouteTable(routes)


def test_a_service_is_found_by_its_id(table: RouteTable) -> None:
    service = table.service("edu.payment")

    assert service is table.routes.services["edu.payment"]
    assert table.service("edu") is None


def test_a_channel_may_call_what_its_grants_mean_and_nothing_else(table: RouteTable) -> None:
    assert table.granted("app") == {"edu.payment", "hrss.card", "hrss.pension"}
    assert table.granted("media") == {"edu.payment"}
    assert table.may_call("media", "edu.payment")
    assert not table.may_call("media", "hrss.card")
    assert not table.may_call("nobody", "edu.payment")
    assert not table.may_call("app", "edu.other")


def test_channels_with_the_same_grants_share_one_set(tmp_path: Path) -> None:
    text = GOOD.replace('services: ["edu.*"]', 'services: ["*"]')
    routes = load(tmp_path, text).routes
    assert routes is not None
    table = RouteTable(routes)

    assert table.granted("app") is table.granted("media")


def test_only_services_that_the_channel_may_call_are_suggested(table: RouteTable) -> None:
    assert table.nearest_services("media", "edu.paymnt") == ("edu.payment",)
    assert table.nearest_services("media", "hrss.cart") == ()
    assert table.nearest_services("app", "hrss.cart")[0] == "hrss.card"
    assert table.nearest_services("nobody", "edu.paymnt") == ()
