"""Log lines as they leave the process: form, fields, and what they may never hold."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import configure, correlated
from gateway.ports.values import Secret

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What `configure` changes is the process's own; put back after each test."""
    ours, root, levels = structlog.get_config(), logging.getLogger(), {}
    handlers, level = list(root.handlers), root.level
    for name in ("twilio", "httpx", "mail.log"):
        levels[name] = logging.getLogger(name).level
    yield
    structlog.configure(**ours)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    configure("info", stream=stream)
    return lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_event_and_its_fields(lines: Lines) -> None:
    structlog.get_logger().info("delivery.sent", delivery_id=7, account="acme.sms", ms=12.5)
    (line,) = lines()
    assert str(line.pop("at")).endswith("Z")
    assert line == {"level": "info", "event": "delivery.sent", "delivery_id": 7, "account": "acme.sms", "ms": 12.5}


def test_the_correlation_id_is_on_every_line_inside(lines: Lines) -> None:
    with correlated("req-12345678") as given_id:
        structlog.get_logger().info("a")
        logging.getLogger("aiohttp.access").info("b")
    structlog.get_logger().info("c")
    assert given_id == "req-12345678"
    assert [line.get("correlation_id") for line in lines()] == [given_id, given_id, None]


@pytest.mark.parametrize(
    "offered", [None, "", "short", "x" * 65, "with space", "line\nbreak", "0712345123", "a@b.example"]
)
def test_a_correlation_id_that_is_none_is_replaced(offered: str | None) -> None:
    with correlated(offered) as first, correlated(offered) as second:
        assert first != second
        assert len(first) == 16
        assert offered not in (first, second)


def test_the_standard_library_goes_the_same_way(lines: Lines) -> None:
    logging.getLogger("aiohttp.access").info('"%s" %d', "GET /p/0000q0uAbCdEfGhIjK HTTP/1.1", 200)
    (line,) = lines()
    assert line["event"] == '"GET /p/0000q0u… HTTP/1.1" 200'
    assert line["logger"] == "aiohttp.access"
    assert line["level"] == "info"


def test_libraries_that_write_bodies_are_quiet_even_at_debug(stream: io.StringIO) -> None:
    configure("debug", json=True, stream=stream)
    for name in ("twilio.http_client", "httpx", "mail.log", "telegram.ext"):
        logging.getLogger(name).info("request body")
        logging.getLogger(name).debug("request body")
    logging.getLogger("httpx").warning("slow")
    assert [orjson.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["slow"]


def test_warnings_become_lines(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old thing", stacklevel=1)
    assert "old thing" in str(lines()[0]["event"])


def test_only_the_level_and_above(lines: Lines) -> None:
    structlog.get_logger().debug("hidden")
    logging.getLogger("x").debug("hidden")
    structlog.get_logger().error("shown")
    assert [line["event"] for line in lines()] == ["shown"]


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match="'loud' is not a log level"):
        configure("loud")


def test_configuring_again_replaces_and_does_not_double(stream: io.StringIO, lines: Lines) -> None:
    other = io.StringIO()
    configure("info", json=True, stream=other)
    structlog.get_logger().info("once")
    logging.getLogger("x").info("once too")
    assert stream.getvalue() == ""
    assert len(other.getvalue().splitlines()) == 2


def test_a_terminal_gets_readable_lines(stream: io.StringIO) -> None:
    stream.isatty = lambda: True  # type: ignore[method-assign]
    configure("info", stream=stream)
    structlog.get_logger().info("delivery.sent", to="+40712345123")
    assert "delivery.sent" in stream.getvalue()
    assert "+407••••123" in stream.getvalue()
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(stream.getvalue())


def test_an_exception_is_told_without_what_it_held(lines: Lines) -> None:
    def fail() -> None:
        raise ValueError("no route to +40712345123 or ana@example.ro by /p/0000q0uAbCdEfGhIjK")

    for logger in (structlog.get_logger(), logging.getLogger("x")):
        try:
            fail()
        except ValueError:
            logger.exception("send.failed")
    for line in lines():
        assert "ValueError: no route to +407••••123 or a•••@example.ro by /p/0000q0u…" in str(line["exception"])
        assert "in fail" in str(line["exception"])


@pytest.mark.parametrize("json", [True, False])
def test_nothing_secret_or_personal_in_any_field(stream: io.StringIO, json: bool) -> None:
    configure("info", json=json, stream=stream)

    @given(
        email=st.emails(),
        digits=st.from_regex(r"7[0-9]{8}", fullmatch=True),
        secret=st.text("abcdefghijklmnop", min_size=20, max_size=30),
    )
    def check(email: str, digits: str, secret: str) -> None:
        stream.seek(0)
        stream.truncate()
        log = structlog.get_logger().bind(bound=f"+40{digits}")
        log.warning(f"call {email}", to=f"0{digits}", deep=[{email: {"n": f"40{digits}"}}], key=Secret(secret))
        log.warning(
            "e", error=RuntimeError(f"whsec_{secret}", email), header=f"Bearer {secret}", url=f"/x?token={secret}"
        )
        logging.getLogger("aiosmtpd.x").warning("RCPT TO:<%s> from +40%s %s", email, digits, {"password": secret})
        logging.getLogger("x").error("bot%s:%s", digits, secret * 2)
        text = stream.getvalue()
        assert len(text.splitlines()) == 4
        assert email not in text
        assert digits not in text.replace(f"bot{digits}", "")
        assert f"_{secret}" not in text
        assert f"Bearer {secret}" not in text
        assert f"sig={secret}" not in text
        assert secret * 2 not in text

    check()
