"""Relying parties and identity providers of others meet the server on either database."""

from __future__ import annotations

import pytest
from launch import Server, new_database


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest):
    name = request.module.__name__.removeprefix("test_")
    database = new_database(name) if request.param == "postgres" else None
    with Server(f"{name}-{request.param}", database=database) as running:
        yield running
