"""Who may have the pages, and with which headers."""

import re
from pathlib import Path

import httpx
import pytest

import kiosk.display
from kiosk.display.feed import Feed
from kiosk.display.site import site

FOLDER = Path(kiosk.display.__file__).parent / "page"
PAGES = ["/", "/staff", "/health", "/words", "/sounds/approved.wav"] + [
    f"/{path.relative_to(FOLDER)}" for path in sorted(FOLDER.rglob("*")) if path.suffix in {".css", ".js", ".svg"}
]


@pytest.fixture
def ask(run):
    """Ask the application directly; `host` is the configured one, `address` where the client came in."""

    def asked(path, method="GET", *, host="door.example", address="127.0.0.1", **headers):
        async def main():
            transport = httpx.ASGITransport(site(Feed(lambda: 0), host))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}:8080") as client:
                return await client.request(method, path, headers=headers)

        return run(main())

    return asked


@pytest.mark.parametrize("path", [*PAGES, "/nothing"])
def test_every_answer_says_that_nothing_from_outside_may_run_and_nothing_is_kept(ask, path):
    headers = ask(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_given_and_may_be_asked_for_without_their_content(ask, path):
    assert ask(path).status_code == 200
    head = ask(path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_the_health_is_a_json_object(ask):
    assert ask("/health").json() == {"ok": True}


def test_the_stream_may_be_asked_for_without_its_content(ask):
    head = ask("/events", "HEAD")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/events", "/nothing"])
def test_the_display_can_only_be_looked_at(ask, method, path):
    assert ask(path, method).status_code == 405


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.8.8.8:80", "[::1]:8080", "[::1]", "door.example:1"],
)
def test_this_machines_own_names_are_answered(ask, host):
    assert ask("/", Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]",
     "127.0.0.1@evil.example", "[", "]", "::1x"],
)  # fmt: skip
def test_a_name_that_somebody_else_chose_is_not_answered(ask, host):
    assert ask("/", Host=host).status_code == 421


def test_the_address_by_which_a_client_came_is_one_of_our_names(ask):
    assert ask("/health", host="0.0.0.0", address="192.0.2.7").status_code == 200
    assert ask("/health", host="0.0.0.0", address="192.0.2.7", Host="192.0.2.8").status_code == 421


@pytest.mark.parametrize(("path", "script"), [("/", "/page.js"), ("/staff", "/staff/page.js")])
def test_a_page_needs_nothing_from_outside_and_holds_nothing_inline(ask, path, script):
    page = ask(path).text
    assert "http" not in page
    assert "style=" not in page
    assert f'<script type="module" src="{script}"></script>' in page
    assert page.count("<script") == 1
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    scripts = "".join(ask(path).text for path in PAGES if path.endswith(".js"))
    assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "http") if word in scripts]


def test_a_real_server_refuses_a_foreign_host_too(display):
    answer = httpx.get(f"{display.url}/events", headers={"Host": "evil.example"})
    assert answer.status_code == 421
