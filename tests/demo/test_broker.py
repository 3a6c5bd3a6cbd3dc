from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaProducer

from gateway.demo.broker import EmbeddedBroker

COMMAND = [sys.executable, "-m", "gateway.demo.broker"]


async def test_it_takes_records_at_the_address_that_it_names() -> None:
    async with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        async with asyncio.timeout(20), producer:
            assert (await producer.send_and_wait("topic", b"value")).offset == 0


async def test_killed_it_is_gone_and_leaving_after_that_is_no_error() -> None:
    async with EmbeddedBroker() as broker:
        pid = broker.pid
        await broker.kill()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_it_ends_with_its_block() -> None:
    async with EmbeddedBroker() as broker:
        pid = broker.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_started_again_it_is_another_broker() -> None:
    broker = EmbeddedBroker()
    async with broker:
        first = broker.pid
    async with broker:
        assert broker.pid != first
        assert broker.bootstrap


def test_it_ends_with_whoever_started_it() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"127.0.0.1:")
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_it_ends_when_it_is_told_to() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        process.wait(timeout=10)
    assert process.returncode == -signal.SIGTERM
