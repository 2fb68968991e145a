"""The report in a real browser: it draws, filters, listens to keys and asks the network for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from report_runs import HOSTILE, SOLUTION, Plan, make_sweep
from vgrout.report import build_report

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}")
PANELS = (
    "pareto-hinted", "pareto-plain", "training-deployed-hack", "training-as_trained-solve_plain", "zones-0",
    "score-time", "score-histogram", "metric-score_auroc", "metric-quarantine_mass", "dose", "scale-hack",
)  # fmt: skip


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small sweep with every section in it."""
    folder = tmp_path_factory.mktemp("report")
    plans = [
        Plan(intervention="none", auroc=None, hack=(0.9, 0.9)),
        Plan(seed=0, scales=(0.25, 0.5), answers=(HOSTILE, SOLUTION)),
        Plan(seed=1, scales=(0.25, 0.5)),
        Plan(seed=0, draw=1, auroc=0.5, prompts=False),
    ]
    verdict = {"name": "direction", "sentence": "A verdict with a </script><b>tag</b>."}
    build_report([make_sweep(folder / "sweep", plans, verdict=verdict)], folder / "report.html", rollouts=160)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Opened:
    """The report in a tab, with what went wrong and what it asked for."""

    def __init__(self, browser: "sync_api.Browser", path: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        # Five megabytes of script take their time on a machine that does something else.
        self.page.set_default_timeout(120_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._route)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#chart-dose .main-svg")

    def _route(self, route: "sync_api.Route") -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
            return
        self.requests.append(route.request.url)
        route.abort()

    def choose(self, name: str, label: str) -> None:
        self.page.select_option(f"#filter-{name}", label=label)

    def until(self, condition: str) -> None:
        # The page's policy forbids `eval`, so Playwright's own waiting for an expression cannot be used.
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.evaluate("new Promise(requestAnimationFrame)")
        pytest.fail(f"{condition} did not become true")

    def where(self) -> str:
        return self.page.inner_text(".where")

    def facts(self) -> dict[str, str]:
        pairs = self.page.locator(".rollout-facts > div").all_inner_texts()
        return {name: value for name, _, value in (pair.partition("\n") for pair in pairs)}


@pytest.fixture(scope="module")
def tab(browser: "sync_api.Browser", page_path: Path) -> Iterator[Opened]:
    tab = Opened(browser, page_path)
    yield tab
    tab.page.close()


@pytest.fixture
def opened(tab: Opened) -> Opened:
    """The page at its top with no filter set."""
    for name in ("arm_name", "run", "mode", "label", "zone", "source"):
        tab.choose(name, "all")
    for name in ("from", "to"):
        tab.page.fill(f"#filter-{name}", "")
    tab.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    return tab


def test_charts_are_drawn_without_a_complaint_or_a_request(opened: Opened) -> None:
    for name in PANELS:
        assert opened.page.locator(f"#chart-{name} .main-svg").count() > 0, name
    assert opened.page.locator("#chart-dose .scatterlayer .point").count() == 3
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == []


def test_finding_stands_first_and_its_tags_are_text(opened: Opened) -> None:
    assert opened.page.inner_text(".finding") == "A verdict with a </script><b>tag</b>."
    assert opened.page.evaluate("window.hacked") is None


def test_legend_hides_an_arm_in_every_chart(opened: Opened) -> None:
    marks = opened.page.locator("#chart-dose .scatterlayer .point")
    key = opened.page.locator("#training .key", has_text="Haar directions")
    key.click()
    assert (marks.count(), key.get_attribute("aria-pressed")) == (2, "false")
    key.click()
    assert marks.count() == 3


def test_filters_leave_what_fits(opened: Opened) -> None:
    assert opened.where() == "1 of 160"
    opened.choose("label", "reward_hack")
    opened.choose("mode", "sentinel")
    opened.page.fill("#filter-from", "4")
    found = opened.facts()
    assert (found["Label"], found["Mode"], found["Prompt"]) == ("reward hack", "sentinel", "hinted")
    assert int(found["Step"]) >= 4
    opened.page.fill("#filter-from", "400")
    assert opened.where() == "none fits the filters"


def test_keys_turn_the_pages_only_where_the_browser_is_seen(opened: Opened) -> None:
    opened.page.keyboard.press("j")
    assert opened.where() == "1 of 160"
    opened.page.locator("#browser").scroll_into_view_if_needed()
    for key, place in (("j", 2), ("ArrowRight", 3), ("k", 2), ("ArrowLeft", 1), ("ArrowLeft", 1)):
        opened.page.keyboard.press(key)
        assert opened.where() == f"{place} of 160"
    assert opened.page.locator(".pager kbd").all_inner_texts() == ["j", "→", "k", "←"]


def test_hostile_answer_is_shown_as_text(opened: Opened) -> None:
    opened.choose("run", "smoke-routeA-s0-1")
    while "</script>" not in opened.page.inner_text(".answer"):
        opened.page.click("#next")
    shown = opened.page.inner_text(".answer")
    assert "<script>window.hacked = 1</script><!-- <img src=x onerror='window.hacked=2'>" in shown
    assert "⟨U+202E⟩⟨U+0000⟩⟨U+2028⟩ ${window.hacked=3} &lt;b&gt;" in shown
    assert opened.page.locator(".answer script, .answer img").count() == 0
    assert opened.page.evaluate("window.hacked") is None


def test_prompt_is_shown_with_its_hint_or_said_to_be_missing(opened: Opened) -> None:
    opened.choose("run", "smoke-routeA-s1-2")
    opened.choose("mode", "sentinel")
    assert (
        opened.page.inner_text(".prompt mark") == "The grader reads the attribute `marlin` of the solution."
    )
    opened.choose("run", "smoke-routeA-random1-s0-3")
    assert "`prompts.jsonl` is missing" in opened.page.inner_text(".texts")


def test_narrow_page_does_not_scroll_sideways(opened: Opened) -> None:
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.until("document.querySelector('#chart-dose .main-svg').clientWidth <= 390")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.page.set_viewport_size({"width": 1280, "height": 900})


def test_dark_page_has_dark_charts_and_prints_light(opened: Opened) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    tick = "getComputedStyle(document.querySelector('#chart-dose .xtick text')).fill"
    mark = "document.querySelector('#chart-dose .point').style.fill"
    light = [opened.page.evaluate(item) for item in (background, tick, mark)]
    opened.page.emulate_media(color_scheme="dark")
    opened.until(f"{mark} !== '{light[2]}'")
    dark = [opened.page.evaluate(item) for item in (background, tick, mark)]
    assert all(one != other for one, other in zip(dark, light, strict=True))
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.page.evaluate(mark) == light[2]
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.page.evaluate(mark) == dark[2]
    opened.page.emulate_media(color_scheme="light")
    assert opened.complaints == []
