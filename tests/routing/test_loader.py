"""The loader as a whole: good files, several files, any bytes, any change of a good file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.loader import ContentDigest, Loaded, load_routes
from gateway.routing.model import (
    Breaker,
    Channel,
    Department,
    Ejection,
    Endpoint,
    HttpBackend,
    Idempotency,
    KafkaBackend,
    KafkaMode,
    KeyRule,
    KeySource,
    Rate,
    Repeat,
    Retry,
    RetryBudget,
    SecretKind,
    SecretRef,
    Service,
)
from gateway.routing.sources import UnreadableFileError
from tests.routing.files import GOOD, changed, load, write

ROOT = Path(__file__).parent.parent.parent


def codes(loaded: Loaded) -> list[str]:
    return [problem.code for problem in loaded.problems]


def test_a_good_file_says_what_is_written(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)

    assert loaded.problems == ()
    assert loaded.routes is not None
    assert loaded.routes.digest == loaded.digest
    assert loaded.routes.departments["edu"] == Department("edu", "教育局", "0510-1", "320205", 200)
    assert loaded.routes.channels["media"] == Channel(
        "media", (SecretRef(SecretKind.FILE, "/run/media"),), ("edu.*",), Rate(50, 60.0), 7
    )
    assert loaded.routes.services["edu.payment"] == Service(
        id="edu.payment",
        title="缴费",
        department="edu",
        http=HttpBackend(
            (
                Endpoint("http", "127.0.0.1", 9101),
                Endpoint("https", "h.example", 9102, 2),
            ),
            path="/api/v2",
            ejection=Ejection(2, 60.0),
        ),
        methods=("GET", "POST"),
        timeout=3.0,
        max_body=1 << 20,
        retry=Retry(3, idempotent=True),
        retry_budget=RetryBudget(0.1, 20.0, 4),
        breaker=Breaker(0.25, 10, 5.0, 1.0),
        repeat=Repeat.CONFLICT,
    )
    assert loaded.routes.services["hrss.pension"].kafka == KafkaBackend(
        "pension", KafkaMode.REPLY, KeyRule(KeySource.QUERY, "subject"), "pension.replies"
    )


def test_what_is_not_written_has_the_default(tmp_path: Path) -> None:
    routes = load(tmp_path, GOOD).routes

    assert routes is not None
    kafka = routes.services["hrss.card"].kafka
    assert routes.services["hrss.card"] == Service(
        "hrss.card", "补换卡", "hrss", kafka=kafka, idempotency=Idempotency.OPTIONAL
    )
    assert routes.channels["app"].burst == 20
    assert routes.departments["hrss"] == Department("hrss", "人社局")


@pytest.mark.parametrize(("rate", "burst"), [("250/s", 250), ("90/m", 2), ("5/d", 1)])
def test_the_burst_is_one_second_of_the_rate_at_least_one(
    rate: str, burst: int, tmp_path: Path
) -> None:
    routes = load(tmp_path, changed("rate: 20/s", f"rate: {rate}")).routes

    assert routes is not None
    assert routes.channels["app"].burst == burst


def test_the_shipped_file_is_good() -> None:
    loaded = load_routes(ROOT / "routes.yaml")

    assert loaded.problems == ()
    assert loaded.routes is not None
    assert {"edu.payment", "hrss.contribution"} < loaded.routes.services.keys()


@pytest.mark.parametrize(
    "text", [GOOD.encode(), b"\xef\xbb\xbf" + GOOD.encode()], ids=["plain", "bom"]
)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_byte_order_mark_and_crlf_change_nothing(
    text: bytes, ends: bytes, tmp_path: Path
) -> None:
    plain, other = load(tmp_path, GOOD), load(tmp_path, text.replace(b"\n", ends))

    assert other.problems == ()
    assert plain.routes is not None
    assert other.routes is not None
    assert other.routes.services == plain.routes.services


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed("timeout: 3s", "timeout: 1:30").replace("mode: reply", "mode: rely")
    write(tmp_path, "services: {x: {titel: a}}\n", "more.yaml")

    loaded = load(tmp_path, text + "include: [more.yaml]\n")

    places = [(Path(p.file).name, p.line, p.code) for p in loaded.problems]
    assert places == [
        ("routes.yaml", 13, "bad_duration"),
        ("routes.yaml", 28, "unknown_value"),
        ("more.yaml", 1, "missing_key"),
        ("more.yaml", 1, "transport_missing"),
        ("more.yaml", 1, "unknown_key"),
    ]
    assert loaded.refused == {"edu.payment", "hrss.pension", "x"}


def test_included_files_add_to_all_parts(tmp_path: Path) -> None:
    text = "version: 1\ndepartments: {tax: {name: 税务}}\nservices:\n"
    text += "  tax.x: {title: t, department: tax, http: {endpoints: [http://h:1]}}\n"
    write(tmp_path, text, "routes.d/tax.yaml")

    loaded = load(tmp_path, GOOD + "include: [routes.d/*.yaml]\n")

    assert loaded.problems == ()
    assert loaded.routes is not None
    assert loaded.routes.services["tax.x"].department == "tax"
    assert [Path(name).name for name in loaded.sources] == ["routes.yaml", "tax.yaml"]


def test_a_service_in_two_files_is_refused_and_both_places_are_named(tmp_path: Path) -> None:
    write(tmp_path, "services:\n  edu.payment: {title: t}\n", "b.yaml")

    loaded = load(tmp_path, GOOD + "include: [b.yaml]\n")

    problem = next(p for p in loaded.problems if p.code == "duplicate_definition")
    assert (Path(problem.file).name, problem.line) == ("b.yaml", 2)
    assert f"{tmp_path}/routes.yaml:9:3" in problem.message
    assert loaded.routes is not None
    assert "edu.payment" not in loaded.routes.services


def test_an_included_file_cannot_include(tmp_path: Path) -> None:
    write(tmp_path, "include: [c.yaml]\n", "b.yaml")

    loaded = load(tmp_path, GOOD + "include: [b.yaml]\n")

    assert codes(loaded) == ["include_nested"]
    assert loaded.routes is None


def test_a_file_that_cannot_be_read_counts_as_defining_all(tmp_path: Path) -> None:
    write(tmp_path, "departments: {hrss: {name: x\n", "b.yaml")
    text = changed("  hrss: {name: 人社局}\n", "").replace('"edu.*"', '"tax.*"')

    loaded = load(tmp_path, text + "include: [b.yaml]\n")

    assert codes(loaded) == ["bracket_not_closed"]


def test_definitions_before_a_syntax_error_are_checked_as_well(tmp_path: Path) -> None:
    text = changed("timeout: 3s", "timeuot: 3s") + "  tax.x: {title: [\n"

    assert codes(load(tmp_path, text)) == ["unknown_key", "bracket_not_closed"]


def test_a_problem_without_a_service_leaves_no_routes(tmp_path: Path) -> None:
    loaded = load(tmp_path, changed("rate: 20/s", "rate: 20"))

    assert loaded.routes is None


def test_an_id_that_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    loaded = load(tmp_path, changed("  hrss.card:", "  hrss card:"))

    assert loaded.ids_unreadable
    assert loaded.refused == {"hrss card"}


def test_places_of_secrets_are_kept(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)

    place = loaded.secrets[SecretRef(SecretKind.ENV, "APP_KEY")]
    assert (place.line, place.column, place.path) == (6, 27, ("channels", "app", "keys", 0))


# --- the digest -------------------------------------------------------------------------------


def test_secrets_are_kept_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert [str(reference) for reference in load(tmp_path, GOOD).secrets] == [
        "env:APP_KEY",
        "file:/run/media",
    ]


def test_the_digest_is_that_of_the_load_and_follows_every_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "include: [d/*.yaml]\n")
    write(tmp_path, "services: {}\n", "d/a.yaml")
    digest = ContentDigest(path)
    seen = [digest.current()]

    write(tmp_path, "services: {}\n# changed\n", "d/a.yaml")
    seen.append(digest.current())
    write(tmp_path, "services: {}\n", "d/b.yaml")
    seen.append(digest.current())
    write(tmp_path, GOOD)
    seen.append(digest.current())

    assert len(set(seen)) == 4
    assert digest.current() == seen[-1] == load_routes(path).digest


@pytest.mark.parametrize("item", ["d/*.yaml", "none.yaml", "../x.yaml", "d", '""', "no"])
def test_the_digest_agrees_with_the_load_whatever_is_included(item: str, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + f"include: [{item}]\n")
    write(tmp_path, "services: {}\n", "d/a.yaml")

    assert ContentDigest(path).current() == load_routes(path).digest


def test_a_config_map_is_followed_when_its_link_is_swapped(tmp_path: Path) -> None:
    for version, title in (("..1", "一"), ("..2", "二")):
        write(
            tmp_path,
            changed("title: 缴费", f"title: {title}") + 'include: ["*.yaml"]\n',
            f"{version}/routes.yaml",
        )
        write(tmp_path, "services: {}\n", f"{version}/more.yaml")
    (tmp_path / "..data").symlink_to("..1")
    for name in ("routes.yaml", "more.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    path = tmp_path / "routes.yaml"
    digest = ContentDigest(path)
    first, before = digest.current(), load_routes(path)

    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")

    after = load_routes(path)
    assert before.problems == after.problems == ()
    assert [Path(name).name for name in after.sources] == ["routes.yaml", "more.yaml"]
    assert (first, digest.current()) == (before.digest, after.digest)
    assert first != after.digest
    assert after.routes is not None
    assert after.routes.services["edu.payment"].title == "二"


def test_a_main_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        load_routes(tmp_path / "none.yaml")
    with pytest.raises(UnreadableFileError):
        ContentDigest(tmp_path / "none.yaml").current()


# --- any input --------------------------------------------------------------------------------


def load_anything(data: bytes) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        return load(Path(folder), data)


def assert_sound(loaded: Loaded, data: bytes) -> None:
    """Routes without problems or problems with places; nothing else can come out."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.split("\n")
    assert loaded.routes is not None or loaded.problems
    for problem in loaded.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message
        assert problem.fix
    if loaded.routes is not None:
        assert loaded.refused.isdisjoint(loaded.routes.services)
        assert bool(loaded.refused) == bool(loaded.problems)


@given(st.binary(max_size=300))
def test_any_bytes_give_problems_and_never_an_exception(data: bytes) -> None:
    assert_sound(load_anything(data), data)


YAML_PIECES = st.sampled_from(
    [
        "a",
        "version",
        "1",
        "services",
        ": ",
        ":",
        "\n",
        "\n  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        '"',
        "&x ",
        "*x",
        "!t ",
        "<<",
        "? ",
        "| ",
        "> ",
        "# c",
        "---\n",
        "...\n",
        "%Y\n",
        "~",
        "\t",
        "\r\n",
        "：",
        "é",
        "\\",
        "@",
        "`",
        "\ufeff",
    ]
)


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
def test_any_pieces_of_yaml_give_problems_and_never_an_exception(text: str) -> None:
    assert_sound(load_anything(text.encode()), text.encode())


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The good file with a few passages cut, doubled, moved or overwritten."""
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        passage = text[start:end]
        piece = draw(st.one_of(st.just(""), st.just(passage * 2), YAML_PIECES, st.text(max_size=5)))
        text = text[:start] + piece + text[end:]
    return text


@given(mutations())
def test_any_change_of_a_good_file_gives_sound_results(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert_sound(load_anything(data), data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 100_000, "too_deep"),
        (b"{a: " * 100_000, "too_deep"),
        (b"- " * 100_000, "too_deep"),
        (b"? " * 100_000, "too_deep"),
        (b"[{" * 100_000, "too_deep"),
        ("".join("  " * depth + "a:\n" for depth in range(2000)).encode(), "too_deep"),
        (b"&a [*a, *a]", "alias"),
        (b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(99)), "alias"),
        (b"%TAG !a b\n" * 200_000, "directive"),
        (b"a: 1\n...\n" + b"%TAG !a b\n" * 200_000, "multiple_documents"),
        (b"version: " + b"x" * (8 << 20), "bad_version"),
        (b"\n" * (4 << 20), "file_empty"),
        (b"a: '" + b"x\n" * (1 << 20), "quote_not_closed"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:12]!r}",
)
def test_hostile_input_ends_quickly_with_a_problem(data: bytes, code: str) -> None:
    loaded = load_anything(data)

    assert code in codes(loaded)
    assert_sound(loaded, data)
