import json
import shutil

import pandas as pd
import pytest
from jinja2 import UndefinedError

from resmooth import site
from resmooth.audit.evidence import RUN_COLUMNS
from resmooth.audit.published import AUDIT_COLUMNS

EVIL = '<script>document.title="taken"</script>'
ROWS = [  # method, metric, radius, printed, ours, verdict, reason
    ("Gaussian", "acr", None, "10.5", 10.49, "reproduced", "ten and a half"),
    ("Gaussian", "certified_accuracy", 0.5, "9", 9.2, "reproduced", "nine"),
    ("Consistency", "certified_accuracy", 1.0, "34", 34.8, "rounding", f"truncated {EVIL}"),
    ("SmoothMix", "acr", None, "100.2", None, "not derivable", 'none "published" & known'),
]


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=["method", "metric", "radius", "printed", "ours", "verdict", "reason"])
    fixed = {
        "source": "lecture",
        "item": "table",
        "dataset": "imagenet",
        "sigma": 0.5,
        "images": 500,
        "sha256": "0" * 64,
    }
    log = {"log": "owner/name/log.tsv", "address": "https://example.org/log"}
    digits = [len(text.partition(".")[2]) for text in frame.printed]
    frame = frame.assign(**fixed, **log, id=[f"claim-{i}" for i in range(len(frame))], printed_digits=digits)
    frame = frame.assign(standard_error=0.5, ci_low=frame.ours - 1, ci_high=frame.ours + 1, caveat="")
    return frame.reindex(columns=AUDIT_COLUMNS).assign(statement="", full_log_value=None)


def joined_frame():
    """Four numbers and a statement, with what a run says of each."""
    frame = frame_of(ROWS)
    statement = frame.iloc[:1].assign(
        id="claim-4", metric="statement", statement="Three beat <one>", verdict="", item="versus"
    )
    empty = dict.fromkeys(["ours", "standard_error", "ci_low", "ci_high", "images", "sigma", "radius"], float("nan"))
    statement = statement.assign(
        printed="", printed_digits=0, method="", dataset="", log="", address="", reason="See the run.", **empty
    )
    frame = pd.concat([frame, statement], ignore_index=True)
    says = [
        (10.2, 9.5, 10.9, "", "holds", "close", "a.tsv", ""),
        (8.0, 7.5, 8.5, "%", "fails", "too low", "b.tsv", ""),
        (None, None, None, "", "not comparable", "digits instead of imagenet", "", ""),
        (None, None, None, "", "not comparable", "digits instead of imagenet", "", ""),
        (-1.5, -2.5, -0.5, "%", "fails", f"three less one {EVIL}", "c.csv", "ensembles/versus"),
    ]
    return pd.concat([frame, pd.DataFrame(says, columns=RUN_COLUMNS)], axis=1)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    site.write_page(folder / "index.html", frame_of(ROWS))
    return folder / "index.html"


def test_text_is_escaped_and_only_https_addresses_are_links(page):
    text = page.read_text(encoding="utf-8")
    assert EVIL not in text and text.count("&lt;script&gt;") == 1
    assert text.count("<script>") == 1 and "http-equiv" in text
    unsafe = site.render(frame_of(ROWS).assign(address="javascript:alert(1)"))
    assert "javascript:" not in unsafe and "<a href" not in unsafe


def test_the_summary_counts_every_verdict(page):
    text = page.read_text(encoding="utf-8")
    assert "The 4 numbers of 1 source." in text and "1 published log of certified images" in text
    assert "2 reproduced, 1 rounding, 1 not derivable" in text and "<b>This run" not in text


def test_caveats_are_shown_and_counted():
    text = site.render(frame_of(ROWS).assign(caveat="made at <alpha> = 0.01"))
    assert text.count("but made at &lt;alpha&gt; = 0.01") == len(ROWS)
    assert "Of the reproduced numbers, 2 come from a log" in text
    assert "Of the reproduced" not in site.render(frame_of(ROWS))


def test_several_sources_have_a_line_each():
    frame = frame_of(ROWS)
    assert "<li>" not in site.render(frame)
    frame.loc[3, "source"] = "notes"
    text = site.render(frame)
    assert '<a href="#q=lecture">lecture</a>: 3 claims; 2 reproduced, 1 rounding</li>' in text
    assert '<a href="#q=notes">notes</a>: 1 claim; 1 not derivable</li>' in text


def test_formulas_and_the_best_sigma():
    frame = frame_of(ROWS[:2]).assign(log="", address="", sigma=float("nan"))
    assert "Of a formula" not in site.render(frame)
    frame.loc[0, ["metric", "ours", "dataset"]] = ["formula", 0.5, ""]
    frame.loc[1, "metric"] = "certified_accuracy_l1"
    text = site.render(frame)
    assert "0 published logs of certified" in text and "Of a formula" in text
    assert text.count(">best</td>") == 1 and "accuracy in l1, %" in text and ">formula</td>" in text


def test_a_failed_write_leaves_no_file(tmp_path):
    with pytest.raises(UndefinedError):
        site.write_page(tmp_path / "index.html", frame_of(ROWS).drop(columns="reason"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    path = tmp_path_factory.mktemp("joined") / "index.html"
    site.write_page(path, joined_frame(), "ten images of digits")
    return path


def test_a_run_is_counted_and_shown_beside_the_published_evidence(joined):
    text = joined.read_text(encoding="utf-8")
    assert "The 4 numbers and 1 statement of 1 source." in text and EVIL not in text
    assert "This run</b>, ten images of digits: 1 holds, 2 fails, 2 not comparable." in text
    assert '<td role="cell" data-label="Statement">Three beat &lt;one&gt;</td>' in text
    assert 'data-label="This run" class="number" data-value="-1.5">−1.5 %</td>' in text
    assert 'data-value="-2.5">−2.5 to −0.5</td>' in text
    assert 'data-verdict="no verdict" data-run_verdict="fails" class="statement"' in text
    assert (
        text.count('value="no verdict"') == 1
    )  # of the published evidence alone: this run says something of every claim


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = (
        "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync --window-size=1500,900"
    )
    for flag in (*flags.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as chrome:
        yield chrome


@pytest.fixture
def view(browser, page):
    def opened(fragment=""):
        browser.get("about:blank")
        browser.get(page.as_uri() + fragment)
        return browser

    return opened


def shown(browser):
    """Numbers of the visible rows, in their order, and what the counter says."""
    script = "return [...document.querySelectorAll('#claims tbody tr')].filter(r => r.offsetHeight).map(r => r.id)"
    return [int(name.removeprefix("claim-")) for name in browser.execute_script(script)], text_of(browser, "shown")


def text_of(browser, name):
    return browser.find_element("id", name).text


def header(browser, name):
    return next(h for h in browser.find_elements("css selector", "#claims th") if h.text.rstrip(" ▲▼") == name)


def click(browser, name):
    header(browser, name).find_element("tag name", "button").click()
    return shown(browser)[0]


def box(browser, verdict):
    return browser.find_element("css selector", f"input[value='{verdict}']")


def test_numbers_sort_as_numbers_and_missing_ones_come_last(view):
    browser = view()
    assert shown(browser) == ([0, 1, 2, 3], "4 of 4 shown")
    assert click(browser, "Printed") == [1, 0, 2, 3]
    assert header(browser, "Printed").get_attribute("aria-sort") == "ascending"
    assert click(browser, "Printed") == [3, 2, 0, 1]
    assert header(browser, "Printed").get_attribute("aria-sort") == "descending"
    assert click(browser, "Printed") == [0, 1, 2, 3]
    assert header(browser, "Printed").get_attribute("aria-sort") == "none"
    assert click(browser, "Re-derived") == [1, 0, 2, 3]
    assert click(browser, "Re-derived") == [2, 0, 1, 3]
    assert header(browser, "Printed").get_attribute("aria-sort") == "none"


def test_every_column_sorts(view):
    browser = view()
    names = [h.text for h in browser.find_elements("css selector", "#claims th")]
    assert len(names) == 14
    for name in names:
        assert sorted(click(browser, name)) == [0, 1, 2, 3]
        assert header(browser, name).get_attribute("aria-sort") == "ascending"
    assert click(browser, "Method") == [2, 0, 1, 3]


def test_headers_work_from_the_keyboard(view):
    browser = view()
    header(browser, "Method").find_element("tag name", "button").send_keys("\ue007")
    assert shown(browser)[0] == [2, 0, 1, 3]


def test_filter_by_words_and_verdicts_survives_a_reload(view):
    browser = view()
    field = browser.find_element("id", "text")
    field.send_keys("gaussian NINE")
    assert shown(browser) == ([1], "1 of 4 shown")
    field.clear()
    field.send_keys("a")
    box(browser, "reproduced").click()
    assert shown(browser) == ([2, 3], "2 of 4 shown")
    assert click(browser, "Printed") == [2, 3] and click(browser, "Printed") == [3, 2]
    address = browser.current_url
    assert "q=a" in address and "sort=-Printed" in address and "reproduced" not in address
    for reload in (browser.refresh, lambda: view("#" + address.partition("#")[2])):
        reload()
        assert shown(browser) == ([3, 2], "2 of 4 shown")
        assert not box(browser, "reproduced").is_selected() and box(browser, "rounding").is_selected()
        assert header(browser, "Printed").get_attribute("aria-sort") == "descending"


def test_a_linked_view_and_an_unknown_fragment(view):
    assert shown(view("#verdict=rounding,differs"))[0] == [2]
    assert shown(view("#sort=Nothing&unknown=1"))[0] == [0, 1, 2, 3]
    assert shown(view("#claim-2"))[0] == [0, 1, 2, 3]
    assert shown(view("#%zz"))[0] == [0, 1, 2, 3]


def test_nothing_is_requested_and_no_script_of_the_data_runs(view, page):
    browser = view()
    browser.get_log("performance")
    browser.refresh()
    click(browser, "Reason")
    assert browser.title == "Audit of the claims" and EVIL in text_of(browser, "claim-2")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
    assert {url.partition("#")[0] for url in asked if url.startswith("file:")} == {page.as_uri()}
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_table_is_there_without_scripts(view):
    from selenium.common.exceptions import NoSuchElementException

    browser = view()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert not browser.find_element("id", "filter").is_displayed()
        assert browser.find_element("id", "claim-3").is_displayed()
        with pytest.raises(NoSuchElementException):
            browser.find_element("css selector", "#claims th button")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [400, 1000, 1310, 1600])
def test_no_sideways_scrolling(view, width):
    browser = view()
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_thousands_of_rows_stay_quick(browser, tmp_path):
    rows = [(f"method {i % 7}", "acr", None, f"{i / 1000:.3f}", i / 1000, "reproduced", "x" * 200) for i in range(5000)]
    site.write_page(tmp_path / "big.html", frame_of(rows))
    browser.get((tmp_path / "big.html").as_uri())
    browser.execute_script("window.start = performance.now()")
    order = click(browser, "Printed")
    assert order[:3] == [0, 1, 2] and browser.execute_script("return performance.now() - window.start") < 5000


def test_both_verdicts_filter_and_sort(browser, joined):
    browser.get("about:blank")
    browser.get(joined.as_uri())
    assert shown(browser) == ([0, 1, 2, 3, 4], "5 of 5 shown")
    assert click(browser, "This run") == [4, 1, 0, 2, 3]
    assert click(browser, "Its verdict") == [1, 4, 0, 2, 3]
    browser.find_element("css selector", "input[name=run_verdict][value='not comparable']").click()
    assert shown(browser)[0] == [1, 4, 0]
    browser.find_element("css selector", "input[name=verdict][value='no verdict']").click()
    assert shown(browser)[0] == [1, 0]
    browser.refresh()
    assert shown(browser) == ([1, 0], "2 of 5 shown")


@pytest.mark.parametrize("width", [400, 1000, 1310, 1600])
def test_no_sideways_scrolling_with_a_run(browser, joined, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.get(joined.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert "Three beat <one>" in text_of(browser, "claim-4") and "three less one" in text_of(browser, "claim-4")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
