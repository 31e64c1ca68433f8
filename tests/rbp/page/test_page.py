"""The page in a browser: draw, learn, erase, recall; and the report, which needs nothing else."""

import html
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from bokeh.events import ButtonClick
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from tornado.ioloop import IOLoop

import rbp
from rbp.cli import main
from rbp.engines.learner import learner
from rbp.errors import InputError
from rbp.page import looks, report, watch
from rbp.paper import figure1
from rbp.paper.networks import visible_memory

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="chromium and chromedriver are not installed"
)


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in ("--headless=new", "--no-sandbox", "--window-size=1100,1250"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def picture_problem():
    """A memory of 5×5 pictures that knows a cross."""
    cross = np.eye(5) + np.eye(5)[::-1] > 0
    return visible_memory(np.where(cross.ravel(), 0.9, 0.1)[None], np.random.default_rng(1))


@pytest.fixture
def served():
    """A page's address and the page that the browser opens."""
    made, ready = [], threading.Event()

    def make():
        made.append(watch.Watch(picture_problem(), "model", each=20))
        return made[-1]

    def run():
        IOLoop(make_current=True)
        server = watch.server(make)
        server.start()
        made.append(server)
        ready.set()
        server.io_loop.start()

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(20)
    server = made.pop(0)
    yield f"http://127.0.0.1:{server.port}/", made
    server.io_loop.add_callback(server.io_loop.stop)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


SHADOW = """
const found = [];
const look = root => root.querySelectorAll('*').forEach(e => {
  found.push(e); if (e.shadowRoot) look(e.shadowRoot); });
look(document);
"""


def button(browser, label):
    script = SHADOW + "return found.find(e => e.tagName == 'BUTTON' && e.innerText == arguments[0])"
    until(lambda: browser.execute_script(script, label))
    return browser.execute_script(script, label)


def bokeh(browser, name):
    """The values of a picture's source, as the page has them."""
    return browser.execute_script(
        "const f = Bokeh.documents[0].get_model_by_name(arguments[0]);"
        "return Array.from(f.renderers[0].data_source.data.value)",
        name,
    )


def tap(browser, name, x, y, side=5):
    """Click a point of a picture."""
    place = browser.execute_script(
        "const f = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(arguments[0]));"
        "const b = f.canvas_view.el.getBoundingClientRect(), i = f.frame_view.bbox;"
        "return [b.x + i.x, b.y + i.y, i.width, i.height]",
        name,
    )
    left, top, width, height = place
    actions = ActionChains(browser)
    at = (left + width * (x + 0.5) / side, top + height * (y + 0.5) / side)
    actions.w3c_actions.pointer_action.move_to_location(*map(int, at))
    actions.w3c_actions.pointer_action.click()
    actions.perform()


@needs_browser
def test_draw_learn_erase_recall(browser, served):
    """As a pupil does it, with the mouse; the recalled picture is read back from the page."""
    address, made = served
    browser.get(address)
    button(browser, "learn it")
    until(lambda: browser.execute_script("return Bokeh.documents[0].is_idle"))
    drawn = np.zeros((5, 5))
    for x, y in ((2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (0, 2), (1, 2)):
        tap(browser, "draw", x, y)
        drawn[y, x] = 1
        until(lambda: bokeh(browser, "draw") == drawn.ravel().tolist())
    button(browser, "learn it").click()
    page = made[-1]
    until(lambda: page.done >= 400)
    button(browser, "Pause").click()
    button(browser, "erase half").click()
    until(lambda: bokeh(browser, "draw")[12:] == [0.5] * 13)
    button(browser, "recall").click()
    until(lambda: bokeh(browser, "recalled") != [0.5] * 25)
    assert (np.round(bokeh(browser, "recalled")) == drawn.ravel()).all()
    assert page.problem.patterns == 2
    if shot := os.environ.get("RBP_SCREENSHOT"):
        browser.save_screenshot(shot)
    asked = "".join(entry["message"] for entry in browser.get_log("performance"))
    hosts = set(re.findall(r'"url":"(?:https?|wss?)://([^/":]+)', asked))
    assert hosts == {"127.0.0.1"}
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]


@needs_browser
def test_report(browser, tmp_path):
    """The file shows its figures without a network."""
    problem = tmp_path / "p.npz"
    figure1.problem().save(problem)
    rbp.train(figure1.problem(), 20, seed=1).save(tmp_path / "r.npz")
    page = tmp_path / "r.html"
    assert main(["report", str(tmp_path / "r.npz"), "--out", str(page)]) == 0
    browser.get(f"file://{page}")
    until(lambda: browser.execute_script("return Bokeh.documents.length == 1"))
    script = SHADOW + "return found.filter(e => e.tagName == 'CANVAS').length"
    until(lambda: browser.execute_script(script) >= 3)
    assert "20 updates on model" in browser.execute_script(
        SHADOW + "return found.map(e => e.innerText || '').join(' ')"
    )
    asked = "".join(entry["message"] for entry in browser.get_log("performance"))
    assert not re.findall(r'"url":"https?://', asked)


@pytest.mark.parametrize("engine", ["golden", "model", "rtl"])
def test_learns_as_train(engine):
    """The page's numbers are those of one training, whatever is looked at meanwhile."""
    page = watch.Watch(figure1.problem(), engine, each=3, seed=5)
    for _ in range(2):
        page.learn()
    known = rbp.train(figure1.problem(), 6, "golden", seed=5)
    assert page.energy.source.data["master"] == known.energy.tolist()
    assert (page.job.result().weights_raw == known.weights_raw).all()
    assert ("entry" in page.weights.source.data) == (engine == "rtl")
    page.eta.value = -2
    page._tuned("eta_shift")(None, None, -2)
    page.learn()
    more = rbp.train(known, 3, "golden", eta_shift=-2)
    assert (page.job.result().weights_raw == more.weights_raw).all()


def clicked(page, name):
    (button,) = [b for b in [page.once, *page.memory.buttons] if b.name == name]
    button._trigger_event(ButtonClick(button))
    return page.words.text


def test_what_goes_wrong_is_said():
    """On the page, whichever button it was; what was learned stays."""
    page = watch.Watch(picture_problem(), "rtl", macs=2, slots=1)
    page.layout()
    assert clicked(page, "recall").startswith("stopped: nothing is learned yet")
    assert clicked(page, "step").startswith("5 updates")
    assert clicked(page, "learn it").startswith("stopped: a batch of 2 patterns does not fit")
    assert page.problem.patterns == 1
    assert clicked(page, "step").startswith("10 updates")


@pytest.mark.parametrize("engine", ["model", "rtl"])
def test_sliders_before_an_update(engine):
    """Of a result that is continued, and twice in a pause."""
    known = rbp.train(figure1.problem(), 3, "golden")
    page = watch.Watch(known, engine, each=3)
    page.look()
    for k in (-1, -2):
        page._tuned("eta_shift")(None, None, k)
    page.learn()
    page._tuned("dt_shift")(None, None, 1)
    page.look()
    assert page.words.text.startswith("6 updates")
    more = rbp.train(known, 3, "golden", eta_shift=-2)
    assert (page.job.result().weights_raw == more.weights_raw).all()


def test_a_title_is_text():
    page = report.html(rbp.train(figure1.problem(), 1), "<img src=x>")
    assert "&lt;img src=x&gt;" in html.unescape(page)
    assert "<h1><img" not in html.unescape(page)


def test_settling_ends_where_recall_does():
    problem = figure1.problem()
    result = rbp.train(problem, 20)
    start = np.where(problem.read_units, problem.targets, problem.start)
    for k in range(problem.patterns):
        path = looks.states_settling(result, start[k], problem.inputs[k])
        rest = rbp.recall(result, start[k], fixed_steps=looks.SHOWN_STEPS).values[0]
        assert (path[-1] == rest).all()


def test_the_slave():
    problem = figure1.problem()
    job = learner(problem, "model")
    job.train(10)
    cues = np.where(problem.read_units, problem.targets, problem.start)
    rest = rbp.recall(job.result(), cues).values
    difference = (problem.targets - rest)[:, problem.target_units]
    assert looks.slave_energy(job, problem) == float((difference**2).sum() / 2)


def test_who_visits_a_weight():
    """Each connection has an entry and a multiplier of its own; a row's is always the same one."""
    problem = figure1.problem()
    entry, macs = looks.visits(problem, rbp.Settings(macs=5))
    assert len(set(zip(entry.ravel().tolist(), macs.ravel().tolist(), strict=True))) == 225
    assert sorted(set(macs.ravel())) == list(range(5))
    assert all(len(set(row)) == 1 for row in macs)


def test_grid():
    problem = picture_problem()
    assert watch.grid_of(problem) == (5, 5)
    assert watch.grid_of(problem, (1, 25)) == (1, 25)
    assert watch.grid_of(figure1.problem()) is None
    with pytest.raises(InputError, match="a point for each visible unit, 25, not 4×5"):
        watch.grid_of(problem, (4, 5))


def test_command(tmp_path):
    """It says where the page is, and ends with Ctrl-C; only this machine is listened to."""
    figure1.problem().save(tmp_path / "p.npz")
    words = [sys.executable, "-m", "rbp", "watch", str(tmp_path / "p.npz"), "--no-browser"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert re.match(r"http://127\.0\.0\.1:\d+/ shows it learn", line)
    process.send_signal(2)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")


def test_bad_input(tmp_path, capsys):
    path = tmp_path / "p.npz"
    figure1.problem().save(path)
    for words, said in (
        (["watch", str(path), "--grid", "axb"], "grid must be HxW"),
        (["watch", str(path), "--grid", "0x0"], "grid must be HxW"),
        (["watch", str(path), "--listen", "70000"], "listen must be"),
        (["watch", str(path), "--engine", "board"], "engine board needs a port"),
        (["watch", str(path), "--port", "x"], "port is for engine board"),
        (["watch", str(path), "--baud", "9600"], "baud is for engine board"),
        (["watch", str(path), "--each", "0"], "each must be"),
        (["watch", str(tmp_path / "none.npz")], "none.npz"),
        (["report", str(path), "--out", str(tmp_path / "o.html")], "expected a result"),
    ):
        assert main(words) == 2, words
        assert said in capsys.readouterr().err
    assert not (tmp_path / "o.html").exists()
    rbp.train(figure1.problem(), 1).save(tmp_path / "r.npz")
    kept = path.read_bytes()
    assert main(["report", str(tmp_path / "r.npz"), "--out", str(path)]) == 2
    assert path.read_bytes() == kept
    page = ["report", str(tmp_path / "r.npz"), "--out", str(tmp_path / "o.html")]
    assert [main(page), main(page)] == [0, 0]
